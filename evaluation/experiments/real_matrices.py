"""Judges real patches of real issues by what `swe-scale select` can find out: real matrices, without labels.

Candidates are drawn by lot among the recorded ones of the development rows that run here; checks are the
scripts and test patches that models wrote for them, as foreign ones, and the repository's own tests. What is
known of a patch (whose it is, whether it resolves) stays here: `select` sees a folder of numbered files.

`python evaluation/experiments/real_matrices.py --data DATA --repos REPOS --out FOLDER` makes what isn't there
yet, one run folder per row; `real_figures.py` reads it. The images are those of `testbed_images.py`.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from testbed_rows import Candidate, Row, candidates, drawn, image_of, lines, repository_of, runnable_rows

NAME = "made"
"""Of the run folder of each row."""
SEED = 8
_CANDIDATES = 10
_TESTS = "test_patch_diff"
"""Kind of a check that is a patch which adds tests; others are scripts."""
_PATIENCE = 3600


@dataclass(frozen=True, slots=True)
class Places:
    """Where things are."""

    data: Path
    repos: Path
    out: Path


def folder_of(out: Path, instance: str) -> Path:
    """Return where what belongs to a row is."""
    return out / instance


def patches_of(data: Path, instance: str, count: int, seed: int) -> list[Candidate]:
    """Return a row's candidates, drawn by lot, whatever is known of them."""
    return drawn(candidates(data, {instance}), count, seed)


def prepare(row: Row, given: Sequence[Candidate], checks: Sequence[Row], folder: Path) -> None:
    """Write an issue, its candidates and its checks to an empty folder."""
    folder.mkdir(parents=True)
    (folder / "issue.md").write_text(row["problem_statement"], encoding="utf-8")
    (folder / "candidates").mkdir()
    for number, one in enumerate(given):
        (folder / "candidates" / f"{number:02}.diff").write_text(one.patch, encoding="utf-8")
    (folder / "checks").mkdir()
    for number, check in enumerate(checks):
        name = f"{number:02}.diff" if check["kind"] == _TESTS else f"{number:02}.py"
        (folder / "checks" / name).write_text(check["content"], encoding="utf-8")


def ready_image(row: Row) -> str:
    """Name a row's image as SWE-bench names its images, by which is known where things are in it."""
    name = f"swe-scale-data/sweb.eval.{row['instance_id'].lower()}:testbed"
    subprocess.run(["docker", "tag", image_of(row["instance_id"]), name], check=True)
    return name


def command(row: Row, checks: Sequence[Path], repos: Path) -> Iterator[str]:
    """Yield the command line that judges a row, to be run in its folder."""
    yield from (sys.executable, "-m", "swe_scale", "select", "issue.md", "--candidates", "candidates")
    for one in checks:
        yield from ("--checks", f"{'' if one.suffix == '.diff' else 'foreign:'}{one}")
    yield from ("--repo", str(repository_of(repos, row["repo"])), "--base", row["base_commit"])
    yield from ("--image", ready_image(row), "--sandbox", "docker")
    yield from ("--name", NAME, "--selection-turns", "0", "--selection", "none", "--record-all", "--json")
    yield from ("--no-format", "--network", "none", "--regression-seconds", "60")


def judge(row: Row, places: Places) -> str:
    """Judge a row that is prepared; return how that ended."""
    folder = folder_of(places.out, row["instance_id"])
    checks = [one.relative_to(folder) for one in sorted((folder / "checks").iterdir())]
    done = subprocess.run(
        [*command(row, checks, places.repos.resolve())], cwd=folder, capture_output=True, text=True,
        check=False, timeout=_PATIENCE,
    )  # fmt: skip
    (folder / "said").write_text(done.stderr, encoding="utf-8")
    if done.returncode not in (0, 3):
        return f"exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}"
    (folder / "answer.json").write_text(done.stdout, encoding="utf-8")
    answer = json.loads(done.stdout)
    return f"{answer['outcome']}, {len(answer['candidates'])} candidates, {len(answer['verdicts'])} verdicts"


def main() -> None:
    """Judge every row that wasn't yet."""
    parser = argparse.ArgumentParser(description="Judges recorded patches by `swe-scale select`.")
    parser.add_argument("--data", type=Path, required=True, help="the development data")
    parser.add_argument("--repos", type=Path, required=True, help="repositories as OWNER+NAME/repo")
    parser.add_argument("--out", type=Path, required=True, help="where run folders are kept")
    parser.add_argument("--candidates", type=int, default=_CANDIDATES, help=f"per row; {_CANDIDATES}")
    parser.add_argument("--rows", nargs="*", default=[], help="instances; all by default")
    given = parser.parse_args()
    places = Places(given.data, given.repos, given.out)
    tests: dict[str, list[Row]] = {}
    for one in lines(given.data / "model_tests_dev.jsonl"):
        tests.setdefault(one["instance_id"], []).append(one)
    rows = [row for row in runnable_rows(given.data) if not given.rows or row["instance_id"] in given.rows]
    for row in rows:
        name = row["instance_id"]
        folder = folder_of(given.out, name)
        if (folder / "answer.json").exists():
            continue
        if not folder.exists():
            prepare(row, patches_of(given.data, name, given.candidates, SEED), tests.get(name, []), folder)
        print(f"{name}: {judge(row, places)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
