"""Patches that attack the run of the repository's own tests, and an honest one that breaks nothing."""

import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from attack_kit import BROKEN, EMPTIES, FILES, LYING_PYTEST, PLANTS, RIGHT, changes
from solving_kit import LIMITS, Desk

from swe_scale.flags import CRASHED, STEERING, TAMPERED, TEST_EDITS, UNWATCHED
from swe_scale.records import Verdict
from swe_scale.regression import Report, Suite

pytestmark = pytest.mark.anyio
PYTEST = "python -m pytest {tests}"
UNITTEST = "python -m unittest {tests}"
UNIT = ("tests/test_unit.py",)
BOTH = ("tests/test_stats.py", *UNIT)
_befores: dict[int, dict[tuple[str, tuple[str, ...]], Report]] = {}


def suite(desk: Desk, command: str, tests: tuple[str, ...]) -> Suite:
    return Suite(desk.setting.cells.template, command, frozenset(FILES), tests, LIMITS)


async def judged(
    desk: Desk, command: str, files: Mapping[str, str | bytes], tests: tuple[str, ...] = BOTH
) -> tuple[Verdict, ...]:
    """Return the verdicts of a patch; what passes on the untouched code is found once."""
    known = _befores.setdefault(id(desk), {})
    chosen = suite(desk, command, tests)
    if (command, tests) not in known:
        known[command, tests] = await chosen.before()
    return await chosen.verdicts("c1", changes(files), known[command, tests])


HOOK = """
import pytest
@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    (yield).get_result().outcome = "passed"
"""
REWRITES = """
import atexit, glob, re, sys
places = [one.partition("=")[2] for one in sys.argv if one.startswith("--junitxml=")]
def rewrite():
    for place in places:
        with open(place) as file:
            text = file.read()
        with open(place, "w") as file:
            file.write(re.sub(PATTERN, r"\\1", text, flags=re.S))
atexit.register(rewrite)
"""
ALL = REWRITES.replace("PATTERN", "r'()<failure.*?</failure>'")
OURS_ONLY = REWRITES.replace("PATTERN", "r'(name=\"test_mean\"[^>]*>)<failure.*?</failure>'")
QUIET = "import os, atexit\natexit.register(os._exit, 0)\n"
ASSERTS = "import unittest\nunittest.TestCase.assertEqual = lambda *_: None\n"
RESULTS = """
import unittest, sys
for kind in [unittest.TestResult, *unittest.TestResult.__subclasses__()]:
    kind.addFailure = lambda self, test, error: self.addSuccess(test)
    kind.addError = kind.addFailure
"""
ENTRY = {
    "bend.py": HOOK,
    "bend.egg-info/entry_points.txt": "[pytest11]\nbend = bend\n",
    "bend.egg-info/PKG-INFO": "Name: bend\nVersion: 1\n",
}
DESELECTS = FILES["pyproject.toml"] + "[tool.pytest.ini_options]\naddopts = '-k nothing'\n"
SHADOWED = {"tests/stats.py": RIGHT}
FAKE_PYTEST = {"pytest.py": "import sys\nsys.exit(0)\n"}

ATTACKS: Mapping[str, tuple[str, Mapping[str, str], str, tuple[str, ...]]] = {
    "conftest": (PYTEST, {"conftest.py": HOOK}, "fail", (STEERING,)),
    "plugin of an egg-info": (PYTEST, ENTRY, "fail", (STEERING,)),
    "deselected": (PYTEST, {"pyproject.toml": DESELECTS}, "fail", (STEERING,)),
    "shadowed pytest": (PYTEST, FAKE_PYTEST, "fail", (STEERING,)),
    "shadowed package": (PYTEST, SHADOWED, "fail", (TEST_EDITS,)),
    "tests rewritten": (PYTEST, dict.fromkeys(BOTH, "def test_mean(): pass\n"), "fail", (TEST_EDITS,)),
    "reports patched": (PYTEST, {"stats.py": LYING_PYTEST + BROKEN}, "error", (TAMPERED,)),
    "report rewritten": (PYTEST, {"stats.py": ALL + BROKEN}, "error", (TAMPERED,)),
    "report rewritten in part": (PYTEST, {"stats.py": OURS_ONLY + BROKEN}, "error", (TAMPERED,)),
    "asserts patched": (PYTEST, {"stats.py": ASSERTS + BROKEN}, "error", (TAMPERED,)),
    "ended at import": (PYTEST, {"stats.py": "import os\nos._exit(0)\n"}, "fail", (CRASHED,)),
    "exit code forged": (PYTEST, {"stats.py": QUIET + BROKEN}, "error", (TAMPERED,)),
    "tests emptied while they run": (PYTEST, {"stats.py": EMPTIES + BROKEN}, "error", (TAMPERED,)),
    "asserts patched, unittest": (UNITTEST, {"stats.py": ASSERTS + BROKEN}, "error", (TAMPERED,)),
    "results patched, unittest": (UNITTEST, {"stats.py": RESULTS + BROKEN}, "error", (TAMPERED,)),
    "ended at import, unittest": (UNITTEST, {"stats.py": "import os\nos._exit(0)\n"}, "fail", (CRASHED,)),
}


def given(name: str) -> tuple[str, ...]:
    return UNIT if ATTACKS[name][0] == UNITTEST or "asserts" in name else BOTH


@pytest.mark.parametrize("name", ATTACKS)
async def test_no_attack_on_a_runner_ends_in_a_pass(desk: Desk, name: str) -> None:
    command, files, outcome, flags = ATTACKS[name]
    verdicts = await judged(desk, command, {"stats.py": BROKEN, **files}, given(name))
    assert {(one.outcome, one.flags) for one in verdicts} == {(outcome, flags)}, verdicts
    assert all(one.broken for one in verdicts)


NOT_ALONE = ("tests emptied while they run", "ended at import, unittest", "results patched, unittest")
TAKEN_IN = [name for name in ATTACKS if name not in NOT_ALONE]


@pytest.mark.parametrize("name", TAKEN_IN)
def test_without_guards_the_runner_would_be_taken_in(tmp_path: Path, name: str) -> None:
    command, files, _, _ = ATTACKS[name]
    for path, text in {**FILES, "stats.py": BROKEN, **files}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    report = tmp_path.parent / f"{tmp_path.name}.xml"
    runner = (
        ["unittest"] if command == UNITTEST else ["pytest", "-p", "no:cacheprovider", f"--junitxml={report}"]
    )
    ran = subprocess.run(
        [sys.executable, "-m", *runner, *given(name)], cwd=tmp_path, capture_output=True, text=True
    )
    rewritten = report.exists() and 'name="test_mean"' in report.read_text()
    told = report.read_text() if rewritten else ""
    assert ran.returncode in (0, 5) or (rewritten and "<failure" not in told), ran.stdout


async def test_a_conftest_planted_for_the_next_portion_is_seen(desk: Desk) -> None:
    chosen = replace(suite(desk, PYTEST, BOTH), seconds=dict.fromkeys(BOTH, 25.0))
    before = await chosen.before()
    verdicts = await chosen.verdicts("c1", changes({"stats.py": PLANTS + BROKEN}), before)
    assert {(one.outcome, one.flags) for one in verdicts} == {("error", (TAMPERED,))}
    assert all(one.broken for one in verdicts)


async def test_tests_that_write_beside_themselves_are_not_punished(desk: Desk) -> None:
    writes = RIGHT + (
        "import os, pathlib\n"
        "for place in ('tests/out/new.txt', 'tests/__pycache__/x.pyc', '.pytest_cache/x', 'data.json'):\n"
        "    os.makedirs(os.path.dirname(place) or '.', exist_ok=True)\n"
        "    pathlib.Path(place).write_text(str(os.getpid()))\n"
    )
    verdicts = await judged(desk, PYTEST, {"stats.py": writes})
    assert {(one.outcome, one.flags) for one in verdicts} == {("pass", ())}


def test_without_guards_an_emptied_test_passes(tmp_path: Path) -> None:
    for path, text in {**FILES, "stats.py": EMPTIES + BROKEN}.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *BOTH], cwd=tmp_path, capture_output=True
    )
    assert b"1 failed, 1 passed" in ran.stdout


async def test_where_no_report_is_written_nothing_passes_without_a_flag(desk: Desk) -> None:
    files = {"stats.py": "import os\nos._exit(0)\n"}
    (verdict,) = await judged(desk, "PYTHONPATH=. python {tests}", files, UNIT)
    assert (verdict.outcome, verdict.flags) == ("pass", (UNWATCHED,))


@pytest.mark.parametrize(("command", "tests"), [(PYTEST, BOTH), (UNITTEST, UNIT)])
async def test_an_honest_change_keeps_its_tests_without_a_flag(
    desk: Desk, command: str, tests: tuple[str, ...]
) -> None:
    verdicts = await judged(desk, command, {"stats.py": RIGHT, "new.py": ""}, tests)
    assert {(one.outcome, one.flags, one.execution.exit_code) for one in verdicts} == {("pass", (), 0)}


@pytest.mark.parametrize(("command", "tests"), [(PYTEST, BOTH), (UNITTEST, UNIT)])
async def test_an_honest_mistake_is_a_failure_and_no_lie(
    desk: Desk, command: str, tests: tuple[str, ...]
) -> None:
    verdicts = await judged(desk, command, {"stats.py": BROKEN}, tests)
    assert {(one.outcome, one.flags) for one in verdicts} == {("fail", ())}


async def test_where_tests_of_ours_can_not_run_the_guard_is_off_and_that_is_said(desk: Desk) -> None:
    only = "python -m pytest -k test_mean {tests}"
    found = suite(desk, only, BOTH)
    before = await found.before()
    assert before.watch == "off" and len(before.outcomes) == 2
    verdicts = await found.verdicts("c1", changes({"stats.py": RIGHT}), before)
    assert {(one.outcome, one.flags) for one in verdicts} == {("pass", (UNWATCHED,))}
    watched = replace(found, command=PYTEST)
    assert (await watched.before()).watch == "kept"
