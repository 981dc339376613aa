"""The matrix as the rule `votes` reads it, with the cells that are open: what can still become of it."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.outcomes import Evidence, authors_of
from swe_scale.ranking.voices import agrees, alone, clusters_of
from swe_scale.records import BASE

Said = NDArray[np.int8]
Flags = NDArray[np.bool_]
Counts = NDArray[np.int64]

PASSED, FAILED, SILENT, OPEN = range(4)
"""What a cell says: silent where the sandbox failed; open where it has not been run."""
_SHORT = 4.0
"""Seconds up to which a cell is short; longer ones are told apart by powers of two. The same issue, run anew
on a busier machine, mostly has its cells in the same order then."""


@dataclass(frozen=True)
class Board:
    """Candidates × checks that vote. An open cell may come to say anything, or nothing.

    That it shows a check to be blind, which takes its vote everywhere, is left out: see `worth`.
    """

    names: tuple[str, ...]
    """Of the candidates, as the evidence has them."""
    checks: tuple[str, ...]
    seconds: NDArray[np.float64]
    """That each check takes, roughly: as it took on the untouched code."""
    said: Said
    agreeing: Flags
    """Where a pass says more than that an author agrees with himself."""
    backing: Flags
    """Where a pass is the voice of another trajectory, or of a check by none."""
    silent: Flags
    """Where whatever is said has no voice on the candidate: its only author's own check."""

    @classmethod
    def of(cls, evidence: Evidence) -> "Board":
        """Return the board of what is known so far."""
        outcomes, clusters = evidence.outcomes, clusters_of(evidence)
        authors = {
            check: by for check, by in authors_of(evidence.checks).items() if outcomes.reproduces(check)
        }
        shape = len(evidence.candidates), len(authors)
        said = np.full(shape, OPEN, dtype=np.int8)
        agreeing, backing, silent = (np.zeros(shape, dtype=np.bool_) for _ in range(3))
        for row, one in enumerate(evidence.candidates):
            cluster, own = clusters[evidence.forms[one.id]], frozenset(one.authors[:1])
            for column, (check, by) in enumerate(authors.items()):
                outcome = outcomes.of(one.id, check)
                if outcome is not None:
                    said[row, column] = {"pass": PASSED, "infra": SILENT}.get(outcome, FAILED)
                agreeing[row, column] = agrees(by, cluster)
                silent[row, column] = alone(one, by, cluster)
                backing[row, column] = bool(by - own) or not by
        names = tuple(one.id for one in evidence.candidates)
        seconds = _seconds(evidence, authors)
        return cls(names, tuple(authors), seconds, said, agreeing, backing & ~silent, silent)

    @cached_property
    def voice(self) -> Said:
        """What each cell says of its candidate."""
        return np.where(self.silent, np.int8(SILENT), self.said)

    @cached_property
    def open(self) -> Flags:
        """Cells that have not been run."""
        return np.asarray(self.said == OPEN)

    @cached_property
    def telling(self) -> Flags:
        """Checks that tell candidates apart, whatever the open cells say."""
        agreed = ((self.said == PASSED) & self.agreeing).any(axis=0)
        return np.asarray(agreed & (self.said == FAILED).any(axis=0))

    @cached_property
    def able(self) -> Flags:
        """Checks that may come to tell them apart, or do already."""
        agreed = (((self.said == PASSED) | self.open) & self.agreeing).any(axis=0)
        return np.asarray(agreed & ((self.said == FAILED) | self.open).any(axis=0))

    @cached_property
    def backable(self) -> Flags:
        """Candidates for which an open cell may come to speak."""
        return np.asarray((self.open & self.backing).any(axis=1))

    @property
    def hopes(self) -> tuple[Counts, Counts]:
        """The most votes that each candidate may get, and the fewest that it misses then."""
        votes = (((self.voice == PASSED) | (self.voice == OPEN)) & self.able).sum(axis=1)
        return np.asarray(votes), np.asarray(((self.voice == FAILED) & self.telling).sum(axis=1))

    def least_lead(self, one: int) -> Counts:
        """Return how far a candidate without open cells is ahead of each other one by votes, at the least.

        Above 0: it is ahead; 0: level at worst; below: the other may be ahead. It is the least of
        (a + 1)(d + 1) − (b + 1)(e + 1) over all that the open cells may say, with the votes `a` for and `e`
        against it, `b` for the other and `d` against it: the sign is that of the difference of their shares.
        Of checks that may or may not tell them apart, those that both pass (or both fail) enter linearly,
        so that none or all of them are the worst case.
        """
        own, others = self.voice[one], self.voice
        must, may = self.telling, self.able & ~self.telling
        passes, fails = own == PASSED, own == FAILED
        hopeful = (others == PASSED) | (others == OPEN)
        failing = others == FAILED
        a = 1 + (must & passes).sum()
        b = 1 + (hopeful & np.where(passes, must, self.able)).sum(axis=1)
        d = 1 + (failing & must).sum(axis=1)
        e = 1 + (fails & np.where(failing, must, self.able)).sum(axis=1)
        passed = (hopeful & passes & may).sum(axis=1)
        failed = (failing & fails & may).sum(axis=1)
        worst = [
            (a + k) * (d + j) - (b + k) * (e + j) for k in (0 * passed, passed) for j in (0 * failed, failed)
        ]
        return np.asarray(np.minimum.reduce(worst))

    def missed_more(self, one: int) -> tuple[Counts, Counts]:
        """Return how many more votes each other one misses than a candidate without open cells.

        Returns:
            At the least, and at the most, whatever the open cells say.
        """
        own, others = self.voice[one], self.voice
        must, able = self.telling, self.able
        fails, not_failing = own == FAILED, own != FAILED
        failing, spared = others == FAILED, (others == PASSED) | (others == SILENT)
        opens = others == OPEN
        least = (failing & not_failing & must).sum(axis=1) - ((spared | opens) & fails & able).sum(axis=1)
        most = ((failing | opens) & not_failing & able).sum(axis=1) - (spared & fails & must).sum(axis=1)
        return np.asarray(least), np.asarray(most)


def _seconds(evidence: Evidence, checks: Iterable[str]) -> NDArray[np.float64]:
    took: dict[str, list[float]] = {}
    for one in evidence.verdicts:
        if one.candidate == BASE:
            took.setdefault(one.check, []).append(one.execution.seconds)
    means = np.array([sum(took[check]) / len(took[check]) for check in checks])
    return np.asarray(_SHORT * 2.0 ** np.ceil(np.log2(np.maximum(means, _SHORT) / _SHORT)))
