"""Finds the patches that are to be graded: of a run, or of a file of predictions."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from swe_scale.analysis.runs import open_run
from swe_scale.errors import UsageError
from swe_scale.records import Solution
from swe_scale.swebench.predictions import Prediction, read_predictions

GOLD: Final = "gold"
"""Stands for the true patches of the dataset."""
EMPTY: Final = "empty"
"""Stands for no change at all."""
_RUNS = Path("runs")
_FILES = (".json", ".jsonl")


def place_of(given: str) -> Path:
    """Return the folder that the grades of these predictions belong in."""
    if given in (GOLD, EMPTY):
        return Path()
    path = Path(given)
    return path.parent if path.suffix in _FILES else _folder(given)


def patches_of(
    given: str, candidates: bool, turns: bool, unusable: Callable[[str], None]
) -> Iterator[Prediction]:
    """Yield the patches, in the order in which they stand.

    Args:
        given: a run's name or folder, or a file.
        candidates: whether all candidates of a run are wanted, and not only those chosen.
        turns: whether what stood after each turn is wanted, too.
        unusable: told of predictions that can't be used.

    Raises:
        UsageError: there is no such run or file, or it can't be read.
        StoreError: the run's record is damaged.
    """
    if Path(given).suffix in _FILES:
        if candidates or turns:
            raise UsageError(f"--candidates and --turns are for runs; {given} is a file.")
        yield from read_predictions(Path(given), unusable)
        return
    folder = _folder(given)
    if not (folder / "run.sqlite").is_file():
        raise UsageError(
            f"there is no run {given!r} ({folder / 'run.sqlite'} doesn't exist), and predictions in a file "
            "end in .json or .jsonl."
        )
    with open_run(folder) as run:
        for solution in run.solutions():
            for patch in _of(solution, candidates, turns):
                yield Prediction(solution.issue, patch)


def _of(solution: Solution, candidates: bool, turns: bool) -> Iterator[str]:
    yield solution.patch or ""
    if candidates:
        yield from (one.patch for one in solution.candidates)
    if turns:
        made = (turn.patch for one in solution.trajectories for turn in one.turns)
        yield from (patch for patch in made if patch is not None)


def _folder(given: str) -> Path:
    return Path(given) if "/" in given else _RUNS / given
