"""A recipe is written into a TOML file and nothing else of it changes."""

import json
import tomllib
from pathlib import Path

import pytest

from swe_scale.environment.options import Options, table_of
from swe_scale.environment.project import Project
from swe_scale.environment.proposals import proposals
from swe_scale.environment.written import pinned
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.records import Service
from swe_scale.sandbox import Recipe

PLACE = Path("swe-scale.toml")
RECIPE = Recipe(
    setup=("python -m pip install -e .", 'a\n\'b\' """ c'),
    test="pytest {tests}",
    profile="python",
    python=True,
    python_version="3.9",
    variables={"A": "b"},
    services=(Service(name="db", port=5432, command="postgres"),),
)


def test_what_is_written_leads_to_the_same_recipe() -> None:
    text = pinned(RECIPE, "", PLACE)
    table = table_of(Options(), text, Events())
    assert table is not None and (table.setup, table.test, table.python) == (RECIPE.setup, RECIPE.test, "3.9")
    assert (table.services, table.language) == (RECIPE.services, "python")
    assert pinned(RECIPE, text, PLACE) == text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", ""),
        ("# mine\nmode = 3\n\n[limits] # x\na = 1\n", ""),
        ("", "[limits]\na = 1 # kept\n"),
        ("[a]\nb = 1\n", '[[c]]\nd = "[environment]"\n[[c]]\nd = 2\n'),
    ],
)
def test_other_tables_stay_as_they_are(before: str, after: str) -> None:
    old = '[environment]\nsetup = "x" # old\n[[environment.services]]\nname = "s"\nport = 1\ncommand = "c"\n'
    text = pinned(RECIPE, f"{before}{old}{after}", PLACE)
    assert before.strip("\n") in text and after.strip("\n") in text and "old" not in text
    found = tomllib.loads(text)
    assert found.pop("environment")["test"] == "pytest {tests}"
    assert found == tomllib.loads(before + after)


def test_remarks_stay_with_the_table_that_they_are_of() -> None:
    old = '# first\n[environment]\n# goes\ntest = "x"\n\n# of what follows\n\n[lint]\na = 1\n# last\n'
    text = pinned(RECIPE, old, PLACE)
    assert text.startswith("# first\n\n[environment]\n") and "# goes" not in text
    assert text.endswith("# of what follows\n\n[lint]\na = 1\n# last\n")
    assert pinned(RECIPE, '[environment]\ntest = "x"\n# the end\n', PLACE).endswith("# the end\n")


def test_ends_of_lines_stay_as_they_are() -> None:
    text = pinned(RECIPE, "[limits]\r\na = 1\r\n\r\n[environment]\r\ntest = 'x'\r\n", PLACE)
    assert text.count("\n") == text.count("\r\n") > 8
    table = table_of(Options(), text, Events())
    assert table is not None and table.setup == RECIPE.setup
    assert pinned(RECIPE, text, PLACE) == text


def test_a_number_of_thousands_of_digits_is_no_toml() -> None:
    long = "a = " + "9" * 5000
    with pytest.raises(UsageError, match="not valid TOML"):
        pinned(RECIPE, long, PLACE)
    with pytest.raises(UsageError, match="not valid TOML"):
        table_of(Options(), long, Events())


WAYS: dict[str, dict[str, str]] = {
    "image": {".devcontainer.json": '{"image": "a:1", "postCreateCommand": "make"}'},
    "build": {
        ".devcontainer/devcontainer.json": json.dumps(
            {"build": {"dockerfile": "Dockerfile", "context": "..", "target": "dev", "args": {"A": "b"}}}
        ),
        ".devcontainer/Dockerfile": "FROM a:1\n",
    },
    "own folder": {".devcontainer.json": '{"build": {"dockerfile": "ci/Dockerfile", "context": "ci"}}',
                   "ci/Dockerfile": "FROM a:1\n"},
    "node": {"package.json": '{"scripts": {"test": "jest"}}', "a.test.js": "", "pyproject.toml": ""},
    "profile": {},
}  # fmt: skip


@pytest.mark.parametrize("kind", WAYS)
def test_every_way_leads_back_to_itself(kind: str) -> None:
    texts = {"setup.py": "", "tests/test_a.py": "import pytest\n", **WAYS[kind]}
    known = Project(tuple(sorted(texts)), texts)
    options = Options(basis="python:3.11")
    recipe = proposals(options, None, known, "docker")[0].recipe
    table = table_of(Options(), pinned(recipe, "", PLACE), Events())
    assert proposals(options, table, known, "docker")[0].recipe == recipe


def test_a_file_without_the_table_gets_it() -> None:
    assert pinned(RECIPE, "[limits]\na = 1\n", PLACE).startswith("[limits]\na = 1\n\n[environment]\n")


@pytest.mark.parametrize(
    "text", ["environment = {setup = 'x'}\n", "environment.setup = 'x'\n", "[environment\n"]
)
def test_what_cannot_be_replaced_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"swe-scale\.toml"):
        pinned(RECIPE, text, PLACE)


def test_a_text_that_is_made_to_stall_or_crash_is_refused_or_kept() -> None:
    with pytest.raises(UsageError, match="not valid TOML"):
        pinned(RECIPE, f"a = {'9' * 5_000}\n", PLACE)
    stalling = f'a = """\n[{" " * 200_000}x"""\n'
    assert pinned(RECIPE, stalling, PLACE).startswith(stalling)
