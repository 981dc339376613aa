"""The benchmarks measure what they say; what they need from elsewhere (a baseline) is left out."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sandbox_kit import configured

from swe_scale.config import Bubblewrap
from swe_scale.records import Check

BENCHMARKS = Path(__file__).resolve().parent.parent / "evaluation" / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_measures_a_trajectory_of_ours() -> None:
    done = subprocess.run(
        [sys.executable, str(BENCHMARKS / "turns" / "ours.py"), "3", "2"], capture_output=True, check=True
    )
    assert json.loads(done.stdout)["seconds"] > 0


def test_sides_take_turns_after_one_measurement_each_that_does_not_count() -> None:
    from harness import in_turn

    order: list[str] = []

    def side(name: str) -> float:
        order.append(name)
        return float(len(order))

    found = in_turn({"a": lambda: side("a"), "b": lambda: side("b")}, repeats=2)
    assert "".join(order) == "ababab"
    assert found == {"a": [3.0, 5.0], "b": [4.0, 6.0]}


def test_the_ratio_is_that_of_neighbouring_measurements() -> None:
    from harness import Goal, compare

    # The machine was ten times slower during the second pair; the ratio doesn't move.
    figure = compare("f", "ms", [1.0, 10.0, 1.0], [2.0, 20.0, 4.0], Goal(most=0.5))
    assert (figure.ours, figure.baseline, figure.ratio) == (1.0, 4.0, 0.5)
    assert figure.spread == (0.25, 0.5)
    assert figure.met
    assert compare("f", "ms", [3.0], [4.0], Goal(most=0.5)).met is False
    assert compare("f", "ms", [3.0], [4.0]).met is None
    assert compare("f", "×", [1.2], None, Goal(most=1.25, of_ours=True)).met
    assert compare("f", "×", [1.2], None, Goal(most=1.25)).met is None


def test_a_report_names_the_figure_the_baseline_and_the_goal(capsys: pytest.CaptureFixture[str]) -> None:
    from harness import Goal, compare, report

    figure = compare("f", "turns/s", [9.0], [2.0], Goal(least=3.0))
    report([figure], as_json=True)
    (printed,) = json.loads(capsys.readouterr().out)["figures"]
    expected = {"name": "f", "ours": 9.0, "baseline": 2.0, "unit": "turns/s", "ratio": 4.5}
    assert expected.items() <= printed.items()
    assert (printed["goal"], printed["met"]) == ("ratio ≥ 3", True)
    report([figure], as_json=False)
    assert {"turns/s", "4.5", "≥", "yes"} <= set(capsys.readouterr().out.replace("│", " ").split())


def test_growth_is_the_cost_of_a_turn_in_long_trajectories_over_that_in_short_ones() -> None:
    import orchestrator

    def run(side: str, turns: int, count: int) -> float:
        cost = 1.0 if side == "ours" else turns / 10
        return cost * turns * count

    figures = {one.name: one for one in orchestrator.measure(run, {10: 4, 40: 1}, repeats=2)}
    assert figures["trajectories of 40 turns, both recorded"].ratio == pytest.approx(4.0)
    growth = figures["cost of a turn in 40 turns ÷ in 10"]
    assert growth.ours == pytest.approx(1.0)
    assert growth.baseline == pytest.approx(4.0)
    assert growth.met


def test_the_help_of_a_command_is_timed_and_its_absence_noticed(tmp_path: Path) -> None:
    import startup

    command = [str(Path(sys.executable).parent / "swe-scale"), "--help"]
    assert startup.seconds(command, str(tmp_path)) > 0
    with pytest.raises(SystemExit, match="didn't show its help"):
        startup.seconds([sys.executable, "-c", "pass", "--help"], str(tmp_path))


@pytest.mark.bubblewrap
@pytest.mark.anyio
async def test_a_cell_of_the_sandbox_benchmark_is_fresh_and_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS / "cells"))
    import fresh
    from others import bare

    configured("bubblewrap")
    config = Bubblewrap(allow_unbounded=True)
    environment = await fresh.build(config)
    async with fresh.opened(config, environment) as template:
        assert await fresh.cell(template) > 0
        await fresh.storm(template, 6, 3)
        checks = [Check.of("import sys; sys.exit(42)", "reproduction")]
        assert await fresh.matrix(template, checks, 2, 2) > 0
        passing = [Check.of("pass", "reproduction")]
        with pytest.raises(ExceptionGroup) as wrong:
            await fresh.matrix(template, passing, 1, 1)
        assert wrong.group_contains(RuntimeError, match="a cell went wrong")
    fresh.write_tree(tmp_path)
    (tmp_path / "two").touch()
    assert bare(fresh.SCRIPT, str(tmp_path)) > 0
    with pytest.raises(SystemExit, match="the script went wrong"):
        bare("exit 1", str(tmp_path))
