"""Which tests are run for a change: by what they execute, as many as fit into the time, flaky ones out."""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from solving_kit import Desk, Spoken, open_desk

from swe_scale.records import Candidate, Execution, File
from swe_scale.regression import Report
from swe_scale.regression.comparing import joined, stable
from swe_scale.regression.executed import Executed
from swe_scale.regression.neighbours import Neighbours
from swe_scale.regression.sampling import Probe, choose, near_limit, patience, portions

pytestmark = pytest.mark.anyio

CALC = "def add(a, b):\n    return a + b\n\n\ndef half(a):\n    return a // 2\n"
PROJECT = {
    "calc.py": CALC,
    "front.py": "import calc\n\n\ndef total(*all):\n    out = 0\n    for one in all:\n"
    "        out = calc.add(out, one)\n    return out\n",
    "tests/test_zeta.py": "from front import total\ndef test_total():\n    assert total(1, 2) == 3\n",
    "tests/test_calc_names.py": "import calc\ndef test_name():\n    assert calc.__name__ == 'calc'\n",
    "tests/test_calc_half.py": "import calc\ndef test_half():\n    assert calc.half(4) == 2\n",
    "conftest.py": "",
    "swe-scale.toml": f"[environment]\nsetup = []\ntest = '{sys.executable} -m pytest'\n",
}
Open = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")

    @asynccontextmanager
    async def open_it(more: Mapping[str, str] = {}) -> AsyncIterator[Desk]:
        files = {path: text.encode() for path, text in {**PROJECT, **more}.items()}
        async with open_desk(tmp_path, Spoken({}), files=files) as desk:
            yield desk

    return open_it


async def judged(desk: Desk, new: str, seconds: float = 120.0) -> dict[str, str]:
    """Return the outcome per test file for a candidate that changes calc.py."""
    tree = await desk.trees.write(desk.trees.base, {"calc.py": File(mode="100644", data=new.encode())})
    one = Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(1,))
    checks, verdicts = await Neighbours(desk.setting.cells, desk.trees, seconds).verdicts([one])
    paths = {check.id: check.script for check in checks}
    return {paths[one.check]: one.outcome for one in verdicts}


async def test_tests_that_execute_the_change_come_first_and_others_stay_out(opened: Open) -> None:
    # The runner is Python's, so it can't be given a file of another language, however near that one is.
    async with opened({"calc.test.js": "calc", "tests/calc_test.go": "package calc"}) as desk:
        assert await judged(desk, CALC.replace("a + b", "a - b")) == {
            "tests/test_zeta.py": "fail",
            "tests/test_calc_half.py": "pass",
        }
        assert any(
            "2 test files near the change are run; 2 of them execute" in one for one in desk.texts("note")
        )


async def test_what_was_learned_is_kept_for_another_run(opened: Open, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    counts = {"conftest.py": f"open({str(ran)!r}, 'a').write('x')\n"}
    async with opened(counts) as desk:
        await judged(desk, CALC.replace("a + b", "a - b"))
        first = len(ran.read_text())
        other = replace(desk.setting.cells, issue="pkg-2")
        again = replace(desk, setting=replace(desk.setting, cells=other))
        await judged(again, CALC.replace("a + b", "b + a"))
    # Nothing runs on the untouched code; the candidate breaks nothing, so it runs once.
    assert len(ran.read_text()) - first == 1


async def test_a_test_that_needs_another_before_it_is_flaky(opened: Open) -> None:
    files = {
        "shared.py": "seen = []\n",
        "tests/test_calc_a.py": "import calc, shared\n"
        "def test_first():\n    calc.add(1, 1)\n    shared.seen.append(1)\n",
        "tests/test_calc_b.py": "import calc, shared\n"
        "def test_then():\n    calc.add(1, 1)\n    assert not shared.seen\n"
        "def test_alone():\n    assert calc.add(1, 1) == 2\n",
    }
    async with opened(files) as desk:
        told = await judged(desk, CALC.replace("a + b", "b + a"))
        assert set(told.values()) == {"pass"}
        assert "tests/test_calc_b.py" in told
        assert any("1 tests are flaky" in one for one in desk.texts("note"))


async def test_what_does_not_fit_into_the_time_is_left_out_and_said(opened: Open) -> None:
    slow = {
        "tests/test_calc.py": "import time, calc\ndef test_slow():\n    calc.add(1, 1)\n    time.sleep(600)\n"
    }
    async with opened(slow) as desk:
        told = await judged(desk, CALC.replace("a + b", "a - b"), seconds=60.0)
        assert told["tests/test_zeta.py"] == "fail"
        assert "tests/test_calc.py" not in told
        assert any(
            "of 3 test files near the change are run (time limit)" in one for one in desk.texts("note")
        )


async def test_a_repository_whose_tests_all_fail_is_no_evidence_and_said_so(opened: Open) -> None:
    async with opened({"conftest.py": "raise SystemError\n"}) as desk:
        assert await judged(desk, CALC.replace("a + b", "a - b")) == {}
        assert any("no test file near the change can be used" in one for one in desk.texts("note"))


def probe(path: str, seconds: float, *, passes: bool = True, late: bool = False) -> Probe:
    ran = Execution(exit_code=None if late else 0, output="", timed_out=late, seconds=seconds)
    outcomes = {f"{path}::test": "passed" if passes else "failed"}
    report = Report(outcomes={} if late else outcomes, execution=ran, complete=not late)
    return Probe(path=path, report=report, executed=Executed())


def test_an_hour_long_suite_is_sampled_nearest_first() -> None:
    order = [f"test_{number:02}.py" for number in range(30)]
    probes = {path: probe(path, 200.0) for path in order[:20]}
    chosen = choose(order, probes, {}, 1200.0, 12)
    assert chosen.tests == ("test_00.py", "test_01.py", "test_02.py")
    assert (chosen.near, chosen.untried, len(chosen.slow)) == (30, 10, 17)
    assert chosen.told() == "3 of 30 test files near the change are run (time limit)"


def test_a_shorter_one_takes_the_place_of_one_that_does_not_fit() -> None:
    probes = {
        "a": probe("a", 90.0),
        "b": probe("b", 20.0),
        "c": probe("c", 5.0, late=True),
        "d": probe("d", 29.0),
    }
    chosen = choose(list(probes), probes, {}, 100.0, 12)
    assert (chosen.tests, chosen.slow) == (("b", "d"), ("c", "a"))
    assert choose(["e"], {"e": probe("e", 1.0, passes=False)}, {}, 100.0, 12).tests == ()


def test_what_executes_the_change_comes_before_what_is_not_known_to() -> None:
    probes = {name: probe(name, 1.0) for name in "abcd"}
    chosen = choose("abcd", probes, {"a": 0, "c": 2, "d": 1}, 100.0, 2)
    assert (chosen.tests, chosen.near, chosen.executing) == (("c", "d"), 3, 2)
    assert choose("abcd", probes, {"a": 0, "b": 0}, 100.0, 9).tests == ("c", "d", "a", "b")


def test_a_long_run_is_cut_into_portions() -> None:
    seconds = {"a": 100.0, "b": 100.0, "c": 10.0, "d": 500.0, "e": 1.0}
    assert list(portions("abcde", seconds, 1200.0)) == [("a", "b"), ("c",), ("d",), ("e",)]
    assert list(portions("abc", {}, 600.0)) == [("a", "b", "c")]
    assert list(portions((), {}, 600.0)) == []
    assert (patience("ab", seconds), patience("e", seconds), patience("ax", seconds)) == (
        1600.0,
        60.0,
        float("inf"),
    )


def test_a_portion_that_hangs_leaves_what_the_others_told() -> None:
    heard, late = probe("a", 1.0).report, probe("b", 60.0, late=True).report
    whole = joined([heard, late])
    assert (dict(whole.outcomes), whole.execution.timed_out, whole.complete) == (
        {"a::test": "passed"},
        True,
        False,
    )
    assert near_limit(whole, 1000.0)
    assert not near_limit(heard, 1000.0)


def test_flaky_and_failing_tests_are_told_apart() -> None:
    ran = Execution(exit_code=0, output="")
    first = Report(
        outcomes={"a::p": "passed", "a::f": "failed", "a::x": "passed", "a::gone": "passed"},
        execution=ran,
        complete=True,
    )
    second = first.model_copy(update={"outcomes": {"a::p": "passed", "a::f": "error", "a::x": "failed"}})
    both = stable(first, second)
    assert (dict(both.outcomes), both.flaky, both.failing) == (
        {"a::p": "passed"},
        ("a::gone", "a::x"),
        ("a::f",),
    )
    assert stable(first, second.model_copy(update={"complete": False})).flaky == ("a::x",)
    third = stable(both, second.model_copy(update={"outcomes": {"a::p": "failed", "a::f": "passed"}}))
    assert (third.flaky, third.failing) == (("a::f", "a::gone", "a::p", "a::x"), ())
