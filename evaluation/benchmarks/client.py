"""What our client costs beside the bare one it is made of, and how 2,000 trajectories get on in a process.

Both sides ask an instant scripted server in another process; only the CPU time and the memory of the process
that asks count.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from harness import Figure, Goal, arguments, compare, in_turn, installed, report
from startup import MINI

sys.path.insert(0, str(Path(__file__).parent / "clients"))

from instant import serving

_CLIENTS = Path(__file__).parent / "clients"

SIZES = {"1 kB": 1_000, "60 kB and five turns": 60_000}
"""Conversations, by the characters of their first message."""
EACH = 5
"""Requests of each of the 200 tasks in one measurement."""
ISSUES, TRAJECTORIES, TURNS = 200, 10, 7
"""Together 2,000 trajectories, held before the last turn where their memory is measured."""

Run = Callable[..., Mapping[str, float]]
"""Runs one of the programs beside this one with some arguments; returns what it prints."""


def run(program: str, *given: object, python: str = sys.executable) -> Mapping[str, float]:
    """Return what a program prints."""
    done = subprocess.run(
        [python, str(_CLIENTS / program), *map(str, given)],
        env={**os.environ, "MSWEA_SILENT_STARTUP": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
    )
    found: Mapping[str, float] = json.loads(done.stdout)
    return found


def requests(run: Run, url: str, each: int, repeats: int) -> list[Figure]:
    """Return the figures of CPU time per request at 200 concurrent, beside the bare client."""
    figures = []
    for size, characters in SIZES.items():
        for way in ("whole", "streamed"):
            sides = {
                side: lambda side=side, way=way, size=characters: run(
                    "asking.py", side, url, way, size, each
                )["ms"]
                for side in ("ours", "bare")
            }
            took = in_turn(sides, repeats)
            name = f"CPU time per request, 200 at a time, {size}, replies {way}"
            figures.append(compare(name, "ms", took["ours"], took["bare"], Goal(most=1.3)))
    return figures


def trajectories(run: Run, url: str, mini: str, shape: tuple[int, int, int], repeats: int) -> list[Figure]:
    """Return the figures of many trajectories alive in one process."""
    issues, each, turns = shape
    name = f"{issues * each:,} trajectories alive in one process, 256 requests in flight"
    pairs = [
        (run("alive.py", "memory", url, *shape)["kB"], run("threads.py", *shape, python=mini)["kB"])
        for _ in range(repeats)
    ]
    figures = [
        compare(
            f"{name}: memory of one that waits after {turns - 1} turns, 60 kB shown; beside a thread each",
            "kB",
            [ours for ours, _ in pairs],
            [baseline for _, baseline in pairs],
            Goal(most=200, of_ours=True),
        )
    ]
    for label, layout in ((f"{issues} issues", shape), ("one issue", (1, issues * each, turns))):
        found = [run("alive.py", "pace", url, *layout) for _ in range(repeats)]
        slowest = [one["slowest"] for one in found]
        goal = Goal(least=1 / 3, of_ours=True)
        figures += [
            compare(f"{name}, {label}: turn rate of the slowest ÷ the median's", "×", slowest, None, goal),
            compare(f"{name}, {label}: of all", "turns/s", [one["per_second"] for one in found], None),
        ]
    return figures


def measure(repeats: int) -> list[Figure]:
    """Return the figures."""
    mini = str(installed(MINI) / "python")
    with serving() as url:
        return [
            *requests(run, url, EACH, repeats),
            *trajectories(run, url, mini, (ISSUES, TRAJECTORIES, TURNS), max(1, repeats // 2)),
        ]


if __name__ == "__main__":
    chosen = arguments("What our client costs, beside the bare one.", repeats=5)
    report(measure(chosen.repeats), as_json=chosen.json)
