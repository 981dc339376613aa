"""The repository's own tests, before and after a change, run for real."""

import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from swe_scale.config import Bubblewrap, Limits, Local, SandboxConfig
from swe_scale.events import Events
from swe_scale.flags import SLOW
from swe_scale.profiles import runner_of
from swe_scale.records import Changes, Environment, Execution, File, Verdict
from swe_scale.regression import (
    CRASHED,
    STEERING,
    TEST_EDITS,
    Report,
    Suite,
    again,
    compare,
    regression_check,
    stable,
)
from swe_scale.regression.canary import Canary, contradicts
from swe_scale.sandbox import Recipe, Template, open_backend

pytestmark = pytest.mark.anyio

QUICK = f"PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 {sys.executable} -m pytest"
PYTEST = f"{QUICK} {{tests}}"
LIMITS = Limits(seconds=60)

PRODUCT = """
def add(a, b):
    return a + b
def half(a):
    return a // 2
"""
TEST_CALC = """
import pytest
from calc import add, half
@pytest.mark.parametrize("a", [1, 2])
def test_add(a):
    assert add(a, 1) == a + 1
class TestHalf:
    def test_even(self):
        assert half(4) == 2
    def test_odd(self):
        assert half(3) == 1.5
"""
TEST_MORE = "from calc import half\ndef test_zero():\n    assert half(0) == 0\n"
PROJECT = {"calc.py": PRODUCT, "tests/test_calc.py": TEST_CALC, "tests/test_more.py": TEST_MORE}


def file(text: str) -> File:
    return File(mode="100644", data=text.encode())


class Bench:
    """Opens suites over trees in real sandboxes."""

    def __init__(self, stack: AsyncExitStack, folder: Path) -> None:
        self.stack = stack
        self.folder = folder

    async def template(
        self, files: dict[str, str], config: SandboxConfig, recipe: Recipe
    ) -> tuple[Template, Environment]:
        tree = self.folder / "tree"
        for path, text in files.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_text(text)
        backend = await self.stack.enter_async_context(open_backend(config, "test", Events()))
        environment = await backend.build(recipe, tree, "0123456789abcdef")
        return await self.stack.enter_async_context(backend.open(environment)), environment

    async def suite(
        self, files: dict[str, str] = PROJECT, command: str = PYTEST, limits: Limits = LIMITS
    ) -> Suite:
        template, _ = await self.template(files, Local(python=sys.executable), Recipe())
        tests = tuple(sorted(path for path in files if path.rpartition("/")[2].startswith("test_")))
        return Suite(template, command, frozenset(files), tests, limits)


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with AsyncExitStack() as stack:
        yield Bench(stack, tmp_path)


async def judged(suite: Suite, changes: Changes, before: Report | None = None) -> dict[str, Verdict]:
    before = before or await suite.before()
    paths = {check.id: check.script for check in suite.checks(before)}
    return {paths[one.check]: one for one in await suite.verdicts("c1", changes, before)}


RAN = Execution(exit_code=0, output="")


ADD = ("tests/test_calc.py::test_add[1]", "tests/test_calc.py::test_add[2]")
PASSING = (*ADD, "tests/test_calc.py::TestHalf::test_even", "tests/test_more.py::test_zero")
BEFORE = Report(outcomes=dict.fromkeys(PASSING, "passed"), execution=RAN, complete=True, watch="kept")


def test_only_what_passes_twice_counts() -> None:
    first = Report(
        outcomes={"a::x": "passed", "a::y": "passed", "a::z": "failed"}, execution=RAN, complete=True
    )
    second = first.model_copy(update={"outcomes": {"a::x": "passed", "a::y": "skipped", "a::z": "passed"}})
    assert stable(first, second).outcomes == {"a::x": "passed"}


def test_what_is_missing_or_skipped_afterwards_is_broken() -> None:
    before = Report(outcomes=dict.fromkeys(("a::x", "a::y", "a::z"), "passed"), execution=RAN, complete=True)
    after = before.model_copy(update={"outcomes": {"a::x": "passed", "a::y": "skipped", "a::new": "failed"}})
    assert compare(before, after) == ("a::y", "a::z")


async def test_before_and_after_with_pytest(bench: Bench) -> None:
    suite = await bench.suite()
    before = await suite.before()
    assert before.outcomes == BEFORE.outcomes
    good = await judged(suite, {"calc.py": file(PRODUCT.replace("//", "/"))}, before)
    assert {path: (one.outcome, one.broken, one.flags) for path, one in good.items()} == {
        "tests/test_calc.py": ("pass", (), ()),
        "tests/test_more.py": ("pass", (), ()),
    }
    bad = await judged(suite, {"calc.py": file(PRODUCT.replace("+", "-"))}, before)
    assert {path: one.outcome for path, one in bad.items()} == {
        "tests/test_calc.py": "fail",
        "tests/test_more.py": "pass",
    }
    assert bad["tests/test_calc.py"].broken == (
        "tests/test_calc.py::test_add[1]",
        "tests/test_calc.py::test_add[2]",
    )
    assert "assert add(a, 1) == a + 1" in bad["tests/test_calc.py"].execution.output
    assert bad["tests/test_calc.py"].check == regression_check("tests/test_calc.py").id


async def test_a_file_that_cannot_be_imported_spoils_no_other(bench: Bench) -> None:
    suite = await bench.suite({**PROJECT, "tests/test_aaa.py": "import nothing_of_this_name"})
    before = await suite.before()
    assert [check.script for check in suite.checks(before)] == ["tests/test_calc.py", "tests/test_more.py"]
    verdicts = await suite.verdicts("c1", {"calc.py": file("def half(a): return a // 2")}, before)
    assert [(one.outcome, len(one.broken), one.flags) for one in verdicts] == [
        ("fail", 3, ()),
        ("pass", 0, ()),
    ]


HOOK = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    report.outcome = "passed"
"""


@pytest.mark.parametrize(
    ("path", "text", "flag"),
    [
        ("tests/test_calc.py", "def test_add(): pass", TEST_EDITS),
        ("conftest.py", HOOK, STEERING),
        ("pytest.ini", "[pytest]\npython_files = none\n", STEERING),
        ("pytest.py", "import sys; sys.exit(0)", STEERING),
        ("tests", "", STEERING),
    ],
)
async def test_a_candidate_gains_nothing_by_bending_the_tests(
    bench: Bench, path: str, text: str, flag: str
) -> None:
    suite = await bench.suite()
    broken = {"calc.py": file(PRODUCT.replace("+", "-")), path: file(text)}
    one = (await judged(suite, broken, BEFORE))["tests/test_calc.py"]
    assert (one.outcome, one.flags, len(one.broken)) == ("fail", (flag,), 2)


async def test_deleting_a_test_does_not_help(bench: Bench) -> None:
    suite = await bench.suite()
    gone = {"calc.py": file(PRODUCT.replace("+", "-")), "tests/test_calc.py": None}
    told = await judged(suite, gone, BEFORE)
    assert told["tests/test_calc.py"].outcome == "fail"


@pytest.mark.parametrize(
    "end", ["import os; os._exit(0)", "import sys; sys.exit(0)", "import os; os.abort()"]
)
async def test_ending_the_runner_is_a_failure(bench: Bench, end: str) -> None:
    suite = await bench.suite()
    told = await judged(suite, {"calc.py": file(PRODUCT + f"\ndef add(a, b):\n    {end}\n")}, BEFORE)
    one = told["tests/test_calc.py"]
    assert (one.outcome, len(one.broken) >= 2) == ("fail", True)
    assert (CRASHED in one.flags) is ("os" in end)


async def test_hanging_is_a_timeout(bench: Bench) -> None:
    suite = await bench.suite(limits=Limits(seconds=5))
    told = await judged(
        suite, {"calc.py": file(PRODUCT + "\nwhile True: __import__('time').sleep(1)\n")}, BEFORE
    )
    assert {one.outcome for one in told.values()} == {"timeout"}
    assert told["tests/test_more.py"].broken == ("tests/test_more.py::test_zero",)


async def test_a_timeout_says_nothing_where_the_tests_were_slow_before(bench: Bench) -> None:
    suite = await bench.suite(limits=Limits(seconds=4))
    slow = BEFORE.model_copy(update={"execution": RAN.model_copy(update={"seconds": 3.5})})
    hang = {"calc.py": file(PRODUCT + "\nwhile True: __import__('time').sleep(1)\n")}
    told = await judged(suite, hang, slow)
    assert {(one.outcome, one.broken, one.flags) for one in told.values()} == {("timeout", (), (SLOW,))}


async def test_portions_are_run_one_after_the_other(bench: Bench) -> None:
    suite = replace(await bench.suite(), seconds={"tests/test_calc.py": 25.0, "tests/test_more.py": 25.0})
    assert (await suite.before()).outcomes == BEFORE.outcomes
    told = await judged(suite, {"calc.py": file(PRODUCT.replace("+", "-"))}, BEFORE)
    assert {path: one.outcome for path, one in told.items()} == {
        "tests/test_calc.py": "fail",
        "tests/test_more.py": "pass",
    }


async def test_a_stale_report_is_not_read(bench: Bench) -> None:
    suite = await bench.suite()
    lies = "import pathlib\nfor p in pathlib.Path('..').rglob('*.xml'):\n    p.write_text('<testsuite/>')\n"
    told = await judged(suite, {"calc.py": file(f"{lies}import os; os._exit(0)")}, BEFORE)
    assert {one.outcome for one in told.values()} == {"fail"}


async def test_a_runner_that_fails_on_the_untouched_tree_is_no_evidence(bench: Bench) -> None:
    suite = await bench.suite(command=f"{QUICK} --no-such-option {{tests}}")
    before = await suite.before()
    assert (before.complete, before.outcomes, before.execution.exit_code) == (False, {}, 4)
    assert "--no-such-option" in before.execution.output
    assert await suite.verdicts("c1", {}, before) == ()


async def test_the_projects_own_options_do_not_hide_the_report(bench: Bench) -> None:
    ini = "[pytest]\naddopts = -x --junitxml=own.xml -p no:terminal\njunit_family = xunit2\n"
    suite = await bench.suite({**PROJECT, "tests/pytest.ini": ini}, command=QUICK)
    assert len((await suite.before()).outcomes) == 4


UNIT = "import unittest\nfrom calc import add\nclass T(unittest.TestCase):\n"
UNIT += "    def test_add(self):\n        self.assertEqual(add(1, 1), 2)\n"
UNIT += "    def test_other(self):\n        pass\n"


@pytest.mark.parametrize("command", ["-m unittest", "-m unittest -v {tests}"])
async def test_before_and_after_with_unittest(bench: Bench, command: str) -> None:
    suite = await bench.suite({"calc.py": PRODUCT, "test_unit.py": UNIT}, f"{sys.executable} {command}")
    good = await judged(suite, {"new.py": file("")})
    assert [one.outcome for one in good.values()] == ["pass"]
    bad = await judged(suite, {"calc.py": file(PRODUCT.replace("+", "-"))})
    assert [(one.outcome, one.broken) for one in bad.values()] == [("fail", ("test_unit.py::T::test_add",))]
    gone = await judged(suite, {"calc.py": file("import os; os._exit(0)")})
    assert [(one.outcome, len(one.broken), one.flags) for one in gone.values()] == [("fail", 2, (CRASHED,))]


async def test_a_driver_killed_at_its_deadline_leaves_what_it_had(bench: Bench) -> None:
    files = {
        "calc.py": PRODUCT,
        "test_a.py": UNIT,
        "test_b.py": UNIT.replace("add", "half").replace("(1, 1)", "(4)"),
    }
    suite = await bench.suite(files, f"{sys.executable} -m unittest", Limits(seconds=5))
    hang = PRODUCT.replace("return a // 2", "import time; time.sleep(60)")
    told = await judged(suite, {"calc.py": file(hang)})
    assert {path: one.outcome for path, one in told.items()} == {"test_a.py": "pass", "test_b.py": "timeout"}


async def test_before_and_after_with_another_command(bench: Bench) -> None:
    files = {
        "calc.txt": "1",
        "test_one.sh": "grep -q 1 calc.txt",
        "test_two.sh": "true",
        "test_bad.sh": "false",
    }
    suite = await bench.suite(files, "sh {tests} </dev/null")
    assert (await suite.before()).outcomes == {"test_one.sh": "passed", "test_two.sh": "passed"}
    told = await judged(suite, {"calc.txt": file("2")})
    assert {path: (one.outcome, one.broken) for path, one in told.items()} == {
        "test_one.sh": ("fail", ("test_one.sh",)),
        "test_two.sh": ("pass", ()),
    }


async def test_another_command_shares_its_time_among_the_files(bench: Bench) -> None:
    files = {"seconds": "0", "test_a.sh": "sleep $(cat seconds)", "test_b.sh": "true"}
    suite = await bench.suite(files, "sh", Limits(seconds=3))
    told = await judged(suite, {"seconds": file("60")})
    assert {path: one.outcome for path, one in told.items()} == {
        "test_a.sh": "timeout",
        "test_b.sh": "timeout",
    }


FLAKY = """
import pathlib
from calc import add
def test_flaky():
    runs = pathlib.Path({path!r})
    runs.write_text(runs.read_text() + "x")
    assert len(runs.read_text()) not in {fails}
def test_add():
    assert add(1, 1) == 2
"""


@pytest.mark.parametrize(
    ("fails", "runs", "outcome", "broken"),
    [
        ((), 3, "pass", ()),
        ((3,), 4, "pass", ()),
        ((3, 4), 4, "fail", ("test_flaky.py::test_flaky",)),
    ],
)
async def test_only_what_breaks_twice_is_broken(
    bench: Bench, tmp_path: Path, fails: tuple[int, ...], runs: int, outcome: str, broken: tuple[str, ...]
) -> None:
    counted = tmp_path / "runs"
    counted.write_text("")
    flaky = FLAKY.format(path=str(counted), fails=fails)
    suite = await bench.suite({"calc.py": PRODUCT, "test_flaky.py": flaky})
    told = (await judged(suite, {"new.py": file("")}))["test_flaky.py"]
    assert (told.outcome, told.broken, len(counted.read_text())) == (outcome, broken, runs)


@pytest.mark.parametrize(
    ("own", "failing", "watch"),
    [
        ("passed failed failed", True, "kept"),
        ("passed failed failed", False, "broken"),
        ("passed passed failed", True, "broken"),
        ("passed failed passed", True, "broken"),
        ("failed failed failed", True, "broken"),
        ("passed", True, "broken"),
        ("", True, "broken"),
    ],
)
def test_tests_of_ours_show_a_lie(own: str, failing: bool, watch: str) -> None:
    canary = Canary("tests/test_calc.py")
    names = ("test_kept", "test_broken", "test_unequal")
    said = {
        f"{canary.path}::{canary.name}::{name}": one for name, one in zip(names, own.split(), strict=False)
    }
    heard = canary.heard({**BEFORE.outcomes, **said}, failing)  # type: ignore[dict-item]
    assert (heard.outcomes, heard.watch) == (BEFORE.outcomes, watch)
    assert Canary("tests/test_calc.py").path != canary.path
    assert canary.heard({}, failing).watch == "off"


@pytest.mark.parametrize(
    ("output", "report", "lie"),
    [
        ("2 failed, 1 passed in 0.1s", b"<failure/><failure/>", False),
        ("1 failed, 1 error in 0.1s", b"<failure/><error/>", False),
        ("2 failed, 1 passed in 0.1s", b"<failure/>", True),
        ("5 failed\n1 passed in 0.1s", b"", True),
        ("nothing told", b"", False),
        ("1 failed" + "x" * 9999, b"", False),
    ],
)
def test_a_report_that_holds_less_than_was_printed_is_a_lie(output: str, report: bytes, lie: bool) -> None:
    runner = runner_of("pytest {tests}")
    assert runner and contradicts(output, report, runner.tally) is lie


def test_what_either_run_heard_of_is_not_unheard() -> None:
    crash = Report(outcomes={"a::x": "failed"}, execution=RAN, complete=False)
    whole = Report(outcomes={"a::x": "passed", "a::y": "failed"}, execution=RAN, complete=True)
    for report in (again(crash, whole), again(whole, crash)):
        assert report.outcomes == {"a::x": "passed", "a::y": "failed"} and report.complete
    assert not again(crash, crash).complete


async def test_a_lost_sandbox_says_nothing(bench: Bench, tmp_path: Path) -> None:
    suite = await bench.suite()
    told = await suite.verdicts("c1", {"../outside.py": file("")}, BEFORE)
    assert {one.outcome for one in told} == {"infra"}
    assert not (tmp_path / "outside.py").exists()


@pytest.mark.bubblewrap
async def test_an_installed_runner_behind_namespaces(bench: Bench) -> None:
    recipe = Recipe(
        setup=("python -m pip install pytest",),
        test="python -m pytest {tests}",
        profile="python",
        python=True,
    )
    template, environment = await bench.template(PROJECT, Bubblewrap(), recipe)
    tests = ("tests/test_calc.py", "tests/test_more.py")
    suite = Suite(template, environment.test_command or "", frozenset(PROJECT), tests, LIMITS)
    told = await judged(suite, {"calc.py": file(PRODUCT.replace("+", "-"))})
    assert {path: one.outcome for path, one in told.items()} == {tests[0]: "fail", tests[1]: "pass"}
