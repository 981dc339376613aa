"""Language profiles, what a candidate may not change, and runners' reports, hostile ones among them."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from swe_scale.flags import STEERING, TEST_EDITS
from swe_scale.patch import is_test
from swe_scale.profiles import (
    WHOLE,
    TestOutcome,
    counted,
    counted_by_runner,
    find_tests,
    parse_junit,
    parse_lines,
    profiles,
    read_report,
    recognise,
    runner_of,
    unittest_driver,
)
from swe_scale.profiles.reports import READERS
from swe_scale.records import Check, File

PYTHON, NATIVE = (next(one for one in profiles() if one.name == name) for name in ("python", "native"))
DRIVER = Path(str(unittest_driver.__file__))


@pytest.mark.parametrize("path", ["pyproject.toml", "setup.py", "setup.cfg", "requirements-dev.txt"])
def test_a_python_project_is_recognised_by_its_root(path: str) -> None:
    assert recognise(["README.md", path]) == PYTHON
    assert recognise(["README.md", f"vendored/{path}"]) is None


def test_every_runner_has_a_place_for_tests_a_reader_and_a_way_to_its_report() -> None:
    assert {"python", "native"} <= {profile.name for profile in profiles()}
    for profile in profiles():
        for name, runner in profile.runners.items():
            assert runner.report in READERS, name
            assert runner.selects == "suite" or "{tests}" in runner.command, name
            assert runner_of(runner.command) == runner, name
            assert (
                runner.reports
                or runner.exit_code
                or any("{report}" in part for part in (runner.flags, runner.instead))
            ), name


@pytest.mark.parametrize("word", ["mvn ", "node ", "make ", "ctest"])
def test_no_runner_is_sought_in_a_line_of_any_length(word: str) -> None:
    assert runner_of(f"{word * 250_000} --test test") is None
    assert runner_of(f"{'a ' * 1000}; node --test") is not None


def test_test_files_are_found_by_name() -> None:
    paths = ["pkg/a.py", "tests/test_a.py", "pkg/b_test.py", "app/tests.py", "tests/data.txt", "test_z.txt"]
    assert find_tests(paths) == ("app/tests.py", "pkg/b_test.py", "tests/test_a.py")


def test_what_a_runner_is_given_belongs_to_the_tests() -> None:
    names = [pattern.replace("*", "some") for one in (PYTHON, NATIVE) for pattern in one.test_files]
    assert names and all(is_test(f"pkg/{name}") for name in names)


BASE = frozenset(
    {
        "src/pkg/a.py",
        "tests/test_a.py",
        "tests/data/in.txt",
        "setup.cfg",
        "src/_pytest/main.py",
        "lib/json/x.py",
    }
)


@pytest.mark.parametrize(
    "path",
    [
        "tests/test_a.py",
        "tests/data/in.txt",
        "conftest.py",
        "src/pkg/conftest.py",
        "src/test/data.txt",
        "pytest.ini",
        "setup.cfg",
        "src/pkg/__pycache__/a.cpython-311.pyc",
        "src/evil.egg-info/entry_points.txt",
        "sitecustomize.py",
        # A symbolic link in the place of a folder of tests, and a folder in the place of a test.
        "tests",
        "tests/test_a.py/x.py",
        # Loaded in place of the runner's own modules.
        "pytest.py",
        "pytest/__init__.py",
        "src/unittest/__init__.py",
        "json.py",
        # Loaded in place of the project's own.
        "pkg/__init__.py",
        "lib/pkg.py",
    ],
)
def test_what_could_bend_a_report_is_set_aside(path: str) -> None:
    changes = {path: File(mode="100644", data=b""), "src/pkg/a.py": File(mode="100644", data=b"")}
    assert PYTHON.set_aside(changes, BASE) == (path,)
    assert PYTHON.set_aside(dict.fromkeys(changes), BASE) == (path,)


@pytest.mark.parametrize(
    "path",
    ["src/pkg/a.py", "src/_pytest/main.py", "lib/json/y.py", "src/pkg/json.py", "docs/new.md", "src/new"],
)
def test_changes_of_the_product_count(path: str) -> None:
    assert PYTHON.set_aside({path: File(mode="100644", data=b"")}, BASE) == ()


def left_out(check: Check, *paths: str, places: tuple[str, ...] = ()) -> set[str]:
    """Return which of some changed paths don't count where a check runs."""
    found = counted(check, {path: File(mode="100644", data=b"") for path in paths}, BASE, places)
    return set(paths) - set(found.changes)


def test_what_a_check_is_about_stays_where_it_starts_no_runner() -> None:
    every = ("conftest.py", "sitecustomize.py", "setup.cfg", "tests/test_a.py", "src/pkg/a.py", "json.py")
    plain = Check.of("import pkg\nexit(0)\n", "reproduction")
    steering = {"conftest.py", "sitecustomize.py", "json.py"}
    assert left_out(plain, *every) == steering
    for runs in (
        Check.of("import pytest", "reproduction"),
        Check.of("import subprocess", "reproduction"),
        Check.of("make test", "reproduction", language="sh"),
    ):
        assert left_out(runs, *every) == steering | {"setup.cfg", "tests/test_a.py"}


def test_flags_say_what_was_left_out() -> None:
    runs = Check.of("import pytest", "reproduction")
    wanted = {"tests/test_a.py": (TEST_EDITS,), "setup.cfg": (STEERING,), "conftest.py": (STEERING,)}
    for path, flags in wanted.items():
        changes = {path: File(mode="100644", data=b"")}
        assert counted(runs, changes, BASE).flags == counted_by_runner(changes, BASE).flags == flags
    assert counted(runs, {"src/pkg/a.py": None}, BASE).flags == ()


def test_no_program_is_taken_from_a_candidate_that_the_search_path_leads_to() -> None:
    check = Check.of("exit(0)", "reproduction")
    paths = ("bin/python3", "bin/new", "python", "tools/python")
    assert left_out(check, *paths) == set()
    assert left_out(check, *paths, places=("bin",)) == {"bin/python3", "bin/new"}
    assert left_out(check, *paths, places=(".",)) == {"python"}


SUITE = '<?xml version="1.0"?><testsuites><testsuite name="pytest">{}</testsuite></testsuites>'


def junit(cases: str, *files: str) -> dict[str, TestOutcome] | None:
    return parse_junit(SUITE.format(cases).encode(), files)


def test_junit_ids_are_those_of_pytest() -> None:
    outcomes = junit(
        '<testcase classname="d.test_a" name="test_x[a::b.c]" file="d/test_a.py"/>'
        '<testcase classname="d.test_a.TestO.TestI" name="test_y"><failure>no</failure></testcase>'
        '<testcase classname="d.test_b.T" name="test_z" file="d/base.py"><skipped/></testcase>'
        '<testcase classname="" name="d.test_c"><error message="collection failure"/></testcase>',
        "d/test_a.py",
        "d/test_b.py",
        "d/test_c.py",
    )
    assert outcomes == {
        "d/test_a.py::test_x[a::b.c]": "passed",
        "d/test_a.py::TestO::TestI::test_y": "failed",
        "d/test_b.py::T::test_z": "skipped",
        "d/test_c.py": "error",
    }


@pytest.mark.parametrize(
    ("cases", "files", "outcomes"),
    [
        # Of ctest, which names no files.
        ('<testcase name="a" classname="a" status="run"/>', (WHOLE,), {f"{WHOLE}::a": "passed"}),
        (
            '<testcase name="a" classname="a" status="fail"><failure message=""/></testcase>',
            (WHOLE,),
            {f"{WHOLE}::a": "failed"},
        ),
        ('<testcase name="a" classname="a" status="disabled"/>', (WHOLE,), {f"{WHOLE}::a": "skipped"}),
        (
            '<testcase name="a" classname="a" status="notrun"><skipped message="SKIP_RETURN_CODE=77"/>'
            '</testcase><testcase name="b" classname="b" status="notrun">'
            '<skipped message="Unable to find it"/></testcase>',
            (WHOLE,),
            {f"{WHOLE}::a": "skipped", f"{WHOLE}::b": "error"},
        ),
        ('<testcase name="x" classname="p:s"/>', (WHOLE,), {f"{WHOLE}::p:s::x": "passed"}),
        # Of Surefire and Gradle, by class: with its folders or without, and classes within.
        (
            '<testcase name="t" classname="com.acme.FooTest"/>'
            '<testcase name="u" classname="com.acme.FooTest$In"/>',
            ("m/src/test/java/com/acme/FooTest.java", "m/src/test/java/com/acme/BarTest.java"),
            {
                "m/src/test/java/com/acme/FooTest.java::t": "passed",
                "m/src/test/java/com/acme/FooTest.java::In::u": "passed",
            },
        ),
        (
            '<testcase name="t" classname="FooTest"/>',
            ("a/FooTest.java", "b/FooTest.java"),
            {f"{WHOLE}::FooTest::t": "passed"},
        ),
        # Of vitest, whose class is the path, and of others that tell it beside.
        (
            '<testcase name="s &gt; t" classname="src/a.test.ts"/>',
            ("src/a.test.ts",),
            {"src/a.test.ts::s > t": "passed"},
        ),
        (
            '<testcase name="t" classname="test" file="/work/src/a.test.ts"/>',
            ("src/a.test.ts",),
            {"src/a.test.ts::test::t": "passed"},
        ),
        ('<testcase name="t" classname="k" file="./spec/a.rb"/>', (WHOLE,), {"spec/a.rb::k::t": "passed"}),
        ('<testcase name="t" classname="k" file="../../x::y"/>', (WHOLE,), {f"{WHOLE}::k::t": "passed"}),
        ("<testcase/>", (WHOLE,), {WHOLE: "passed"}),
    ],
)
def test_junit_of_other_runners(cases: str, files: tuple[str, ...], outcomes: dict[str, TestOutcome]) -> None:
    assert junit(cases, *files) == outcomes


TRS = b"""./tests/a.trs::test-result: PASS
.swe-scale/build/tests/b.sh.trs::test-result: XFAIL
tests/c.trs::test-result: FAIL 1 - it works
tests/c.trs::test-result: SKIP 2 - it doesn't
tests/a.trs::global-test-result: FAIL
x.trs::test-result: NONSENSE
\xff
"""


def test_of_a_file_that_was_not_run_nothing_is_told_but_its_name() -> None:
    (test,) = junit('<testcase name="t" classname="k" file="/etc/passwd"/>', WHOLE) or {}
    assert test.startswith(f"{WHOLE}::") and "/" not in test


def test_results_of_automake_are_read_by_test() -> None:
    assert read_report("trs", TRS, ["tests/b.sh", "tests/a.c"]) == (
        {
            "tests/a.c": "passed",
            "tests/b.sh": "passed",
            f"{WHOLE}::tests/c::1 - it works": "failed",
            f"{WHOLE}::tests/c::2 - it doesn't": "skipped",
        },
        True,
    )
    assert read_report("trs", b"", []) is None


def test_of_several_entries_the_worst_counts() -> None:
    twice = '<testcase classname="test_a" name="t"/><testcase classname="test_a" name="t"><error/></testcase>'
    assert junit(twice, "test_a.py") == {"test_a.py::t": "error"}
    both = '<testcase classname="test_a" name="t"><skipped/><failure/></testcase>'
    assert junit(both, "test_a.py") == {"test_a.py::t": "failed"}


ENTITIES = '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">'
BOMB = f'<!DOCTYPE x [{ENTITIES}]><testsuite><testcase name="&b;"/></testsuite>'


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"<testsuite><testcase",
        b"\xff\xfe\x00",
        b"<other/>",
        BOMB.encode(),
        BOMB.encode("utf-16"),
        b"<a>" * 200_000,
        b'<testsuite><testcase name="\xff"/></testsuite>',
    ],
)
def test_what_is_no_report_is_none(report: bytes) -> None:
    assert parse_junit(report, ["test_a.py"]) is None


def test_a_deep_report_needs_no_deep_stack() -> None:
    deep = b"<testsuite>" + b"<a>" * 100_000 + b'<testcase classname="t" name="x"/>' + b"</a>" * 100_000
    assert parse_junit(deep + b"</testsuite>", ["t.py"]) == {"t.py::x": "passed"}


def test_lines_are_read_as_far_as_they_go() -> None:
    lines = [
        '{"id": "a::x", "outcome": "passed"}',
        "[1]",
        "not json",
        '{"id": 3, "outcome": "passed"}',
        '{"id": "a::y", "outcome": ["passed"]}',
        "[" * 100_000,
        '{"id": "a::x", "outcome": "failed"}',
    ]
    report = "\n".join(lines).encode()
    assert parse_lines(report) == ({"a::x": "failed"}, False)
    assert parse_lines(report + b'\n{"finished": true}\n') == ({"a::x": "failed"}, True)
    assert parse_lines(b'{"finished": true}\n' + report) == ({"a::x": "failed"}, False)
    assert parse_lines(b"\xff\n") == ({}, False)


CASES = """
import sys, unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): self.assertEqual(1, 2)
    def test_wrong(self): raise OSError
    @unittest.skip("no")
    def test_left(self): pass
    @unittest.expectedFailure
    def test_known(self): self.fail()
    @unittest.expectedFailure
    def test_better(self): pass
    def test_parts(self):
        for i in range(3):
            with self.subTest(i=i): self.assertNotEqual(i, 1)
    def test_argv(self): self.assertEqual(len(sys.argv), 1)
    class Inner(unittest.TestCase): pass
class Late(unittest.TestCase):
    @classmethod
    def tearDownClass(cls): raise OSError
    def test_fine(self): pass
"""


def drive(folder: Path, *paths: str) -> tuple[dict[str, TestOutcome], bool, int]:
    report = folder.parent / "report.jsonl"
    ran = subprocess.run(
        [sys.executable, str(DRIVER), str(report), "-v", *paths], cwd=folder, capture_output=True, check=False
    )
    return *parse_lines(report.read_bytes()), ran.returncode


def write(folder: Path, files: dict[str, str]) -> Path:
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    return folder


def test_the_driver_tells_every_outcome(tmp_path: Path) -> None:
    folder = write(tmp_path / "tree", {"pkg/__init__.py": "", "pkg/test_all.py": CASES})
    outcomes, finished, code = drive(folder, "pkg/test_all.py")
    assert (finished, code) == (True, 1)
    start = "pkg/test_all.py::"
    told = {test.removeprefix(start): outcome for test, outcome in outcomes.items()}
    late = [test for test in told if "tearDownClass" in test]
    assert [told.pop(test) for test in late] == ["error"]
    assert told == {
        "T::test_good": "passed",
        "T::test_bad": "failed",
        "T::test_wrong": "error",
        "T::test_left": "skipped",
        "T::test_known": "passed",
        "T::test_better": "failed",
        "T::test_parts": "failed",
        "T::test_argv": "passed",
        "Late::test_fine": "passed",
    }


ONE = "import unittest\nclass T(unittest.TestCase):\n    def test_one(self): {}\n"


def test_the_driver_goes_on_after_a_file_that_cannot_be_imported(tmp_path: Path) -> None:
    files = {
        "a/test_x.py": "import nothing_of_this_name",
        "b/test_x.py": "import near\n" + ONE.format("pass"),
        "b/near.py": "",
        "c/test_x.py": "import unittest\nraise unittest.SkipTest('no')",
        "d/test_x.py": ONE.format("pass"),
    }
    outcomes, finished, code = drive(
        write(tmp_path / "tree", files), *(path for path in files if "test" in path)
    )
    assert (finished, code) == (True, 1)
    assert outcomes == {
        "a/test_x.py": "error",
        "b/test_x.py::T::test_one": "passed",
        "c/test_x.py": "skipped",
        "d/test_x.py::T::test_one": "passed",
    }


def test_what_ends_the_driver_early_leaves_an_unfinished_report(tmp_path: Path) -> None:
    files = {"test_a.py": ONE.format("pass"), "test_b.py": "import os\n" + ONE.format("os._exit(0)")}
    outcomes, finished, code = drive(write(tmp_path / "tree", files), *files)
    assert (outcomes, finished, code) == ({"test_a.py::T::test_one": "passed"}, False, 0)


def test_the_driver_runs_on_old_interpreters() -> None:
    ast.parse(DRIVER.read_text(), feature_version=(3, 6))
    assert json.dumps("finished") in DRIVER.read_text()
