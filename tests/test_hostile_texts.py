"""Texts that were written to keep a reader busy without end; each of these would take minutes or hours."""

from collections.abc import Sequence

import pytest

from swe_scale.formatting.choosing import files_for
from swe_scale.formatting.judging import plainly
from swe_scale.house.formatters import Formatter
from swe_scale.house.found import formatters_of
from swe_scale.house.hook_list import read_hooks
from swe_scale.profiles import WHOLE, read_report
from swe_scale.profiles.places import Places
from swe_scale.profiles.reports import READERS
from swe_scale.regression import near
from swe_scale.regression.imports import names_exported, names_used
from swe_scale.regression.uses import uses

pytestmark = pytest.mark.anyio
MANY = 1_000_000


@pytest.mark.parametrize(
    "text",
    [
        f"running {'1' * 5000} tests",
        f"running 1 test\ntest result: ok. {'1' * 5000} passed; 0 failed; 0 ignored; 0 measured",
    ],
)
def test_numbers_of_thousands_of_digits_are_no_report(text: str) -> None:
    read = read_report("libtest", text.encode(), ())
    assert read is None or not read[1]


@pytest.mark.parametrize("error", [ValueError, RecursionError])
def test_what_a_reader_stumbles_over_is_no_report(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumbles(report: bytes, files: Sequence[str]) -> None:
        raise error

    monkeypatch.setitem(READERS, "junit", stumbles)
    assert read_report("junit", b"", ()) is None


def test_sums_without_end_after_tests_without_end() -> None:
    sums = "test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured\n" * 100_000
    read = read_report("libtest", ("running 1 test\n" + "test a ... ok\n" * 400_000 + sums).encode(), ())
    assert read is not None and not read[1]


def test_a_class_name_of_dots() -> None:
    cases = f'<testcase classname="{"a." * (MANY // 2)}" name="{"b." * MANY}"/>' + (
        f'<testcase classname="{"c." * 499}" name="n"/>' * 10_000
    )
    read = read_report("junit", f"<testsuite>{cases}</testsuite>".encode(), ("tests/test_a.py",))
    assert read is not None and all(len(one) < 1_100 for one in read[0])


def test_a_class_longer_than_any_file_is_still_found() -> None:
    case = '<testcase classname="tests.test_a.Inner.Deep" name="n"/>'
    read = read_report("junit", f"<testsuite>{case}</testsuite>".encode(), ("tests/test_a.py",))
    assert read is not None
    assert list(read[0]) == ["tests/test_a.py::Inner::Deep::n"]


def test_a_path_of_slashes_is_none() -> None:
    assert Places(["a.py"]).of("/" + "a/" * MANY) == WHOLE


@pytest.mark.parametrize(
    "pattern", [r"(\w\w|\w)*!", "(a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?a?){9}b", "(a|a)" * 40 + "b"]
)
async def test_a_pattern_with_hardly_a_repeat_can_be_stopped(
    pattern: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swe_scale.formatting.choosing._SECONDS", 3.0)
    formatter = Formatter(name="own", command=("own",), files=pattern)
    assert await files_for(formatter, ["a" * 200]) == ()
    kind = formatter.model_copy(update={"files": r"\.py$"})
    assert await files_for(kind, ["a.py", "a.c"]) == ("a.py",)


@pytest.mark.parametrize(
    "line", ["a" + " " * 250_000 + "b", "a" + "\t" * 250_000 + "b", "- " * 120_000 + "#", "a" * 250_000]
)
def test_a_list_of_hooks_of_blanks_or_dashes(line: str) -> None:
    assert read_hooks(f"repos:\n  {line}\n") == ()
    assert read_hooks((f"repos:\n  {line[:3_900]}\n") * 60) == ()


@pytest.mark.parametrize(
    "text", [f"x = {'1' * 5000}", "[" + "a." * 400_000 + "a]\n" + "b = 1\n" * 20, "a." * 400_000 + "a = 1"]
)
def test_settings_that_toml_stumbles_over_say_nothing(text: str) -> None:
    assert formatters_of(["pyproject.toml"], {"pyproject.toml": text}) == ()


def test_sections_are_found_among_lines_of_blanks() -> None:
    text = "[isort]\na" + " " * MANY + "b\n[tool:yapf]\n"
    assert [one.name for one in formatters_of(["setup.cfg"], {"setup.cfg": text})] == ["isort", "yapf"]


def test_blanks_that_no_line_ends() -> None:
    assert plainly("trailing-whitespace", b" " * MANY + b"x \t\n") == b" " * MANY + b"x\n"
    assert plainly("trailing-whitespace", b"a \r\nb \r") == b"a\r\nb \r"
    assert plainly("trailing-whitespace", b"a  \n\n \nb\f ") == b"a\n\n\nb"


@pytest.mark.parametrize(
    "text",
    [
        f"import {'a.' * 250_000}a",
        f"import {'a.' * 30}a as b\nimport {'a' * 500_000} as c\n" + "c.d\n" * 100_000,
        f"from {'a.' * 250_000}a import " + ", ".join(f"b{number}" for number in range(50_000)),
        "import a\n" + f"a{'.b' * 1_500}\n" * 200,
        "from .x import *\n" * 60_000,
    ],
)
def test_imports_without_end(text: str) -> None:
    assert all(len(one) <= 200 for one in names_used("a/b.py", text))
    public = [f"name{number}" for number in range(100_000)]
    exported = names_exported("a/__init__.py", text, ["a.x", "x"], public)
    assert exported == (frozenset(public) if "*" in text else frozenset())


def test_a_test_of_blank_lines_uses_nothing() -> None:
    for text in ("\n" * 200_000, "require" + " " * 190_000 + "x", ("require(" + " " * 900) * 200):
        assert not uses("a.test.js", text, "src/a.js")
    assert uses("a.test.js", "  require ( './src/a')", "src/a.js")
    assert uses("t.c", "  # include <a.h>", "a.h")


def test_names_without_end_are_looked_up_and_not_tried() -> None:
    texts = {
        "p/__init__.py": "from .a import *\n",
        "p/a.py": "\n".join(f"name{number} = 1" for number in range(40_000)),
        "test_it.py": "\n".join(f"x = 'namely{number}'" for number in range(40_000))
        + "\nfrom p import name7\n",
    }
    assert near(["p/a.py"], texts) == ("test_it.py",)
