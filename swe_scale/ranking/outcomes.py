"""What the checks say, cell by cell, and who wrote them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from swe_scale.flags import BLIND, CHEATS
from swe_scale.ranking.prior import Prior
from swe_scale.records import BASE, Candidate, Check, Opinion, Outcome, Verdict


@dataclass(frozen=True)
class Evidence:
    """Everything that a ranking may look at: patches, checks, verdicts, and what judges said of these."""

    candidates: tuple[Candidate, ...]
    forms: Mapping[str, str]
    """Normal form of each candidate, by its id."""
    checks: tuple[Check, ...]
    verdicts: tuple[Verdict, ...]
    opinions: tuple[Opinion, ...] = ()
    """Of judges who compared finalists."""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Of an external verifier, by candidate: finite, the higher the better. It may lack some, or all."""
    prior: Prior | None = None
    """What is known of such issues before; None: what is assumed otherwise."""

    @cached_property
    def outcomes(self) -> "Outcomes":
        """The verdicts by cell."""
        return Outcomes(self.verdicts)


class Outcomes:
    """Verdicts by cell; of repeats, the worst counts."""

    _ORDER: tuple[Outcome, ...] = ("pass", "infra", "timeout", "error", "fail")

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        self._cells: dict[tuple[str, str], set[Outcome]] = defaultdict(set)
        blind: set[str] = set()
        caught: set[str] = set()
        for verdict in verdicts:
            self._cells[verdict.candidate, verdict.check].add(verdict.outcome)
            if not verdict.flags:
                continue
            if BLIND in verdict.flags:
                blind.add(verdict.check)
            if CHEATS.intersection(verdict.flags):
                caught.add(verdict.candidate)
        self.blind = frozenset(blind)
        """Checks that code which is not there satisfies."""
        self.caught = frozenset(caught)
        """Candidates that were found to forge what is said of them."""

    def of(self, candidate: str, check: str) -> Outcome | None:
        """Return what a check says of a candidate; None where it wasn't run."""
        found = self._cells.get((candidate, check))
        if found is None:
            return None
        return next(iter(found)) if len(found) == 1 else max(found, key=self._ORDER.index)

    def reproduces(self, check: str) -> bool:
        """Return whether a check fails on the untouched code, each time that it was run there.

        A blind one reproduces nothing: code that is not there satisfies it.
        """
        return check not in self.blind and self._cells.get((BASE, check), set()) - {"infra"} == {"fail"}


def authors_of(checks: Iterable[Check]) -> Mapping[str, frozenset[int]]:
    """Return who wrote each check: equal scripts of several authors are one check."""
    found: dict[str, set[int]] = defaultdict(set)
    for check in checks:
        if check.author is not None:
            found[check.id].add(check.author)
        else:
            found.setdefault(check.id, set())
    return {check: frozenset(authors) for check, authors in found.items()}
