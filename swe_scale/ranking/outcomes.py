"""What the checks say, cell by cell, and who wrote them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from swe_scale.flags import BLIND, CHEATS
from swe_scale.ranking.prior import Prior
from swe_scale.records import BASE, Candidate, Check, Opinion, Outcome, Reach, Verdict


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
    reach: Mapping[tuple[str, str], Reach] = field(default_factory=dict)
    """By check and candidate, whether the one executes what the other changes; none where it wasn't asked."""

    @cached_property
    def outcomes(self) -> "Outcomes":
        """The verdicts by cell."""
        return Outcomes(self.verdicts)

    def unreached(self, candidate: str, check: str) -> bool:
        """Return whether a check passes on a candidate though it executes nothing of what that changes.

        Then it would have said the same without the change: it doesn't speak for it. A fail stands: the issue
        isn't where the patch is.
        """
        return self.reach.get((check, candidate)) == "misses" and self.outcomes.of(candidate, check) == "pass"

    def doubtful(self, candidate: str, check: str) -> bool:
        """Return whether that is so though the check fails on the untouched code: one of the two must err."""
        return self.unreached(candidate, check) and self.outcomes.reproduces(check)

    def also(self, checks: Iterable[Check], verdicts: Iterable[Verdict]) -> "Evidence":
        """Return the evidence with what isn't in it: nothing counts twice, whoever wrote it again."""
        known = {one.id for one in self.checks}
        further = {one.id: one for one in checks if one.id not in known}
        cells = {_cell(one) for one in self.verdicts}
        run = {_cell(one): one for one in verdicts if _cell(one) not in cells}
        return replace(
            self,
            checks=(*self.checks, *further.values()),
            verdicts=(*self.verdicts, *run.values()),
        )


def _cell(verdict: Verdict) -> tuple[str, str, int]:
    return verdict.candidate, verdict.check, verdict.repeat


class Outcomes:
    """Verdicts by cell; of repeats, what most say, and where none has the majority the worst."""

    _ORDER: tuple[Outcome, ...] = ("infra", "pass", "timeout", "error", "fail")

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        self._cells: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
        blind: set[str] = set()
        caught: set[str] = set()
        for verdict in verdicts:
            self._cells[verdict.candidate, verdict.check].append(verdict.outcome)
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
        if len(found) == 1:
            return found[0]
        clear = len(found) - found.count("infra")
        # Whatever isn't a pass says the same: not resolved.
        passed = 2 * found.count("pass") > clear
        return "pass" if passed else max((one for one in found if one != "pass"), key=self._ORDER.index)

    def differ(self, candidate: str, check: str) -> bool:
        """Return whether a cell passed in one run and didn't in another."""
        return len({one == "pass" for one in self._cells.get((candidate, check), ()) if one != "infra"}) > 1

    def reproduces(self, check: str) -> bool:
        """Return whether a check fails on the untouched code, each time that it was run there.

        A blind one reproduces nothing: code that is not there satisfies it.
        """
        return check not in self.blind and {*self._cells.get((BASE, check), ())} - {"infra"} == {"fail"}


def authors_of(checks: Iterable[Check]) -> Mapping[str, frozenset[int]]:
    """Return who wrote each check: equal scripts of several authors are one check."""
    found: dict[str, set[int]] = defaultdict(set)
    for check in checks:
        if check.author is not None:
            found[check.id].add(check.author)
        else:
            found.setdefault(check.id, set())
    return {check: frozenset(authors) for check, authors in found.items()}


def shortest_telling(checks: Iterable[Check], outcomes: Outcomes, candidate: str) -> Check | None:
    """Return the shortest check that fails on the untouched code and passes with a candidate.

    Args:
        checks: to choose among.
        outcomes: of them.
        candidate: its id.
    """
    telling = (
        check
        for check in checks
        if outcomes.reproduces(check.id) and outcomes.of(candidate, check.id) == "pass"
    )
    return min(telling, key=lambda check: (len(check.script), check.id), default=None)
