"""devcontainer.json, in the forms in which people write it."""

import json

import pytest

from swe_scale.environment.devcontainer import Devcontainer, read_devcontainer
from swe_scale.environment.hostile_json import parse_jsonc
from swe_scale.environment.project import Project

PLACE = ".devcontainer/devcontainer.json"


def read(content: object, place: str = PLACE, **others: str) -> Devcontainer:
    text = content if isinstance(content, str) else json.dumps(content)
    texts = {place: text, **{name.replace("__", "/").replace("_", "."): one for name, one in others.items()}}
    found = read_devcontainer(Project(tuple(texts), texts))
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            '{"a": 1, // x\n "b": "http://x//y", /* z\n */ "c": [1, 2,],}',
            {"a": 1, "b": "http://x//y", "c": [1, 2]},
        ),
        ('{"a": "say \\"//no\\" ,}"}', {"a": 'say "//no" ,}'}),
        ("[]", []),
    ],
)
def test_comments_and_last_commas_are_no_fault(text: str, value: object) -> None:
    assert parse_jsonc(text) == value


@pytest.mark.parametrize("text", ['"/* ' * 250_000, "/* " * 350_000, '"' + '\\"' * 500_000, '"\\' * 500_000])
def test_what_is_never_closed_is_read_in_linear_time(text: str) -> None:
    with pytest.raises(json.JSONDecodeError):
        parse_jsonc(text)


@pytest.mark.parametrize(
    "text", ["{", "", "[" * 100_000, '{"a": /* }', "3", '{"a": ' * 900 + "1" + "}" * 900]
)
def test_what_is_no_object_is_ignored_and_said_so(text: str) -> None:
    found = read(text)
    assert found.image is None and found.build is None and "ignored" in found.notes[0]


@pytest.mark.parametrize("place", [PLACE, ".devcontainer.json", ".devcontainer/python/devcontainer.json"])
def test_it_is_found_where_it_may_be(place: str) -> None:
    assert read({"image": "a:1"}, place).image == "a:1"
    assert read_devcontainer(Project(("a",), {})) is None


def test_commands_have_three_forms() -> None:
    found = read(
        {
            "image": "a:1",
            "onCreateCommand": "one && two",
            "updateContentCommand": ["pip", "install", "a b"],
            "postCreateCommand": {"x": "three", "y": ["four"]},
            "postStartCommand": "never",
        }
    )
    assert found.setup == ("one && two", "pip install 'a b'", "three", "four")
    assert any("postStartCommand" in note for note in found.notes)


def test_a_dockerfile_is_found_from_its_own_folder() -> None:
    given = {
        "build": {
            "dockerfile": "Dockerfile",
            "context": "..",
            "target": "dev",
            "args": {"A": "1", "B": "${localEnv:B}"},
        }
    }
    build = read(given, _devcontainer__Dockerfile="FROM a\n").build
    assert build is not None
    assert (build.dockerfile, build.context, build.target, build.arguments) == (
        ".devcontainer/Dockerfile", "", "dev", {"A": "1"},
    )  # fmt: skip
    old = read({"dockerFile": "../Dockerfile"}, Dockerfile="FROM b\n").build
    assert old is not None and (old.text, old.context) == ("FROM b\n", ".devcontainer")


@pytest.mark.parametrize(
    "content",
    [
        {"build": {"dockerfile": "../../Dockerfile"}},
        {"build": {"dockerfile": "/etc/Dockerfile"}},
        {"build": {"dockerfile": "none"}},
        {"build": {"dockerfile": "Dockerfile", "context": "../.."}},
        {"dockerComposeFile": "compose.yml", "image": "a:1"},
        {"image": "${localEnv:IMAGE}"},
        {"image": 3},
        {},
    ],
)
def test_what_leaves_the_repository_or_is_not_there_is_ignored(content: object) -> None:
    found = read(content, _devcontainer__Dockerfile="FROM a\n")
    assert found.image is None and found.build is None and found.notes


def test_variables_are_public_and_not_this_hosts() -> None:
    found = read(
        {
            "image": "a:1",
            "workspaceFolder": "/w/${localWorkspaceFolderBasename}",
            "containerEnv": {"A": "${containerWorkspaceFolder}/x", "API_KEY": "k", "PATH": "/x", "1": "2"},
            "remoteEnv": {"B": "${localEnv:HOME}", "C": "2", "D": None},
        }
    )
    assert dict(found.variables) == {"A": "/w/work/x", "C": "2"} and found.workdir == "/w/work"
    assert len(found.notes) == 5 and any("secret" in note for note in found.notes)
    assert read({"image": "a:1", "workspaceFolder": "../w"}).workdir is None


@pytest.mark.parametrize(
    "bad", ["a\0", "\ud800", ["a", "\0"], ["a", [[]]], {"x": {"y": "a"}}, {"x": "\0"}, "a" * 10**5]
)
def test_commands_that_no_shell_can_be_given_are_left_out(bad: object) -> None:
    found = read({"image": "a:1", "onCreateCommand": bad, "postCreateCommand": "fine"})
    assert found.setup == ("fine",)


def test_what_no_record_can_hold_is_left_out() -> None:
    build = {"dockerfile": "Dockerfile", "target": "\0", "args": {"A": "\ud800", "\ud800": "b", "C": 3}}
    container = {"build": build, "containerEnv": {"A": "\0", "\ud800": "b", "C": [[]], "D": "d"}}
    found = read({**container, "workspaceFolder": "/w\ud800"}, _devcontainer__Dockerfile="FROM a\n")
    assert found.build is not None and (found.build.target, found.build.arguments) == ("", {"C": "3"})
    assert (dict(found.variables), found.workdir) == ({"D": "d"}, None)
    assert read({"image": "a\0"}).image is None


def test_a_folder_cannot_be_multiplied_beyond_memory() -> None:
    found = read(
        {
            "image": "a:1",
            "workspaceFolder": "/" + "w" * 400_000,
            "onCreateCommand": "${containerWorkspaceFolder}" * 20_000,
            "containerEnv": {"A": "${containerWorkspaceFolder}" * 1000},
        }
    )
    assert (found.workdir, found.setup) == (None, ())
    long = read(
        {
            "image": "a:1",
            "workspaceFolder": "/" + "w" * 250,
            "onCreateCommand": "${containerWorkspaceFolder}" * 1000,
        }
    )
    assert long.setup == () and long.notes
