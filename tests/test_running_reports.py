"""What runners write of themselves: wherever it lies, whatever it holds, however it came there."""

import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from running_kit import LIMITS, Built, built

from swe_scale.config import Limits
from swe_scale.environment.plan import Plan
from swe_scale.profiles import WHOLE, Runner, find_tests, runner_of
from swe_scale.regression import Report, run_tests
from swe_scale.regression.reported import Place, reported

pytestmark = pytest.mark.anyio

GOOD = '<testsuite><testcase name="one"/></testsuite>'
BAD = '<testsuite><testcase name="two"><failure/></testcase></testsuite>'
ONE, TWO = f"{WHOLE}::one", f"{WHOLE}::two"
WRITES = Runner(command="sh run.sh {tests}", report="junit", reports="out/*.xml", finished=(0, 1))
FILES = {"run.sh": "mkdir -p out sub/out\n. ./told\n", "told": "", "out/old.xml": BAD.replace("two", "old")}


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Built]:
    async with built(tmp_path, FILES, Plan(profile="none")) as found:
        yield found


async def told(
    place: Built, script: str, runner: Runner = WRITES, tests: tuple[str, ...] = (WHOLE,)
) -> Report:
    """Return the report of a runner that does what a script says."""
    async with place.template.fork() as sandbox:
        (Path(sandbox.workdir) / "told").write_text(script)
        return await reported(Place(sandbox), runner, runner.command, tests, LIMITS)


async def test_reports_at_any_depth_are_joined_and_old_ones_forgotten(place: Built) -> None:
    report = await told(place, f"echo '{GOOD}' >out/a.xml; echo '{BAD}' >sub/out/b.xml; exit 1")
    assert (report.outcomes, report.complete) == ({ONE: "passed", TWO: "failed"}, True)
    worse = await told(place, f"echo '{GOOD}' >out/a.xml; echo '{BAD.replace('two', 'one')}' >sub/out/b.xml")
    assert worse.outcomes == {ONE: "failed"}


@pytest.mark.parametrize(
    ("script", "outcomes"),
    [
        ("exit 0", {}),
        (f"echo '{GOOD}' >secret; ln -s ../secret out/a.xml", {}),
        (f"echo '{GOOD}' >secret; rm -r out; mkdir real; ln -s real out; cp secret real/a.xml", {}),
        ("mkfifo out/a.xml", {}),
        ("mkdir out/a.xml", {}),
        ("head -c 17000000 /dev/zero >out/a.xml", {}),
        (f"echo '{GOOD}' >out/a.xml; echo '<testsuite' >out/b.xml", {ONE: "passed"}),
        ("printf '<testsuite><testcase name=\"\\377\"/></testsuite>' >out/a.xml", {}),
        (f"n=$(printf 'x\\ny'); mkdir out/\"$n\"; echo '{GOOD}' >out/\"$n\"/a.xml", {}),
    ],
)
async def test_what_is_no_report_tells_nothing(place: Built, script: str, outcomes: dict[str, str]) -> None:
    assert (await told(place, script)).outcomes == outcomes


async def test_ids_are_fit_to_be_shown(place: Built) -> None:
    name = "a&#10;\x1b".replace("\x1b", "&#x9b;") + "b" * 5000
    report = await told(place, f"echo '{GOOD.replace('one', name)}' >out/a.xml")
    (test,) = report.outcomes
    assert test.isprintable() and len(test) < 1100 and test.startswith(f"{WHOLE}::a\\n\\x9b")


async def test_a_report_after_another_end_is_not_whole(place: Built) -> None:
    assert not (await told(place, f"echo '{GOOD}' >out/a.xml; exit 3")).complete
    any_end = WRITES.model_copy(update={"finished": ()})
    assert (await told(place, f"echo '{GOOD}' >out/a.xml; exit 3", any_end)).complete


async def test_a_report_that_holds_less_than_was_printed_is_none(place: Built) -> None:
    counts = WRITES.model_copy(update={"tally": r"(\d+) tests failed"})
    assert (await told(place, f"echo '{GOOD}' >out/a.xml; echo 1 tests failed", counts)).outcomes == {}
    assert (await told(place, f"echo '{BAD}' >out/a.xml; echo 1 tests failed", counts)).outcomes == {
        TWO: "failed"
    }


@pytest.mark.parametrize(
    ("selects", "tests", "given"),
    [
        ("files", ("a/x_test.go", "b c/y_test.go"), "a/x_test.go b c/y_test.go"),
        ("folders", ("a/x_test.go", "a/y_test.go", "b/z_test.go", "z_test.go"), "./a ./b ."),
        ("folders", (WHOLE,), "./..."),
        ("suite", ("a/x_test.go",), ""),
    ],
)
async def test_a_runner_is_given_files_or_folders_or_nothing(
    place: Built, selects: str, tests: tuple[str, ...], given: str
) -> None:
    shows = {"command": "sh -c 'echo \"given:$*\" ' sh {tests}", "selects": selects, "everything": "./..."}
    report = await told(place, "", WRITES.model_copy(update=shows), tests)
    assert report.execution.output.strip() == f"given:{given}"


PYTEST = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest"
INSIDE = {
    "pkg/calc.py": "def add(a, b): return a + b\n",
    "pkg/tests/test_calc.py": "from calc import add\ndef test_add(): assert add(1, 1) == 2\n",
    "pkg/tests/test_more.py": "def test_more(): pass\n",
    "pkg/conftest.py": "",
    "test_root.py": "def test_root(): pass\n",
    "pkg/test_calc.c": "int main;",
}


@pytest.mark.parametrize("watched", [False, True])
async def test_tests_of_a_folder_keep_their_paths_from_the_root(tmp_path: Path, watched: bool) -> None:
    async with built(tmp_path, INSIDE, Plan(profile="python", test=PYTEST), "pkg") as found:
        async with found.template.fork() as sandbox:
            every = find_tests(INSIDE)
            report = await run_tests(sandbox, PYTEST, every, LIMITS, watched, "pkg")
        ids = ("pkg/tests/test_calc.py::test_add", "pkg/tests/test_more.py::test_more")
        assert report.outcomes == dict.fromkeys(ids, "passed")
        assert (report.complete, report.watch) == (True, "kept" if watched else "off")
        assert report.of(WHOLE) == report.outcomes and len(report.of("pkg/tests/test_more.py")) == 1
        assert (await found.ran()).outcomes == report.outcomes
        assert (await found.ran(tests=("test_root.py",))).outcomes == {}


async def test_all_tests_of_another_command_are_one(tmp_path: Path) -> None:
    files = {"run.sh": '[ $# = 0 ] && exec sh "$(cat what)"', "what": "good.sh", "good.sh": "true"}
    async with built(tmp_path, files, Plan(profile="none", test="sh run.sh {tests}")) as found:
        assert (await found.ran()).outcomes == {WHOLE: "passed"}
        assert (await found.ran({"good.sh": "false"})).outcomes == {WHOLE: "failed"}
        hanging = await found.ran({"good.sh": "sleep 60"}, limits=Limits(seconds=1))
        assert (hanging.outcomes, hanging.complete, hanging.execution.timed_out) == ({}, False, True)


@pytest.mark.parametrize(
    ("line", "report"),
    [
        ("python -m pytest -q", "junit"),
        ("coverage run -m pytest {tests} && coverage report", "junit"),
        ("python -m unittest discover -s tests -v", "lines"),
        ("make && ctest --test-dir build", "junit"),
        ("make -C build check", "trs"),
        ("cmake --build build --target check", None),
        ("python tests/run.py", None),
        ("x" * 100_000, None),
    ],
)
def test_a_line_is_known_by_the_last_runner_in_it(line: str, report: str | None) -> None:
    found = runner_of(line)
    assert (found and found.report) == report


UNIT = "import unittest\nclass T(unittest.TestCase):\n    def test_one(self): pass\n"


async def test_a_discovering_command_is_given_files(tmp_path: Path) -> None:
    files = {"tests/__init__.py": "", "tests/test_a.py": UNIT, "tests/test_b.py": UNIT}
    line = f"{sys.executable} -m unittest discover -s tests -p 'test_*.py' {{tests}} 2>&1"
    async with built(tmp_path, files, Plan(profile="python", test=line)) as found:
        report = await found.ran(tests=("tests/test_a.py",))
        assert (report.outcomes, report.complete) == ({"tests/test_a.py::T::test_one": "passed"}, True)


def test_the_programs_that_these_tests_need_are_there() -> None:
    assert all(shutil.which(name) for name in ("find", "grep", "make", "cc"))
