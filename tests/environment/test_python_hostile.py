"""Files that are made to stall or crash the planning of a Python project are planned like any others."""

import pytest

from swe_scale.environment.project import Project
from swe_scale.environment.python import plan, setup_lines
from swe_scale.environment.python_declared import Declared, specifier
from swe_scale.environment.python_sessions import session_of

SIZE = 1 << 20
BUILD = "[build-system]\nrequires = ['hatchling']\n"


def project(texts: dict[str, str], *others: str) -> Project:
    return Project((*texts, *others), texts)


@pytest.mark.parametrize(
    "text",
    [
        "\n" * SIZE + "x",
        " " * SIZE + "x",
        "def test_(" * (SIZE // 10),
        "import\n" * (SIZE // 7),
        "[pytest]\n" + "addopts = [\n" * (SIZE // 12),
        "[pytest]\n" + 'addopts = """\n' * (SIZE // 14),
        "[pytest]\naddopts" + "\n" * SIZE + "x",
        "[testenv]\na" + " " * SIZE + "b",
        "[testenv]\n" + "a\n" * (SIZE // 2),
        "Version: 1" + " " * SIZE + "x",
        "Requires-Python: " + "<9" * (SIZE // 2),
        "py{" + "3" * SIZE,
        "[testenv]\n" + "a\n" * 60_000,
        "[testenv]\na" + " " * 120_000 + "b",
    ],
)
def test_a_long_text_takes_no_more_than_its_length(text: str) -> None:
    paths = ("setup.cfg", "tox.ini", "pytest.ini", "pyproject.toml", "PKG-INFO", "noxfile.py", "setup.py")
    assert plan(project(dict.fromkeys((*paths, "conftest.py", "tests/test_a.py", "tests/runtests.py"), text)))


def test_groups_that_include_each_other_again_and_again_are_taken_once() -> None:
    twice = "".join(
        f"g{n} = [{{include-group = 'g{n + 1}'}}, {{include-group = 'g{n + 1}'}}]\n" for n in range(64)
    )
    chain = "".join(f"c{n} = [{{include-group = 'c{n + 1}'}}]\n" for n in range(2_500))
    first = "test = [{include-group = 'g0'}, {include-group = 'c0'}, 'z']\n"
    text = f"{BUILD}[dependency-groups]\n{first}{twice}g64 = ['a']\n{chain}c2500 = ['b']\n"
    assert setup_lines(Declared(project({"pyproject.toml": text})))[1] == "python -m pip install a b z"


def test_references_of_tox_that_come_again_and_again_are_followed_once() -> None:
    text = "[testenv]\ndeps =\n  a\n" + "  {[testenv]deps}\n" * 2_000 + "  {[b]deps}\n[b]\ndeps = c\n"
    assert session_of(project({"tox.ini": text})).requirements == ["a", "c"]


def test_a_pattern_of_a_workspace_is_no_trap() -> None:
    text = f"{BUILD}[tool.uv.workspace]\nmembers = ['{'*a' * 40}b', 'p/*', 'p*']\n"
    found = setup_lines(
        Declared(project({"pyproject.toml": text}, f"{'a' * 200}/pyproject.toml", "p/q/pyproject.toml"))
    )
    assert found == ("python -m pip install -e . -e ./p/q",)


@pytest.mark.parametrize(
    "text",
    [
        f"a = {'9' * 5_000}\n",
        f"[project]\nname = 'x'\nrequires-python = '>={'9' * 5_000}'\n",
        f"[tool.poetry.dependencies]\npython = '^{'9' * 5_000}'\nfoo = '^{'9' * 5_000}'\n",
        f"[tool.poetry.dependencies]\nfoo = {'[' * 200}'1'{']' * 200}\n",
    ],
)
def test_numbers_and_lists_that_are_too_much_crash_nothing(text: str) -> None:
    assert plan(project({"pyproject.toml": text, "setup.py": ""}))


@pytest.mark.parametrize("constraint", [f"^{'9' * 5_000}", "1" + " " * SIZE + "x"])
def test_a_constraint_that_is_too_long_is_none(constraint: str) -> None:
    assert specifier(constraint) == ""
