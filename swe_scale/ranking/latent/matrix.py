"""Turns the evidence into numbers: groups of equal patches by checks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.outcomes import Evidence, authors_of
from swe_scale.records import BASE, Candidate

MOST = 100
"""Groups that are looked at: the largest."""
MOST_CHECKS = 48
"""Checks that are looked at: those that say most different things."""
_RUNS = 120
"""Candidates that count in full of those on which a check was run: more are scaled down to as many."""

Numbers = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Group:
    """Candidates of one normal form: they are right or wrong together."""

    candidates: tuple[str, ...]
    authors: frozenset[int]
    """Trajectories that made it; none of candidates that came from elsewhere."""

    @property
    def size(self) -> int:
        """How many came to it, each on its own: trajectories, or candidates without any."""
        return max(len(self.authors), len(self.candidates), 1)


@dataclass(frozen=True)
class Matrix:
    """What written checks say of groups.

    What a check says of its own author's patch is left out, but for the number of those that it fails; and
    that it passes on one of which it executes nothing that is changed.
    """

    groups: tuple[Group, ...]
    checks: tuple[str, ...]
    failed: Numbers
    """Candidates of a group on which a check didn't pass: groups × checks."""
    passed: Numbers
    base: Numbers
    """On the untouched code, failures less passes of each check, −1 to 1; 0 where it is not known."""
    writers: tuple[int | None, ...]
    """Number of the group that each check's author made. None: it isn't among them."""
    disowned: tuple[int, ...]
    """By group, how many checks of its own authors fail on it, each time, and pass on another one."""

    @cached_property
    def contrast(self) -> Numbers:
        """Failures less passes of each cell, so that no check counts for more than it can."""
        return np.asarray((self.failed - self.passed) * self._scale)

    @cached_property
    def runs(self) -> Numbers:
        """Candidates on which a check was run, scaled likewise."""
        return np.asarray((self.failed + self.passed) * self._scale)

    @property
    def _scale(self) -> Numbers:
        runs = (self.failed + self.passed).sum(axis=0)
        return np.asarray(np.minimum(1.0, _RUNS / np.maximum(runs, 1.0)))


def matrix_of(evidence: Evidence) -> Matrix:
    """Return the evidence as numbers, in an order that depends on what patches and checks are alone."""
    outcomes = evidence.outcomes
    groups = _groups(evidence)
    of_candidate = {name: number for number, group in enumerate(groups) for name in group.candidates}
    authors = authors_of(one for one in evidence.checks if one.kind != "regression")
    known = sorted(check for check in authors if check not in outcomes.blind)
    failed, passed = (np.zeros((len(groups), len(known))) for _ in range(2))
    place = {name: number for number, name in enumerate(known)}
    # Runs of one cell have more in common than what makes them differ, so all of them are one.
    for candidate, check in dict.fromkeys((one.candidate, one.check) for one in evidence.verdicts):
        column, outcome = place.get(check), outcomes.of(candidate, check)
        if column is None or outcome == "infra" or evidence.unreached(candidate, check):
            continue
        if (row := of_candidate.get(candidate)) is not None:
            (passed if outcome == "pass" else failed)[row, column] += 1.0
    base = _on_base(evidence, place)
    writers = [_writer(authors[check], groups) for check in known]
    own = np.zeros(failed.shape, dtype=np.bool_)
    for row, group in enumerate(groups):
        own[row] = [bool(group.authors & authors[check]) for check in known]
    disowned = _disowned(own, failed, passed)
    passable = np.asarray(passed.any(axis=0))
    failed[own], passed[own] = 0.0, 0.0
    kept = _telling(failed, passed, passable)
    return Matrix(
        groups,
        tuple(known[column] for column in kept),
        failed[:, kept],
        passed[:, kept],
        np.sign(base[kept]),
        tuple(writers[column] for column in kept),
        disowned,
    )


def _on_base(evidence: Evidence, place: Mapping[str, int]) -> Numbers:
    """Return by check, in the place of each, the sum of what its runs on the untouched code say."""
    found = np.zeros(len(place))
    for verdict in evidence.verdicts:
        if verdict.candidate == BASE and verdict.check in place:
            found[place[verdict.check]] += {"fail": 1.0, "pass": -1.0}.get(verdict.outcome, 0.0)
    return found


def _groups(evidence: Evidence) -> tuple[Group, ...]:
    """Return the groups in a fixed order, the largest if there are too many."""
    members: dict[str, list[Candidate]] = {}
    for one in sorted(evidence.candidates, key=lambda one: one.id):
        members.setdefault(evidence.forms[one.id], []).append(one)
    found = [
        Group(tuple(one.id for one in ones), frozenset(author for one in ones for author in one.authors))
        for ones in members.values()
    ]
    largest = sorted(found, key=lambda group: (-group.size, group.candidates))[:MOST]
    return tuple(sorted(largest, key=lambda group: group.candidates))


def _disowned(own: NDArray[np.bool_], failed: Numbers, passed: Numbers) -> tuple[int, ...]:
    """Return by group how many of its own checks it fails; one that nobody else passes is broken itself."""
    works = (passed * ~own).any(axis=0)
    return tuple((own & works & (failed > 0) & (passed == 0)).sum(axis=1).tolist())


def _writer(authors: frozenset[int], groups: Sequence[Group]) -> int | None:
    """Return the first group that an author made: of equal scripts it is as good as any other."""
    return next((number for number, group in enumerate(groups) if group.authors & authors), None)


def _telling(failed: Numbers, passed: Numbers, passable: NDArray[np.bool_]) -> list[int]:
    """Return the columns that have been run, those that say different things of groups first if too many.

    Of those that nobody passes but their authors only one is kept, and none that nobody passes at all: such
    checks mostly fail for one cause, which has nothing to do with the issue (of 25 issues with model-written
    tests that fail on the untouched code, they fail on every candidate of 20, the true fix included).
    """
    told = (failed + passed).any(axis=0) & passable
    run: list[int] = np.flatnonzero(told).tolist()
    hopeless = [column for column in run if not passed[:, column].any()]
    evenness = np.minimum((failed > 0).sum(axis=0), (passed > 0).sum(axis=0))
    kept = [column for column in run if column not in hopeless[1:]]
    return sorted(sorted(kept, key=lambda column: (-evenness[column], column))[:MOST_CHECKS])
