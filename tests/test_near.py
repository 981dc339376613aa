"""Which of the repository's own tests are run for a change."""

import subprocess
from pathlib import Path

import pytest

from swe_scale.regression import find_near, near
from swe_scale.regression.imports import names_used
from swe_scale.repo import Repository


@pytest.mark.parametrize(
    "text",
    [
        "import pkg.parser",
        "from pkg import parser",
        "from pkg.parser import parse",
        "from pkg.parser import *",
        "import pkg\npkg.parser.parse()",
        "import pkg as p\np.parser.parse()",
        "from ..parser import parse",
        "def test():\n    from pkg import parser as q",
        "mock.patch('pkg.parser.parse')",
    ],
)
def test_a_test_that_uses_the_module_is_near(text: str) -> None:
    tests = {"pkg/checks/test_zzz.py": text, "elsewhere/test_b.py": "import pkg\nparser = 1"}
    assert near(["pkg/parser.py"], tests) == ("pkg/checks/test_zzz.py",)


@pytest.mark.parametrize(
    "text",
    [
        "import pkg.parsers",
        "import other.parser",
        "from .parser import x",
        "x = 'see pkg.parser.parse for more'",
        "# import pkg.parser",
        "import pkg.parser; def",
        "-" * 50_000 + "parser",
        "(" * 500 + "parser",
        "import pkg.parser\0",
    ],
)
def test_a_test_that_does_not_use_it_is_not(text: str) -> None:
    assert near(["pkg/parser.py"], {"elsewhere/test_zzz.py": text}) == ()


@pytest.mark.parametrize("root", ["src/", "lib/", ""])
def test_modules_are_known_below_their_source_root(root: str) -> None:
    tests = {"a/test_x.py": "import pkg.deep.parser", "a/test_y.py": "import pkg.deep"}
    assert near([f"{root}pkg/deep/parser.py"], tests) == ("a/test_x.py",)


@pytest.mark.parametrize(
    ("init", "use"),
    [
        ("from .parser import parse", "from pkg import parse"),
        ("from pkg.parser import parse as read", "import pkg\npkg.read()"),
        ("from .parser import *", "from pkg import parse"),
    ],
)
def test_what_a_package_passes_on_counts(init: str, use: str) -> None:
    found = {
        "src/pkg/__init__.py": init,
        "src/pkg/parser.py": "def parse(): pass\ndef _hidden(): pass\n",
        "a/test_x.py": use,
        "a/test_y.py": "from pkg import other",
    }
    assert near(["src/pkg/parser.py"], found) == ("a/test_x.py",)


def test_names_and_folders_count_less_than_use() -> None:
    found = {
        "tests/other/test_q.py": "import pkg.parser",
        "tests/test_parser.py": "",
        "tests/test_parser_errors.py": "",
        "tests/parser/test_z.py": "",
        "tests/other/test_z.py": "",
        "tests/test_z.py": "",
    }
    assert near(["pkg/parser.py"], found) == (
        "tests/other/test_q.py",
        "tests/test_parser.py",
        "tests/test_parser_errors.py",
        "tests/parser/test_z.py",
        "tests/test_z.py",
    )


def test_a_package_is_known_by_its_folder() -> None:
    found = {"x/test_parser.py": "", "x/test_b.py": "import pkg.parser", "x/test_c.py": "import pkg"}
    assert near(["pkg/parser/__init__.py"], found) == ("x/test_b.py", "x/test_parser.py")


def test_the_tests_of_the_same_package_are_near() -> None:
    found = {"pkg/sub/tests/test_z.py": "", "pkg/other/tests/test_z.py": "", "tests/test_sub/test_y.py": ""}
    assert near(["pkg/sub/data.json"], found) == ("pkg/sub/tests/test_z.py", "tests/test_sub/test_y.py")


def test_tests_of_no_package_fill_the_room_or_stand_in() -> None:
    flat = {f"tests/test_{n}.py": "" for n in range(5)}
    assert near(["pkg/a.py"], flat) == tuple(flat)
    assert near(["pkg/a.py"], flat, 2) == ("tests/test_0.py", "tests/test_1.py")
    found = {**flat, "tests/test_z.py": "import pkg.a"}
    assert near(["pkg/a.py"], found) == ("tests/test_z.py", *flat)
    assert near(["pkg/a.py"], found, 5) == ("tests/test_z.py",)


def test_a_changed_test_is_near_and_brings_no_others() -> None:
    found = {"tests/test_z.py": "", "tests/test_y.py": "import tests.test_z"}
    assert near(["tests/test_z.py"], found) == ("tests/test_z.py",)


def test_the_choice_is_bounded_and_does_not_depend_on_order() -> None:
    found = {f"tests/test_{n:02}.py": "import pkg.a" if n % 2 else "" for n in range(40)}
    chosen = near(["pkg/a.py", "pkg/b.py"], found)
    assert len(chosen) == 12
    assert chosen[0] == "tests/test_01.py"
    assert near(["pkg/b.py", "pkg/a.py", "pkg/a.py"], dict(reversed(found.items()))) == chosen
    assert near(["pkg/a.py"], found, 3) == ("tests/test_01.py", "tests/test_03.py", "tests/test_05.py")


@pytest.mark.parametrize("name", ["-x", "@x", "a\nb", "a;b", "$(x)", "a\udcff"])
def test_paths_that_could_be_taken_for_more_are_left_out(name: str) -> None:
    assert near(["pkg/a.py"], {f"{name}/test_x.py": "import pkg.a"}) == ()


def test_names_are_resolved() -> None:
    used = names_used("a/b/test_x.py", "import numpy.linalg as la\nla.norm(x)\nfrom .. import c\nself.d.e\n")
    assert used == {"numpy", "numpy.linalg", "numpy.linalg.norm", "a", "a.c"}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    files = {
        "src/pkg/__init__.py": "from .a import f",
        "src/pkg/a.py": "def f(): pass",
        "checks/test_x.py": "from pkg import f",
        "checks/test_y.py": "from pkg import g",
    }
    for path, text in files.items():
        (tmp_path / "r" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "r" / path).write_text(text)
    identity = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    for command in (("init", "-q"), ("add", "-A"), (*identity, "commit", "-q", "-m", "m")):
        subprocess.run(("git", *command), cwd=tmp_path / "r", check=True)
    return tmp_path / "r"


@pytest.mark.anyio
async def test_the_base_tree_is_read(source: Path, tmp_path: Path) -> None:
    repository = await Repository.open(str(source), tmp_path / "store")
    tree = await repository.tree_of(await repository.resolve())
    assert await find_near(repository, tree, ["src/pkg/a.py", "src/pkg/new.py"]) == ("checks/test_x.py",)
