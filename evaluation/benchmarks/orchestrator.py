"""What a turn costs beside the model and the sandbox, and whether it grows, beside mini-swe-agent.

Both sides run trajectories with an instant model and an idle sandbox, each process a number of them one
after another, and keep a record: ours in the run's store, committed before and after every call;
mini-swe-agent's as its trajectory file, which it writes anew in every turn.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from harness import Figure, Goal, arguments, compare, in_turn, installed, report
from startup import MINI

SIZES = {50: 10, 200: 3, 500: 1}
"""Turns per trajectory, each with the trajectories of one measurement."""

Run = Callable[[str, int, int], float]
"""Returns the seconds that a side (`ours`, `saved`, `unsaved`) takes for trajectories of some turns."""

_TURNS = Path(__file__).parent / "turns"


def processes() -> Run:
    """Return what measures a side in a process of its own."""
    mini = str(installed(MINI) / "python")
    commands = {
        "ours": ([sys.executable, str(_TURNS / "ours.py")], []),
        "saved": ([mini, str(_TURNS / "mini.py")], ["saved"]),
        "unsaved": ([mini, str(_TURNS / "mini.py")], ["unsaved"]),
    }

    def run(side: str, turns: int, count: int) -> float:
        before, after = commands[side]
        done = subprocess.run(
            [*before, str(turns), str(count), *after],
            env={**os.environ, "MSWEA_SILENT_STARTUP": "1"},
            stdout=subprocess.PIPE,
            check=True,
        )
        return float(json.loads(done.stdout)["seconds"])

    return run


def measure(run: Run, sizes: dict[int, int], repeats: int) -> list[Figure]:
    """Return the figures: turns per second at each size, and how the cost of a turn grows."""
    sides = {
        f"{side} {turns}": lambda side=side, turns=turns, count=count: run(side, turns, count)
        for turns, count in sizes.items()
        for side in ("ours", "saved", "unsaved")
    }
    took = in_turn(sides, repeats)
    rates = {
        f"{side} {turns}": [turns * count / seconds for seconds in took[f"{side} {turns}"]]
        for turns, count in sizes.items()
        for side in ("ours", "saved", "unsaved")
    }
    figures: list[Figure] = []
    for turns in sizes:
        name, ours = f"trajectories of {turns} turns", rates[f"ours {turns}"]
        figures += [
            compare(f"{name}, both recorded", "turns/s", ours, rates[f"saved {turns}"], Goal(least=3.0)),
            compare(f"{name}, the baseline unrecorded", "turns/s", ours, rates[f"unsaved {turns}"]),
        ]
    few, many = min(sizes), max(sizes)
    growth = {
        side: [a / b for a, b in zip(rates[f"{side} {few}"], rates[f"{side} {many}"], strict=True)]
        for side in ("ours", "saved")
    }
    name = f"cost of a turn in {many} turns ÷ in {few}"
    return [*figures, compare(name, "×", growth["ours"], growth["saved"], Goal(most=1.25, of_ours=True))]


if __name__ == "__main__":
    given = arguments("What a turn costs, beside mini-swe-agent.", repeats=7)
    report(measure(processes(), SIZES, given.repeats), as_json=given.json)
