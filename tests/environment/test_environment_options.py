"""The `[environment]` table, of the repository and of the user."""

from pathlib import Path

import pytest

from swe_scale.environment.options import Options, Table, table_of
from swe_scale.errors import UsageError
from swe_scale.events import Event, Events
from swe_scale.records import Service


def read(own: str | None, file: Path | None = None) -> tuple[Table | None, list[Event]]:
    heard: list[Event] = []
    return table_of(Options(environment_file=file), own, Events([heard.append])), heard


def test_the_table_is_read() -> None:
    own = '[environment]\nimage = "a:1"\nsetup = ["x", "y"]\ntest = "make t"\nworkdir = "/src"\n'
    table, heard = read(own)
    assert table == Table(image="a:1", setup=("x", "y"), test="make t", workdir="/src")
    assert heard == []


def test_what_else_may_be_said() -> None:
    own = (
        '[environment]\nsubdir = "./a/b/"\nlanguage = "python"\npython = "3.9"\nneeds = ["native"]\n'
        'variables = {A = "b"}\ndockerfile = "ci/Dockerfile"\n[[environment.services]]\nname = "db"\n'
        'port = 5432\ncommand = "postgres"\n'
    )
    table, _ = read(own)
    service = Service(name="db", port=5432, command="postgres")
    assert table == Table(
        subdir="a/b", language="python", python="3.9", needs=("native",), variables={"A": "b"},
        dockerfile="ci/Dockerfile", services=(service,),
    )  # fmt: skip


def test_setup_may_be_one_script() -> None:
    assert read('[environment]\nsetup = "a\\nb"\n')[0] == Table(setup=("a\nb",))


def test_everything_else_is_ignored_and_said_so() -> None:
    own = 'network = true\n[models.default]\nbase_url = "http://x"\n[limits]\nseconds = 1\n[environment]\n'
    table, heard = read(own)
    assert table == Table()
    (event,) = heard
    assert "'limits', 'models', 'network'" in event.text
    assert "only [environment] is read" in event.text


def test_nothing_said_is_nothing() -> None:
    assert read(None) == (None, [])
    assert read("")[0] is None


@pytest.mark.parametrize(
    ("own", "named"),
    [
        ('[environment]\nmounts = ["/"]\n', "mounts"),
        ("[environment]\nsetup = 3\n", "setup"),
        ("[environment]\nsetup = [3]\n", "setup"),
        ('[environment]\nworkdir = "src"\n', "absolute path"),
        ('[environment]\ntest = ""\n', "test"),
        ('[environment]\nsubdir = "../x"\n', "subdir"),
        ('[environment]\nsubdir = "/x"\n', "below the repository's root"),
        ('[environment]\npython = "2.7"\n', "python"),
        ("[environment]\npython = 3.9\n", "python"),
        ('[environment]\nlanguage = "cobol"\n', "known are"),
        ('[environment]\nneeds = ["cobol"]\n', "cobol"),
        ('[environment]\nvariables = {PATH = "/x"}\n', "PATH"),
        ('[environment]\nvariables = {"A=B" = "x"}\n', "variables"),
        ("[environment]\ndockerfile = true\n", "dockerfile"),
        ('[[environment.services]]\nname = "a"\nport = 1\n', "neither `command` nor `image`"),
        ('[[environment.services]]\nname = "a"\nport = 0\ncommand = "x"\n', "port"),
        (2 * '[[environment.services]]\nname = "a"\nport = 1\ncommand = "x"\n', "same name or port"),
        ("environment = 3\n", "[environment]"),
        ("[environment\n", "not valid TOML"),
        ("a = " + "[" * 10_000, "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_by_name(own: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(own)
    assert named in str(caught.value)
    assert "the repository's swe-scale.toml" in str(caught.value)


def test_the_users_file_comes_in_place_of_the_repositorys(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[environment]\ntest = "mine"\n[prices]\n')
    table, heard = read('[environment]\ntest = "theirs"\nimage = "theirs"\n', file)
    assert table == Table(test="mine")
    assert [str(file) in event.text for event in heard] == [True]


def test_a_missing_file_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml can't be read"):
        read(None, tmp_path / "none.toml")


@pytest.mark.parametrize("text", [f"a = {'9' * 5_000}\n", f"a{'.a' * 100_000} = 1\n"])
def test_a_file_that_is_made_to_stall_or_crash_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="not valid TOML"):
        read(text)


def test_a_number_too_long_in_the_users_own_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(f"a = {'9' * 5_000}\n")
    with pytest.raises(UsageError, match="not valid TOML"):
        read(None, tmp_path / "own.toml")
