"""Says what must be known to read the figures of a replay: what they rest on, and what the record lacks."""

from collections.abc import Sequence

from swe_scale.analysis.replay import IssueScores, Plan


def notes(issues: Sequence[IssueScores], plan: Plan, failed: int) -> tuple[str, ...]:
    """Return what is to be said, the general first.

    Args:
        issues: as they were replayed.
        plan: what was asked for.
        failed: tasks of the run without a solution.
    """
    said = [
        f"Intervals: 95 %, bootstrap over {len(issues)} issues. Drawing {plan.repetitions} times from each "
        "adds no issues: what holds for other issues is as uncertain as before.",
        "No model is asked: where finalists are level, the leader of the ranking stands for the selection. "
        "An abstention resolves nothing. Costs are those of trajectories alone.",
    ]
    return (*said, *_left_out(issues, failed), *_lacking(issues))


def _left_out(issues: Sequence[IssueScores], failed: int) -> list[str]:
    said: list[str] = []
    if failed:
        said.append(f"{_counted(failed, 'issue')} of the run without a solution left out.")
    if unknown := sum(one.unknown for one in issues):
        whole = sum(not one.scores for one in issues)
        said.append(
            f"{unknown:,} of {sum(one.draws for one in issues):,} draws left out: a candidate has no grade "
            f"({_counted(whole, 'issue')} wholly): swe-scale grade RUN --candidates --turns."
        )
    if short := sum(bool(one.short) for one in issues):
        said.append(f"{_counted(short, 'issue')} with fewer trajectories than asked for: all were taken.")
    if late := sum(one.late for one in issues):
        said.append(
            f"{_counted(late, 'trajectory')} learnt from others: drawn only with all the others, uncut."
        )
    return said


def _lacking(issues: Sequence[IssueScores]) -> list[str]:
    said: list[str] = []
    cells, wanted = sum(one.lacks.cells for one in issues), sum(one.lacks.wanted for one in issues)
    if cells:
        said.append(
            f"{cells / wanted:.1%} of the cells that votes ask for were never run and say nothing: a run "
            "made with --record-all --record-turns has them; others leave out what their rule doesn't need."
        )
    if forms := sum(len(one.lacks.forms) for one in issues):
        said.append(f"{_counted(forms, 'tree')} without a recorded normal form: changed tokens stand for it.")
    if checks := sum(len(one.lacks.checks) for one in issues):
        said.append(f"{_counted(checks, 'trajectory')} of an older version: cut, they have no check.")
    if whole := sum(len(one.lacks.whole) for one in issues):
        said.append(f"{_counted(whole, 'trajectory')} of command-line agents can't be cut: taken whole.")
    return said


def _counted(count: int, what: str) -> str:
    many = "trajectories" if what == "trajectory" else f"{what}s"
    return f"{count:,} {what if count == 1 else many}"
