"""Issues of a coin world as rules and policies see them: candidates, checks and what these say."""

from collections.abc import Collection, Sequence
from functools import lru_cache

from coin_world import Drawn

from swe_scale.ranking import Evidence
from swe_scale.records import BASE, Candidate, Check, Execution, Verdict


def evidence_of(
    drawn: Drawn,
    names: Sequence[int] = (),
    drafts: Collection[int] = (),
    forks: Collection[int] = (),
) -> Evidence:
    """Return an issue as a vote rule sees it: every patch of its own form, every cell run once.

    Args:
        drawn: the issue.
        names: numbers of its trajectories; without any they are counted from 1.
        drafts: those of them that bring a check and no patch.
        forks: those that bring a patch and no check.
    """
    named = tuple(names) or tuple(range(1, len(drawn.right) + 1))
    every, written = _fixtures(named)
    rows = [row for row, name in enumerate(named) if name not in drafts]
    columns = [column for column, name in enumerate(named) if name not in forks]
    candidates, checks = tuple(every[row] for row in rows), tuple(written[column] for column in columns)
    ids = [one.id for one in candidates]
    verdicts = [
        _verdict(name, written[column].id, bool(said))
        for column in columns
        for name, said in zip((BASE, *ids), (drawn.base[column], *drawn.passes[rows, column]), strict=True)
    ]
    return Evidence(candidates, {name: name for name in ids}, checks, tuple(verdicts))


def right_of(drawn: Drawn, candidate: str) -> bool:
    """Return whether a candidate of `evidence_of` is right, where all trajectories are in it."""
    return bool(drawn.right[int(candidate, 16) - 1])


@lru_cache(maxsize=1024)
def _fixtures(names: tuple[int, ...]) -> tuple[tuple[Candidate, ...], tuple[Check, ...]]:
    candidates = tuple(Candidate(id=f"{name:040x}", patch="", authors=(name,)) for name in names)
    checks = tuple(Check.of(f"check {name}", "reproduction", author=name) for name in names)
    return candidates, checks


_RAN = Execution(exit_code=0, output="")


@lru_cache(maxsize=65_536)
def _verdict(candidate: str, check: str, said: bool) -> Verdict:
    return Verdict(candidate=candidate, check=check, outcome="pass" if said else "fail", execution=_RAN)
