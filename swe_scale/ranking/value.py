"""What cells are worth to the rule that weighs checks: how much better its choice may be for them.

After the expected value of sample information: the belief's own cases say who may be right, and in each of
them what a check has said so far makes it valid, mistaken, vacuous or noise.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.board import Board
from swe_scale.ranking.latent import Belief
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.posterior import believed, latent
from swe_scale.ranking.rule import FINALISTS
from swe_scale.ranking.voiding import voiding_cells
from swe_scale.ranking.worth import Cell, Next

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

WORTH = 0.005
"""Expected gain in the probability that the choice is right below which no more cells are run: small, since
the belief is an estimate itself."""
REPEATS = 3
"""Runs of a cell that matters, of a check that was seen to say different things of one change."""
_NEAR = 0.02
"""Probability that a group must add to that of any finalist's being right for its cells to be repeated."""
_DRAWS = 96
"""Outcomes of all open cells that are drawn to see what they are worth together."""
_PART = 6
"""A batch is one part in so many of the open cells, or as many as two rounds of the slots."""
_SEED = 0
_BAD = (0.4, 0.25, 0.2, 0.15)
"""Shares of bad checks: mistaken, always passing, always failing, noise."""
_DETECTS, _SPARED = 0.55, 0.25
"""Probability that a valid check fails on a wrong patch, and that a mistaken one passes on it."""


def believing(least: float) -> Next:
    """Return what the belief needs: batches of the cells that tell most, until the rest is worth too little.

    A batch is waited for, so that the same is run whatever ends first. Before the end every finalist meets
    every check that votes: what is proposed must have had the chance to be caught.

    Args:
        least: probability of being right below which nothing is proposed.
    """

    def chosen(evidence: Evidence, under_way: Collection[Cell], slots: int) -> Sequence[Cell] | None:
        if under_way:
            return ()
        board = Board.of(evidence)
        if not board.checks or not board.names:
            return None
        case = _Case(evidence, board, believed(evidence))
        if case.open.any() and case.worth(least) >= WORTH:
            return case.best(max(2 * slots, -(-int(case.open.sum()) // _PART)))
        return list(dict.fromkeys((*voiding_cells(evidence), *_of_finalists(evidence, board)))) or None

    return chosen


def _of_finalists(evidence: Evidence, board: Board) -> Iterator[Cell]:
    for name in latent(evidence).contested:
        row = board.names.index(name)
        yield from (Cell(board.checks[column], name) for column in np.flatnonzero(board.open[row]))


@dataclass
class _Case:
    """What is believed, and what checks have said of each group."""

    evidence: Evidence
    board: Board
    belief: Belief

    @cached_property
    def members(self) -> list[list[int]]:
        """Rows of the board, by group."""
        places = {name: row for row, name in enumerate(self.board.names)}
        return [[places[name] for name in group] for group in self.belief.groups]

    @cached_property
    def open(self) -> Flags:
        """Groups × checks: where a cell would say something. One of a group is enough, unless the check is
        flaky and the group may be chosen."""
        runs = self.passed + self.failed
        enough = np.where(self._flaky[None, :] & self._near[:, None], REPEATS, 1)
        return np.asarray((runs + self._lost < enough) & ~self._own)

    @cached_property
    def _own(self) -> Flags:
        """Where a check is of an author of the group: what it says there counts for nothing."""
        return np.array([(~self.board.backing[rows]).any(axis=0) for rows in self.members])

    @cached_property
    def passed(self) -> Numbers:
        """Runs that passed, by group and check."""
        return self._runs(("pass",))

    @cached_property
    def failed(self) -> Numbers:
        """Runs that did not pass."""
        return self._runs(("fail", "error", "timeout"))

    @cached_property
    def _lost(self) -> Numbers:
        """Runs that say nothing: the sandbox failed."""
        return self._runs(("infra",))

    def _runs(self, outcomes: Collection[str]) -> Numbers:
        groups = {name: number for number, names in enumerate(self.belief.groups) for name in names}
        columns = {name: number for number, name in enumerate(self.board.checks)}
        found = np.zeros((len(self.belief.groups), len(columns)))
        for one in self.evidence.verdicts:
            if one.outcome in outcomes and one.candidate in groups and one.check in columns:
                found[groups[one.candidate], columns[one.check]] += 1
        return found

    @cached_property
    def _flaky(self) -> Flags:
        """Checks that said different things of one change."""
        return np.asarray(((self.passed > 0) & (self.failed > 0) & ~self._own).any(axis=0))

    @cached_property
    def _near(self) -> Flags:
        """Groups that may be chosen."""
        near = np.zeros(len(self.belief.groups), dtype=np.bool_)
        near[self.belief.contest(int(self.belief.right.argmax()), FINALISTS, _NEAR)] = True
        return near

    @cached_property
    def _says(self) -> tuple[Numbers, Numbers]:
        """Probability that a run passes, by kind of check: on wrong patches, and on right ones."""
        flip = float(np.clip(self.belief.flips, 0.01, 0.3)) if self.belief.checks else 0.05
        spared = (1 - _DETECTS) * (1 - flip) + _DETECTS * flip
        wrong = np.array([spared, _SPARED, 1 - flip, flip, 0.5])
        right = np.array([1 - flip, flip, 1 - flip, flip, 0.5])
        return wrong, right

    def _told(self, passed: Numbers, failed: Numbers) -> Numbers:
        """Return the logarithm of the likelihood of runs, by case, check and kind."""
        wrong, right = self._says
        cases = self.belief.cases.astype(np.float64)
        on_right, all_of = cases @ passed, passed.sum(axis=0)
        off_right, off_all = cases @ failed, failed.sum(axis=0)
        return np.asarray(
            on_right[:, :, None] * np.log(right / wrong)
            + all_of[None, :, None] * np.log(wrong)
            + off_right[:, :, None] * np.log((1 - right) / (1 - wrong))
            + off_all[None, :, None] * np.log(1 - wrong)
        )

    @cached_property
    def _kinds(self) -> Numbers:
        """Probability of each kind, by case, check and kind."""
        valid = float(np.clip(self.belief.valid, 0.1, 0.9)) if self.belief.checks else 0.6
        prior = np.array([valid, *(share * (1 - valid) for share in _BAD)])
        told = self._told(np.where(self._own, 0, self.passed), np.where(self._own, 0, self.failed))
        shares = np.exp(told - told.max(axis=2, keepdims=True)) * prior
        return np.asarray(shares / shares.sum(axis=2, keepdims=True))

    def worth(self, least: float) -> float:
        """Return how much likelier the choice is expected to be right once every open cell has been run.

        That nothing is proposed below a bound, or is after all, counts by what is gained against the bound.
        """
        chance = np.random.default_rng(_SEED)
        cases, kinds = self.belief.cases.astype(np.float64), self._kinds
        now, (on_wrong, on_right) = self.belief.right, self._says
        leader = int(now.argmax())
        gains = []
        for case in chance.integers(len(cases), size=_DRAWS):
            lots = chance.random((len(self.board.checks), 1))
            drawn = (kinds[case].cumsum(axis=1) < lots).sum(axis=1).clip(0, len(_BAD))
            passes = np.where(cases[case][:, None] > 0, on_right[drawn], on_wrong[drawn])
            said = chance.random(passes.shape) < passes
            told = self._told((said & self.open).astype(float), (~said & self.open).astype(float))
            weight = np.log((np.exp(told) * kinds).sum(axis=2)).sum(axis=1)
            weight = np.exp(weight - weight.max())
            then = weight @ cases / weight.sum()
            gains.append(max(least, then.max()) - max(least, then[leader]))
            if least and (now[leader] < least) != (then[leader] < least):
                gains[-1] = max(gains[-1], abs(then[leader] - least))
        return float(np.mean(gains))

    def best(self, count: int) -> list[Cell]:
        """Return the cells that tell most of who is right, by second, spread over groups and checks."""
        telling = self._telling()
        chosen: list[Cell] = []
        for _ in range(min(count, int(self.open.sum()))):
            group, column = np.unravel_index(int(telling.argmax()), telling.shape)
            chosen.append(self._cell(int(group), int(column)))
            telling[group, column] = -1.0
            telling[group] = np.where(telling[group] >= 0, telling[group] / 2, -1.0)
            telling[:, column] = np.where(telling[:, column] >= 0, telling[:, column] / 2, -1.0)
        return chosen

    def _telling(self) -> Numbers:
        """Return by how much each open cell is expected to lower the variance of who is right, by second."""
        cases, kinds = self.belief.cases.astype(np.float64), self._kinds
        wrong, right = (kinds @ says for says in self._says)
        passes = np.where(cases[:, :, None] > 0, right[:, None, :], wrong[:, None, :])
        mean = passes.mean(axis=0)
        known = cases - cases.mean(axis=0)
        shared = np.einsum("sr,sgc->rgc", known, passes - mean) / len(cases)
        gain = ((shared**2) * self._weights[:, None, None]).sum(axis=0) / np.maximum(mean * (1 - mean), 1e-9)
        return np.asarray(np.where(self.open, gain / self.board.seconds + 1e-12, -1.0))

    @cached_property
    def _weights(self) -> Numbers:
        """How much it counts whether each group is right: those first that may be chosen."""
        return np.asarray(self.belief.right + self._near)

    def _cell(self, group: int, column: int) -> Cell:
        """Return the next run of a check on a group: of a member that it hasn't met, or once more."""
        check, names = self.board.checks[column], self.belief.groups[group]
        for row in self.members[group]:
            if self.board.open[row, column]:
                return Cell(check, self.board.names[row])
        ran = (one for one in self.evidence.verdicts if (one.candidate, one.check) == (names[0], check))
        return Cell(check, names[0], max(one.repeat for one in ran) + 1)
