"""Reads runs for advice, one issue at a time, and puts those of one configuration together."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from swe_scale.analysis.advice.document import Cost, Guess, Guesses
from swe_scale.analysis.advice.guessing import RULE, Looks, guess, mean_of
from swe_scale.analysis.advice.pooling import Pool, Tried, configuration
from swe_scale.analysis.advice.tried import attempt, labels_of, turns_of, wanted_of, way_of
from swe_scale.analysis.costs import Books
from swe_scale.analysis.runs import Run, open_run
from swe_scale.analysis.subsets import draws_of, sizes_of
from swe_scale.errors import UsageError
from swe_scale.records import Usage

_DRAWS = 1000
"""Draws of a number of samples that are aimed at, over all issues."""
_FEWEST, _MOST = 4, 20
"""Draws of an issue."""


def read_pools(folders: Sequence[Path]) -> list[Pool]:
    """Return what runs tried, those of one configuration together.

    Raises:
        UsageError: there is no run in a folder; it has nothing to learn from; its rule isn't known here.
        StoreError: its record or its grades can't be read.
        ExtensionError: a rule of another package failed.
    """
    pools: dict[tuple[str, ...], Pool] = {}
    for folder in folders:
        with open_run(folder) as run:
            key = tuple(configuration(run.job.config).values())
            pool = pools.setdefault((*key, way_of(run)), Pool(run.job.config, way_of(run)))
            _read(run, pool)
    return list(pools.values())


def _read(run: Run, pool: Pool) -> None:
    config, tasks = run.job.config, run.job.tasks
    asked = sum(config.strategies.values())
    longest = max((config.turns_of(name) for name in config.strategies), default=0)
    repetitions = max(_FEWEST, min(_MOST, _DRAWS // max(1, len(tasks))))
    wanted = wanted_of(run, sizes_of(asked, len(tasks)), repetitions, turns_of(longest))
    spent = _spent(run)
    samples, solved = 0, 0
    for task in tasks:
        if (solution := run.solution(task)) is None:
            continue
        solved += 1
        made = attempt(solution, labels_of(run, solution.issue, pool.way), wanted)
        samples += made.samples
        name = (task.issue.id, task.issue.repo, task.issue.base_commit)
        pool.add(name, Tried(run.name, asked, made, spent[solution.issue]))
    _check(run, solved, samples)
    pool.runs.append(run.name)
    pool.folders.append(run.folder)
    pool.unsolved += len(tasks) - solved
    pool.unknown |= {issue for issue, _ in run.grades} - {task.issue.id for task in tasks}
    pool.graded |= bool(run.grades)
    pool.crossed &= config.record_turns
    for strategy, count in config.strategies.items():
        pool.strategies[strategy] += count


def _check(run: Run, solved: int, samples: int) -> None:
    """Refuse a run that says nothing.

    Raises:
        UsageError: no issue is finished, or none has a trajectory.
    """
    if not solved:
        raise UsageError(
            f"{run.folder} has no finished issue yet: go on with swe-scale resume {run.folder}, or leave it "
            "out."
        )
    if not samples:
        raise UsageError(
            f"{run.folder} has no trajectories that began with the issue alone, so it says nothing of "
            "samples; leave it out."
        )


def _spent(run: Run) -> Mapping[str, Mapping[str, Usage]]:
    """Return what each issue has cost, by stage."""
    found: dict[str, dict[str, Usage]] = defaultdict(dict)
    for (issue, stage), usage in Books.of(run.entries()).stages.items():
        found[issue][stage] = usage
    return found


def guesses_of(pool: Pool) -> Guesses | None:
    """Return what can be said of a pool without grades; None where no issue has samples.

    Raises:
        UsageError: a run has gone since it was read.
        StoreError: its record can't be read.
    """
    looks = [found for folder in pool.folders for found in _looks(folder)]
    sizes = sorted({size for found in looks for size in found})
    points = []
    for size in sizes:
        told = [found[size] for found in looks if size in found]
        whole = mean_of(told)
        points.append(
            Guess(
                samples=size,
                issues=len(told),
                agreement=whole.agreement,
                probable=whole.probable,
                expected=whole.expected,
                cost=Cost(usd=whole.usd, tokens=whole.tokens),
            )
        )
    return Guesses(rule=RULE, issues=len(looks), points=tuple(points)) if points else None


def _looks(folder: Path) -> Iterator[Mapping[int, Looks]]:
    with open_run(folder) as run:
        config, issues = run.job.config, len(run.job.tasks)
        sizes = sizes_of(sum(config.strategies.values()), issues)
        for solution in run.solutions():
            if found := guess(solution, sizes, draws_of(issues), config.min_confidence):
                yield found
