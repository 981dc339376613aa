"""What a large batch costs beside models and sandboxes, and what its report does.

Each issue takes 10 trajectories of 8 turns with an instant model and idle sandboxes: everything else is real
(the repository, the index of its files, trees, cells, votes, the record). The baseline is mini-swe-agent's
loop over as many turns, which does none of the judging. Then the report of the largest batch is made and
opened in a headless Chromium.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from harness import Figure, Goal, arguments, compare, installed, report
from startup import MINI

sys.path.insert(0, str(Path(__file__).parent / "viewing"))

from opening import open_seconds

_HERE = Path(__file__).parent

TRAJECTORIES, TURNS = 10, 8
PER_ISSUE = TRAJECTORIES * TURNS

Took = Mapping[str, float]


def solved(folder: Path, issues: int) -> Took:
    """Solve a batch in a process of its own; return what it took."""
    folder.mkdir()
    command = [sys.executable, str(_HERE / "batches" / "solved.py"), str(folder), str(issues)]
    kept = {**os.environ, "XDG_CACHE_HOME": str(folder / "caches")}
    return _told(command, kept)


def looped(issues: int) -> float:
    """Return the seconds of mini-swe-agent for as many turns, its trajectories written to files."""
    program = str(_HERE / "turns" / "mini.py")
    quiet = {**os.environ, "MSWEA_SILENT_STARTUP": "1"}
    command = [str(installed(MINI) / "python"), program, str(TURNS), str(issues * TRAJECTORIES), "saved"]
    return _told(command, quiet)["seconds"]


def reported(run: Path) -> float:
    """Return the seconds that the report of a run takes to be made, as a person asks for it."""
    began = time.perf_counter()
    command = [sys.executable, "-m", "swe_scale", "report", str(run)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - began


def _told(command: list[str], environment: Mapping[str, str]) -> Took:
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True
    )
    found: Took = json.loads(done.stdout)
    return found


def batch_figures(name: str, took: Took, issues: int, baseline: float) -> list[Figure]:
    """Return the figures of one batch."""
    per_turn = [took["seconds"] / took["turns"] * 1000]
    beyond = (took["bytes"] - took["text_bytes"]) / took["turns"]
    within = Goal(most=15 * issues / 500, of_ours=True)
    peak = max(took["own_mb"], took["child_mb"])
    return [
        compare(f"{name}: all of it", "minutes", [took["seconds"] / 60], [baseline / 60], within),
        compare(f"{name}: a turn, judging and all", "ms", per_turn, [baseline / took["turns"] * 1000]),
        compare(f"{name}: memory at its peak", "MB", [peak], None, Goal(most=1024, of_ours=True)),
        compare(f"{name}: record of a turn but texts", "B", [beyond], None, Goal(most=2000, of_ours=True)),
    ]


def measure(few: int, many: int, repeats: int, place: Path) -> list[Figure]:
    """Return the figures: of the large batch, how it grows from the small one, and of its report."""
    small = [solved(place / f"few{number}", few) for number in range(repeats)]
    large = solved(place / "many", many)
    growth = [large["seconds"] / many / (one["seconds"] / few) for one in small]
    run = place / "many" / "run"
    made = [reported(run) for _ in range(repeats)]
    opened = [open_seconds(run / "report.html", 1) for _ in range(repeats)]
    return [
        *batch_figures(f"{many} issues", large, many, looped(many)),
        compare(f"an issue of {many} ÷ of {few}", "×", growth, None, Goal(most=1.25, of_ours=True)),
        compare(f"report of {many} issues made", "s", made, None, Goal(most=60, of_ours=True)),
        compare("the same opened in Chromium", "s", opened, None, Goal(most=1, of_ours=True)),
    ]


def _sizes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--few", type=int, default=50, help="issues of the small batch")
    parser.add_argument("--many", type=int, default=500, help="issues of the large batch")


if __name__ == "__main__":
    given = arguments("What a large batch costs, and its report.", repeats=3, add=_sizes)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report(measure(given.few, given.many, given.repeats, Path(folder)), as_json=given.json)
