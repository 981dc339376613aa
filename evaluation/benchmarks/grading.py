"""What grading five candidates of ten quick rows takes, beside the official harness on the same images.

    scripts/bench grading --data DATA --repos REPOS [--repeats 3] [--json]

Both sides grade the same recorded candidates of development rows, in local images that the program
`evaluation/experiments/testbed_images.py` has made. Ours knows no grade from before, but has used the images
once; it is measured with the official verdict alone, which is what the harness gives, and with both. The
harness grades one patch of a row per call, so that it is called once per candidate, each time for all rows,
with the number of workers that suits it best here. What the rows' scripts take by themselves is the processor
time that their shells tell at their end, in the harness; what goes beyond is the wall clock less this time ÷
cores, on both sides. Ours needs the extra `swebench`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import Figure, Goal, arguments, compare, installed, report

sys.path.insert(0, str(Path(__file__).parent.parent / "experiments"))

from grading_agreement import linked
from official_harness import QUICK, Harness, rounds
from testbed_images import there
from testbed_rows import Row, runnable_rows

from swe_scale.grades import read_grades

HARNESS = "swebench==5.0.2"
CANDIDATES = 5
SEED = 7
WORKERS = (1, 2, 4, 8)

_MARK = "what this script took"
_TELL = f"echo {_MARK}\ntimes\n"
_SPENT = re.compile(r"(\d+)m([\d.]+)s")

Rounds = Sequence[Mapping[str, str]]
"""Of each round, one patch by row."""


@dataclass(frozen=True, slots=True)
class Took:
    """What grading all candidates took."""

    wall: float
    resolved: int
    scripts: float = 0.0
    """Seconds of processor time of the rows' scripts, of all runs together; of the harness alone."""


@dataclass(frozen=True, slots=True)
class Load:
    """What is graded."""

    rows: Path
    """The dataset; scripts print at their end what they took."""
    repos: Path
    """Folder with the repositories as owner__name."""
    rounds: Rounds


def load_of(rows: Sequence[Row], patches: Rounds, repos: Path, folder: Path) -> Load:
    """Write the dataset into a folder and return the load.

    Raises:
        SystemExit: an image is missing.
    """
    missing = [row["image"] for row in rows if not there(row["image"])]
    if missing:
        made_by = "python evaluation/experiments/testbed_images.py"
        raise SystemExit(f"There is no image {missing[0]}; {made_by} makes them.")
    lines = (
        json.dumps({**row, "eval_script": f"{row['eval_script'].rstrip()}\n{_TELL}"}) + "\n" for row in rows
    )
    (folder / "rows.jsonl").write_text("".join(lines), encoding="utf-8")
    return Load(folder / "rows.jsonl", linked(repos, folder / "repos"), patches)


def processor_seconds(log: str) -> float:
    """Return what a script's shell tells of itself and of what it started: user and system, both lines."""
    *_, told = log.rpartition(f"\n{_MARK}\n")
    return sum(int(minutes) * 60 + float(seconds) for minutes, seconds in _SPENT.findall(told))


def ours(load: Load, *options: str) -> Took:
    """Return what `swe-scale grade` takes, with no grade known from before."""
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        predictions, grades = Path(place) / "predictions.jsonl", Path(place) / "grades.jsonl"
        entries = [
            json.dumps({"instance_id": row, "model_patch": patch}) + "\n"
            for patches in load.rounds
            for row, patch in patches.items()
        ]
        predictions.write_text("".join(entries), encoding="utf-8")
        command = [sys.executable, "-m", "swe_scale", "grade", str(predictions), "--dataset", str(load.rows)]
        command += [
            "--repos",
            str(load.repos),
            "--out",
            str(grades),
            "--sandbox",
            "docker",
            "--json",
            *options,
        ]
        began = time.perf_counter()
        subprocess.run(
            command, env={**os.environ, "XDG_CACHE_HOME": f"{place}/cache"},
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
        )  # fmt: skip
        wall = time.perf_counter() - began
        found = read_grades(grades).values()
        resolved = sum(one.official.ruling == "resolved" for one in found)
        return Took(wall, resolved)


def theirs(load: Load, python: Path, workers: int) -> Took:
    """Return what the official harness takes, called once per round."""
    wall = scripts = 0.0
    resolved = 0
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        harness = Harness(python, load.rows, Path(place))
        for number, patches in enumerate(load.rounds):
            run = f"bench-{os.getpid()}-{number}"
            began = time.perf_counter()
            harness.run(run, patches, workers)
            wall += time.perf_counter() - began
            for row in patches:
                log = harness.kept(run, row) / "test_output.txt"
                scripts += processor_seconds(log.read_text(errors="replace")) if log.is_file() else 0.0
                resolved += harness.said(run, row, "").resolved is True
    return Took(wall, resolved, scripts)


def best_workers(load: Load, python: Path, tried: Sequence[int] = WORKERS) -> int:
    """Return the number of workers with which the harness is quickest, by one round."""
    one = Load(load.rows, load.repos, load.rounds[:1])
    walls = {workers: theirs(one, python, workers).wall for workers in tried}
    told = ", ".join(f"{workers}: {wall:.0f} s" for workers, wall in walls.items())
    print(f"the harness by workers, one round: {told}", file=sys.stderr, flush=True)
    return min(walls, key=lambda workers: walls[workers])


def figures(
    official: Sequence[Took], both: Sequence[Took], other: Sequence[Took], patches: int, workers: int
) -> list[Figure]:
    """Return the figures of measurements that were taken in turn."""
    load = f"grading {patches} candidates"
    cores = os.cpu_count() or 1
    least = [one.scripts / cores for one in other]
    walls, theirs = [one.wall for one in official], [one.wall for one in other]
    return [
        compare(
            f"{load}, the official verdict; the harness with {workers} workers", "s",
            walls, theirs, Goal(most=0.5),
        ),
        compare(
            f"{load}, the official verdict: beyond the scripts' processor time ÷ cores", "s",
            [wall - own for wall, own in zip(walls, least, strict=True)],
            [wall - own for wall, own in zip(theirs, least, strict=True)], Goal(most=0.2),
        ),
        compare(f"{load}, both verdicts", "s", [one.wall for one in both], theirs),
        compare(f"{load}: the scripts' processor time ÷ cores", "s", least, None),
        compare(
            f"{load}: resolved, officially", "patches",
            [one.resolved for one in official], [one.resolved for one in other],
        ),
    ]  # fmt: skip


def measure(load: Load, repeats: int, workers: int | None) -> list[Figure]:
    """Return the figures: both sides in turn, after one use of the images by each."""
    python = installed(HARNESS) / "python"
    workers = workers or best_workers(load, python)
    first = ours(load)
    print(f"ours, the first time with these images: {first.wall:.0f} s", file=sys.stderr, flush=True)
    official, both, other = [], [], []
    for number in range(repeats):
        official.append(ours(load, "--official"))
        other.append(theirs(load, python, workers))
        both.append(ours(load))
        told = f"{official[-1].wall:.0f} s, {both[-1].wall:.0f} s with both verdicts, {other[-1]}"
        print(f"repeat {number + 1}: {told}", file=sys.stderr, flush=True)
    return figures(official, both, other, sum(map(len, load.rounds)), workers)


def add(parser: argparse.ArgumentParser) -> None:
    """Add the options of this benchmark."""
    parser.add_argument("--repos", type=Path, help="folder with the repositories, OWNER+NAME/repo")
    parser.add_argument("--candidates", type=int, default=CANDIDATES, help="of each row")
    parser.add_argument("--workers", type=int, help="of the harness [default: what suits it best]")
    parser.add_argument("--rows", nargs="*", default=QUICK, help="ids of the rows")


def main() -> None:
    """Measure and print."""
    chosen = arguments("What grading takes, beside the official harness.", repeats=3, add=add)
    if chosen.data is None or chosen.repos is None:
        raise SystemExit("Grading is measured on real rows: give --data and --repos.")
    rows = [row for row in runnable_rows(chosen.data) if row["instance_id"] in chosen.rows]
    drawn = rounds(rows, chosen.data, chosen.candidates, SEED)[1:]
    patches = [{row: patch for row, (_, patch) in one.items()} for one in drawn]
    with tempfile.TemporaryDirectory(prefix="bench-") as place:
        load = load_of(rows, patches, chosen.repos, Path(place))
        report(measure(load, chosen.repeats, chosen.workers), as_json=chosen.json)


if __name__ == "__main__":
    main()
