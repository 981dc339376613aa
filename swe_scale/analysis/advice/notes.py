"""Says what must be known to read advice: what it rests on, what was left out, what the record lacks."""

from collections.abc import Iterator, Sequence

from swe_scale.analysis.advice.curves import Table
from swe_scale.analysis.advice.pooling import Pool, configuration
from swe_scale.analysis.advice.tried import Attempt

_LACKING = 0.05
"""Share of cells that were never run above which it is told."""


def pooled(pools: Sequence[Pool]) -> Iterator[str]:
    """Yield which runs are together, and why others are not."""
    for one in pools:
        if len(one.runs) > 1:
            yield f"{_listed(one.runs)} have the same configuration: pooled by issue."
    first, *others = pools
    for other in others:
        mine, theirs = configuration(first.config), configuration(other.config)
        apart = [name for name, value in mine.items() if theirs[name] != value]
        if first.way != other.way:
            apart.append("way of grading")
        yield (
            f"{_listed(first.runs)} and {_listed(other.runs)} differ in {_listed(apart)}: shown one beside "
            "the other, never mixed."
        )


def notes_of(pool: Pool, table: Table | None) -> Iterator[str]:
    """Yield what must be known of one pool; the table is None where nothing is graded in full."""
    yield from _left_out(pool, table)
    attempts = [tried.attempt for several in pool.issues.values() for tried in several]
    yield from _of_samples(pool, attempts)
    if table is not None:
        yield (
            f"Intervals: 95 %, bootstrap over {_counted(table.rows.issues, 'issue')} (Wilson's for all or "
            "nothing). Resolved is by the rule: where finalists are level, its leader stands for selection."
        )
        yield from _of_turns(pool, [one.attempt for several in table.issues for one in several])


def _left_out(pool: Pool, table: Table | None) -> Iterator[str]:
    grade = f"swe-scale grade {pool.folders[0]} --dataset … --candidates"
    if pool.unsolved:
        yield f"{_counted(pool.unsolved, 'issue')} without a solution left out."
    if not pool.graded:
        yield f"Nothing is graded, so nothing is known of what is right. To know: {grade} --turns"
    elif table is None:
        yield f"No issue has all of its candidates graded, so these grades say nothing here. To know: {grade}"
    elif (missing := len(pool.issues) - table.rows.issues) > 0:
        yield (
            f"{_counted(missing, 'issue')} left out: a candidate has no grade, or there is no sample. Those "
            f"left are rather those with few candidates: {grade}"
        )
    if pool.way == "official":
        yield "Only official verdicts are there; they count, though they are more easily fooled."
    if pool.unknown:
        unknown = _counted(len(pool.unknown), "issue")
        yield f"Grades of {unknown} that a run doesn't have aren't used, such as {min(pool.unknown)}."
    if pool.copies:
        copies = _counted(pool.copies, "issue")
        yield f"{copies} of one run stand in another, with the very same trajectories: counted once."


def _of_samples(pool: Pool, attempts: Sequence[Attempt]) -> Iterator[str]:
    if late := sum(one.late for one in attempts):
        yield f"{_counted(late, 'trajectory')} learnt from others: no samples, and left out of the cost."
    most = max((tried.asked for several in pool.issues.values() for tried in several), default=0)
    fewer = sum(
        one.attempt.samples + one.attempt.late < one.asked
        for several in pool.issues.values()
        for one in several
    )
    if fewer:
        yield (
            f"On {_counted(fewer, 'issue')} fewer samples were made than asked for ({most}): beyond, all "
            "that there are count, so coverage there is rather too low."
        )
    if pool.config.policy != "fixed":
        yield (
            f"The policy {pool.config.policy} made more samples where they seemed needed, so issues with "
            "many are the harder ones: runs with --policy fixed say more of samples."
        )


def _of_turns(pool: Pool, attempts: Sequence[Attempt]) -> Iterator[str]:
    if not any(one.turned for one in attempts) or any(len(one.turned) < 2 for one in attempts):
        yield "Little is said of turns: patches of earlier ones aren't graded (swe-scale grade … --turns)."
    if not pool.crossed:
        yield (
            "What is resolved after fewer turns isn't known, since these patches weren't crossed with "
            "checks: a run made with --record-turns has that."
        )
    elif (lacking := max((one.lacking for one in attempts), default=0.0)) > _LACKING:
        yield f"Up to {lacking:.0%} of an issue's cells after fewer turns were never run and say nothing."
    if uncut := sum(one.uncut for one in attempts):
        yield f"{_counted(uncut, 'trajectory')} of command-line agents can't be cut: taken whole."


def _listed(names: Sequence[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _counted(count: int, what: str) -> str:
    many = "trajectories" if what == "trajectory" else f"{what}s"
    return f"{count:,} {what if count == 1 else many}"
