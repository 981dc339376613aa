"""A test of the issue joins the patch only if it was seen to fail without it and to pass with it."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from solving_kit import FILES, RIGHT, Desk, Spoken, edit, open_desk

from swe_scale.config import Budget
from swe_scale.formatting import Style
from swe_scale.profiles import TestOutcome
from swe_scale.records import Candidate, Check, Execution, File, Reproduction, Sampling
from swe_scale.regression.running import Report
from swe_scale.reproduction import Showing, Wanted, Writer, reproduced
from swe_scale.reproduction.showing import Runs, shown

pytestmark = pytest.mark.anyio

TESTS = "tests/test_stats.py"
THERE = "from stats import mean\n\n\ndef test_of_two():\n    assert mean([1, 2]) == 1.5\n"
PROJECT: Mapping[str, bytes] = {
    **FILES,
    TESTS: THERE.encode(),
    "conftest.py": b"",
    "swe-scale.toml": f"[environment]\nsetup = []\ntest = '{sys.executable} -m pytest -q'\n".encode(),
}
LAST = "    assert mean([1, 2]) == 1.5"
NEW = f"{LAST}\n\n\ndef test_of_nothing():\n    assert mean([]) == 0.0"
GOOD = edit(NEW, LAST, TESTS)
TOLD = f"{TESTS}::test_of_nothing"
CHECK = Check.of("import sys\nfrom stats import mean\nsys.exit(0 if mean([]) == 0 else 42)\n", "reproduction")


def model(*texts: str) -> Spoken:
    return Spoken({f"test/turn/{number:02}": text for number, text in enumerate(texts, start=1)})


def file(text: str) -> File:
    return File(mode="100644", data=text.encode())


async def candidate(desk: Desk, own: str = "") -> Candidate:
    fixed = PROJECT["stats.py"].decode().replace("    return sum(values) / len(values)", RIGHT)
    changes = {"stats.py": file(fixed)} | ({TESTS: file(own)} if own else {})
    tree = await desk.trees.write(desk.trees.base, changes)
    return Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(1,))


def writer(desk: Desk, turns: int = 3) -> Writer:
    setting = replace(desk.setting, turns=turns)
    showing = Showing(setting.cells, setting.trees, 60.0)
    return Writer(setting, Sampling(), showing, Style(setting.cells, setting.trees))


async def written(
    folder: Path, *texts: str, turns: int = 3, files: Mapping[str, bytes] = PROJECT, own: str = ""
) -> tuple[Reproduction, Desk, Candidate]:
    async with open_desk(folder, model(*texts), files=files) as desk:
        proposed = await candidate(desk, own)
        found, lost = await reproduced(writer(desk, turns), Wanted(proposed, CHECK))
        assert not lost
        return found, desk, proposed


async def test_a_test_that_tells_joins_the_patch(tmp_path: Path) -> None:
    found, desk, proposed = await written(tmp_path, GOOD)
    assert found.tests == (TOLD,) and found.replies == 1 and not found.fault
    assert found.patch is not None
    added = [line for line in found.patch.splitlines() if line.startswith("+") and "def " in line]
    assert added == ["+def test_of_nothing():"]
    assert all(line in found.patch for line in proposed.patch.splitlines())
    [request] = desk.model.requests
    asked = request.messages[-1].content
    assert CHECK.script.strip() in asked and "test_of_two" in asked and RIGHT in asked


async def test_what_a_patch_brings_itself_is_enough(tmp_path: Path) -> None:
    found, desk, proposed = await written(tmp_path, own=THERE.replace(LAST, NEW))
    assert found.tests == (TOLD,) and found.replies == 0
    assert found.patch == proposed.patch and desk.model.requests == []


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (edit(NEW.replace("== 0.0", "== 1.0"), LAST, TESTS), "With the change, these fail"),
        (edit(NEW.replace("mean([]) == 0.0", "mean([4]) == 4"), LAST, TESTS), "No test fails without"),
        (edit("    assert mean([]) == 0.0", LAST, TESTS), ""),
        (
            edit("def test_other():\n    assert mean([]) == 0.0", f"def test_of_two():\n{LAST}", TESTS),
            "These passed before and don't any more, or are gone",
        ),
        (edit(NEW.replace("    assert mean([]", "    assert (mean([]"), LAST, TESTS), "these fail"),
        ('<edit path="stats.py">\n<<<<<<< SEARCH\ndef mean(values):\n=======\ndef mean(v):\n>>>>>>> REPLACE\n'
         "</edit>\n", "stats.py is no test file"),
        ('<create path="tests/conftest.py">\nx = 1\n</create>\n', "is no test file"),
        ('<create path="../test_up.py">\nx = 1\n</create>\n', "test_up.py"),
        ('<create path="tests/test_big.py">\n' + "x = 1\n" * 20_000 + "</create>\n", "more than 64 KiB"),
        (f'<delete path="{TESTS}"/>\n', "only <edit> and <create>"),
        ("I would rather not.", "there is no tag"),
        (f"{GOOD}<done/>\n", "<done/> alone"),
    ],
)  # fmt: skip
async def test_what_shows_nothing_is_told_and_left_out(tmp_path: Path, reply: str, told: str) -> None:
    found, desk, _ = await written(tmp_path, reply, GOOD)
    if not told:
        # A test that is there and now fails without the patch is changed, not lost: it tells.
        assert found.tests == (f"{TESTS}::test_of_two",) and found.replies == 1
        return
    assert found.tests == (TOLD,) and found.replies == 2
    assert told in desk.model.requests[-1].messages[-1].content
    assert "mean(v)" not in (found.patch or "") and "conftest" not in (found.patch or "")


async def test_a_file_that_cannot_be_loaded_makes_no_old_test_tell(tmp_path: Path) -> None:
    early = "from stats import mean\n\nmean([])\n"
    reply = edit(early, "from stats import mean\n", TESTS)
    found, desk, _ = await written(tmp_path, reply, "<done/>\n")
    assert found == Reproduction(replies=2, fault="the model that was asked sees no place for one")
    assert "No test fails without the change" in desk.model.requests[-1].messages[-1].content


async def test_a_new_file_for_what_is_new(tmp_path: Path) -> None:
    reply = '<create path="tests/test_empty.py">\nfrom stats import mean\n\n\ndef test_none():\n'
    found, _, _ = await written(tmp_path, f"{reply}    assert mean([]) == 0.0\n</create>\n")
    assert found.tests == ("tests/test_empty.py::test_none",)
    assert found.patch is not None and "+++ b/tests/test_empty.py" in found.patch


async def test_replies_come_to_an_end(tmp_path: Path) -> None:
    found, desk, _ = await written(tmp_path, *[edit(f"{LAST}\n", LAST, TESTS)] * 3, turns=2)
    assert found == Reproduction(
        replies=2, fault="none of 2 replies brought one that fails without the patch only"
    )
    assert len(desk.model.requests) == 2


async def test_a_project_without_a_runner_is_asked_nothing(tmp_path: Path) -> None:
    found, desk, _ = await written(tmp_path, GOOD, files=FILES)
    assert found == Reproduction(fault="no command is known that runs the project's tests")
    assert desk.model.requests == []


async def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    async with open_desk(tmp_path, model(GOOD), files=PROJECT) as desk:
        proposed = await candidate(desk)
        first = await writer(desk).reproduce(Wanted(proposed, CHECK))
        made = desk.steps.made
        assert await writer(desk).reproduce(Wanted(proposed, CHECK)) == first
        assert desk.steps.made == made and len(desk.model.requests) == 1


@pytest.mark.parametrize(
    ("budget", "texts", "told", "lost"),
    [
        (Budget(tokens=10), (GOOD,), "the budget is spent", False),
        (Budget(), (), "it could not be had: no reply is written", True),
    ],
)
async def test_a_failure_takes_nothing_along(
    tmp_path: Path, budget: Budget, texts: Sequence[str], told: str, lost: bool
) -> None:
    async with open_desk(tmp_path, model(*texts), files=PROJECT, budget=budget) as desk:
        found, may_pass = await reproduced(writer(desk), Wanted(await candidate(desk), None))
        assert found.patch is None and found.fault.startswith(told) and may_pass is lost


def report(**outcomes: TestOutcome) -> Report:
    ran = Execution(exit_code=0, output="")
    return Report(outcomes=dict(outcomes), execution=ran, complete=True)


Outcomes = Mapping[str, TestOutcome]
NOTHING: Outcomes = {}


def runs(patched: Report, unpatched: Report, untouched: Outcomes = NOTHING, kept: Outcomes = NOTHING) -> Runs:
    return Runs([patched, patched], [unpatched, unpatched], untouched, kept)


def test_what_differs_from_run_to_run_tells_nothing() -> None:
    good, bad = report(a="passed"), report(a="failed")
    for flaky in (Runs([good, good], [bad, good], {}, {}), Runs([good, bad], [bad, bad], {}, {})):
        assert shown(flaky).fault == "Not the same each time: a."


def test_what_failed_before_is_not_brought() -> None:
    old = runs(report(a="passed"), report(a="failed"), untouched={"a": "failed"}, kept={"a": "passed"})
    assert shown(old).tests == () and "No test fails" in shown(old).fault
    both = runs(
        report(a="passed", b="passed"), report(a="failed", b="failed"),
        untouched={"a": "failed"}, kept={"a": "passed"},
    )  # fmt: skip
    assert shown(both).tests == ("b",)


def test_what_the_patch_itself_breaks_is_not_held_against_a_test() -> None:
    broken = runs(
        report(old="failed", new="passed"), report(old="passed", new="failed"),
        untouched={"old": "passed"}, kept={"old": "failed"},
    )  # fmt: skip
    assert shown(broken).tests == ("new",)


def test_a_run_that_never_ends_is_said() -> None:
    late = Report(
        outcomes={}, complete=False, execution=Execution(exit_code=None, output="…", timed_out=True)
    )
    assert shown(runs(late, report())).fault == "With the change, the tests don't end in time."
    assert shown(runs(report(a="passed"), late)).tests == ("a",)
    assert shown(runs(report(), report())).fault.startswith("The runner runs none")
    skipped = runs(report(a="skipped"), report(a="skipped"))
    assert shown(skipped).fault == "None of these tests passes with the change."
