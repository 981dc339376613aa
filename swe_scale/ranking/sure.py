"""What the rule `votes` needs of the matrix: the cells without which its answer is not sure.

Its answer is who leads, who is level with the leader, whether something speaks for these, and how sure it is
of them. A cell is left out only where all of that stays as it is whatever the cells left out would say, a
sandbox's failure included. So the answer is that of the full matrix.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, zip_longest

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.board import FAILED, PASSED, Board, Counts, Flags
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.rule import FINALISTS, Ranking, rank
from swe_scale.ranking.voiding import voiding_cells
from swe_scale.ranking.worth import Cell, Needs, base_first, not_yet, voting_cells
from swe_scale.records import Ranked

ROUNDS = 2
"""Of the slots, that are under way at a time."""
_PART = 25
"""Or one part in so many of the matrix, if that is more: so planning takes little time for large ones."""
_MOST = 200
"""Candidates up to which it is looked for what can be spared: they are compared with each other."""
_AGAINST = 0.05
"""Of a cell on which the leader failed: to fail there, too, puts nobody behind it."""
_AGREE = 0.85
"""How probably a check says the same of two patches that behave alike: for guesses alone."""


def needed_by_votes(evidence: Evidence, under_way: Collection[Cell], slots: int) -> Sequence[Cell]:
    """Return the cells to start now; none, and none under way: the answer is sure.

    First the leader's, since against it all others are measured; then one of each candidate that may still
    come to lead or to be level, where it is most likely to fail for the seconds that it takes; and so on.
    """
    if len(evidence.candidates) > _MOST:
        return voting_cells(evidence, under_way, slots)
    board = Board.of(evidence)
    room = max(ROUNDS * slots, -(-board.said.size // _PART)) - len(under_way)
    if room <= 0 or not board.open.any():
        return ()
    return not_yet(_Case(evidence, board, rank(evidence)).wanted(), under_way)[:room]


def tested_by_votes(evidence: Evidence, done: Collection[str], slots: int) -> Sequence[str]:
    """Return on whom the repository's tests run next: on finalists, and on all others only if that matters.

    Where no finalist breaks any, what the others break can only put these further behind. Where one does, it
    counts how many trajectories do so, and who doesn't; where one is supported by nothing, whether it alone
    keeps some test. As many more candidates are taken as fill the slots.
    """
    ranking = rank(evidence)
    first = ranking.contested
    order = [*first, *(one.candidate for one in ranking.ranked if one.candidate not in first)]
    left = [name for name in order if name not in done]
    missing = sum(name not in done for name in first)
    if missing:
        return left[: -(-missing // slots) * slots]
    breaks = any(one.broken for one in ranking.ranked)
    return left if breaks or not ranking.supported.issuperset(first) else ()


VOTES = Needs(
    base_first(needed_by_votes), tested_by_votes, "whatever the others said, the answer would be the same"
)


@dataclass
class _Case:
    """Where things stand: cells, and the ranking that they make."""

    evidence: Evidence
    board: Board
    ranking: Ranking

    def wanted(self) -> Iterator[Cell]:
        """Yield the open cells that are needed, the most urgent first."""
        yield from voiding_cells(self.evidence)
        leader, *level = (self.rows[name] for name in self.ranking.contested)
        leading = self._row(leader)
        doubtful = self._doubtful(leader, level) if not leading else ~self._none
        rest = [self._row(row) for row in self._by_hope if row != leader and (row in level or doubtful[row])]
        yield from leading
        yield from (cell for cell in chain.from_iterable(zip_longest(*rest)) if cell is not None)
        if doubtful.any() and not leading and not any(rest):
            yield from self._uncertain()

    @cached_property
    def rows(self) -> dict[str, int]:
        """By name of a candidate, its row of the board."""
        return {name: row for row, name in enumerate(self.board.names)}

    @property
    def _none(self) -> Flags:
        return np.zeros(len(self.board.names), dtype=np.bool_)

    @cached_property
    def _ranked(self) -> list[Ranked]:
        """The places, in the order of the board's rows."""
        by_name = {one.candidate: one for one in self.ranking.ranked}
        return [by_name[name] for name in self.board.names]

    def _doubtful(self, leader: int, level: Sequence[int]) -> Flags:
        """Return the candidates that may come to lead, to be level, or no longer to be so.

        Args:
            leader: row of the leader, without open cells.
            level: of those that are level with it.
        """
        if self.ranking.ranked[0].candidate in self.evidence.outcomes.caught:
            return ~self._none
        complete = [row for row in level if not self.board.open[row].any()]
        level_now = self._level(leader, self.board.missed_more(leader)[1])
        in_order = [row for row in complete if level_now[row]]
        ahead = {row: self._ahead(row) for row in (leader, *in_order)}
        possible = self._may_be_level(leader)
        for row in in_order:
            same = np.array([one.form == self._ranked[row].form for one in self._ranked])
            possible &= ~(same & ahead[row])
        if len(in_order) == FINALISTS - 1:
            possible &= ~np.logical_and.reduce([ahead[row] for row in in_order])
        doubtful = ~ahead[leader] | possible
        doubtful[[leader, *in_order]] = False
        doubtful[in_order] |= ~ahead[leader][in_order]
        return doubtful

    def _may_be_level(self, leader: int) -> Flags:
        """Return who may be among the finalists beside the leader."""
        first = self._ranked[leader]
        if self.ranking.contested == (first.candidate,) and self._most(first):
            return self._none
        other_form = np.array([one.form != first.form for one in self._ranked])
        level = self._level(leader, self.board.missed_more(leader)[0])
        return np.asarray(other_form & self._supportable & level)

    def _most(self, first: Ranked) -> bool:
        """Return whether most trajectories made the leader's change, and it breaks nothing."""
        makers = {author for one in self.evidence.candidates for author in one.authors}
        return 2 * (first.similar + 1) > len(makers) and not first.broken

    @cached_property
    def _supportable(self) -> Flags:
        caught, known = self.evidence.outcomes.caught, self.ranking.supported
        may = np.array([name in known for name in self.board.names]) | self.board.backable
        return np.asarray(may & np.array([name not in caught for name in self.board.names]))

    def _level(self, leader: int, missed: Counts) -> Flags:
        """Return who misses no more votes than the leader and breaks no more, or nothing where it does.

        Args:
            leader: its row.
            missed: by how many more votes each one misses than the leader.
        """
        first = self._ranked[leader]
        kept = np.array([_lost(one) <= _lost(first) for one in self._ranked])
        unbroken = np.array([one.broken == 0 < first.broken for one in self._ranked])
        return np.asarray((kept & (missed <= 0)) | unbroken)

    def _ahead(self, row: int) -> Flags:
        """Return the candidates before which this one surely comes, ties included."""
        lead, own = self.board.least_lead(row), self._tie(row, self.ranking.supported)
        first = [
            own < self._tie(other, self.board.names if self._supportable[other] else ())
            for other in range(len(self.board.names))
        ]
        caught = np.array([name in self.evidence.outcomes.caught for name in self.board.names])
        return np.asarray(caught | (lead > 0) | ((lead == 0) & np.array(first)))

    def _tie(self, row: int, supported: Collection[str]) -> tuple[float | str, ...]:
        """Return what decides among equal shares of votes, as the rule has it: less is better."""
        one = self._ranked[row]
        return _lost(one), -one.similar, one.candidate not in supported, -one.agreement, one.candidate

    def _row(self, row: int) -> list[Cell]:
        """Return a candidate's open cells, in the order in which they may put it behind."""
        name, open_ones = self.board.names[row], np.flatnonzero(self.board.open[row])
        urgent = sorted(open_ones, key=lambda column: -self._urgency[row, column])
        return [Cell(self.board.checks[column], name) for column in urgent]

    @cached_property
    def _urgency(self) -> NDArray[np.float64]:
        """By cell, how probably it puts its candidate behind the leader, by second."""
        board = self.board
        failed, passed = (np.asarray(board.said == what, dtype=np.float64) for what in (FAILED, PASSED))
        differ, agree = failed @ passed.T + passed @ failed.T, failed @ failed.T + passed @ passed.T
        likeness = (_AGREE / 0.5) ** agree * ((1 - _AGREE) / 0.5) ** differ
        np.fill_diagonal(likeness, 0.0)
        usual = (failed.sum(axis=0) + 1) / ((failed + passed).sum(axis=0) + 2)
        chance = (likeness @ failed + usual) / (likeness @ (failed + passed) + 1)
        leader = self.rows[self.ranking.ranked[0].candidate]
        return np.asarray(chance * np.where(failed[leader] > 0, _AGAINST, 1.0) / board.seconds)

    @cached_property
    def _by_hope(self) -> list[int]:
        """Rows, those first that may come to the largest share of votes; ties as they are ranked."""
        votes, missed = self.board.hopes
        share = (votes + 1) / (votes + missed + 2)
        ranked = (self.rows[one.candidate] for one in self.ranking.ranked)
        return sorted(ranked, key=lambda row: -share[row])

    def _uncertain(self) -> Iterator[Cell]:
        """Yield the open cells on which it depends whether some check tells candidates apart; else all."""
        board = self.board
        unsure = board.able & ~board.telling
        columns = unsure if (board.open & unsure).any() else board.able | True
        for row, column in np.argwhere(board.open & columns):
            yield Cell(board.checks[column], board.names[row])


def _lost(one: Ranked) -> int:
    return one.broken - one.excused
