"""The benchmark of the agent's loop measures what it says; the baseline, from elsewhere, is left out."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from own_loop import run_async
from sandbox_kit import configured

BENCHMARKS = Path(__file__).resolve().parent.parent / "evaluation" / "benchmarks"


@pytest.fixture(autouse=True)
def beside(monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("agents", "cells", "turns"):
        monkeypatch.syspath_prepend(str(BENCHMARKS / folder))
    monkeypatch.syspath_prepend(str(BENCHMARKS))


def test_a_command_tells_how_long_it_took_itself() -> None:
    import commands

    line = commands.command(0, "look").replace("ls", "sleep 0.3")
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
    assert 0.3 <= commands.own_seconds(done.stdout) < 30
    with pytest.raises(SystemExit, match="a command went wrong"):
        commands.own_seconds("ls: not found")


def test_a_turns_overhead_is_without_its_command_and_of_turns_seen_whole() -> None:
    import commands

    outputs = [f"took {seconds} us" for seconds in (9_000_000, 500_000, 250_000, 9_000_000)]
    assert commands.overhead([0.0, 10.0, 11.0, 12.0], outputs) == pytest.approx(625.0)


def test_replies_are_read_alike_on_both_sides() -> None:
    import re

    import commands
    import mini_pattern

    from swe_scale.trajectory.grammar import command_of

    for kind in ("look", "change"):
        for number in range(12):
            reply = commands.reply(number, kind)
            assert re.findall(mini_pattern.ACTION, reply, re.DOTALL) == [command_of(reply)]


def test_snapshots_are_left_out_and_told_apart() -> None:
    import agent_loop

    def run(side: str, turns: int) -> Mapping[str, float]:
        assert turns == 5
        return {"look": {"whole": 6.0, "read": 2.0}, "change": {"whole": 15.0, "read": 3.0}}.get(
            side, {"ms": 10.0 if side == "saved" else 5.0}
        )

    loop, bare, with_snapshots, nothing, changed = agent_loop.measure(run, 5, repeats=2)
    assert (loop.ours, loop.baseline, loop.ratio, loop.met) == (4.0, 10.0, 0.4, True)
    assert (bare.ratio, bare.met, with_snapshots.ratio) == (0.8, None, 0.6)
    assert (nothing.ours, changed.ours, changed.baseline) == (2.0, 11.0, None)


@pytest.mark.docker
def test_trajectories_of_ours_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import agent_loop

    config = configured("docker")
    monkeypatch.setenv("SWE_SCALE_TEST_IMAGE", config.base_image)  # type: ignore[union-attr]
    environment = run_async(agent_loop.built, tmp_path)
    try:
        agent_loop.commit(tmp_path)
        for kind in ("look", "change"):
            found = agent_loop.ours(environment, tmp_path, kind, 4)
            assert 0 < found["read"] < found["whole"]
    finally:
        agent_loop.forget(environment)
