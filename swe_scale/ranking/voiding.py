"""Cells that may take a check's vote on every candidate: these are never left out."""

from collections.abc import Iterator
from functools import lru_cache

from swe_scale.checks.controls import starts_processes
from swe_scale.patch import touched
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.worth import Cell, written

_NEW = "\nnew file mode "


def voiding_cells(evidence: Evidence) -> Iterator[Cell]:
    """Yield the open cells that may show a check to be blind, which takes its vote on every candidate.

    These are never left out. Only a check that starts processes can be blind, and on patches that change the
    same files it is so on all or on none of those that it passes on: the control is the same.
    """
    outcomes = evidence.outcomes
    for check in written(evidence):
        if not outcomes.reproduces(check.id) or not _starts_processes(check):
            continue
        sighted = {
            _place(one.patch) for one in evidence.candidates if outcomes.of(one.id, check.id) == "pass"
        }
        for one in evidence.candidates:
            if outcomes.of(one.id, check.id) is None and _place(one.patch) not in sighted:
                yield Cell(check.id, one.id)


_starts_processes = lru_cache(maxsize=1024)(starts_processes)


@lru_cache(maxsize=1024)
def _place(patch: str) -> tuple[str, ...]:
    """Return what the control for blind checks depends on: paths, and the content of new files."""
    return (*sorted(touched(patch)), patch if _NEW in patch else "")
