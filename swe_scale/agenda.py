"""What a search has to start: which trajectory is next, and what its share of replies is."""

from collections.abc import Sequence
from dataclasses import dataclass

from swe_scale.policy import Move, Planned
from swe_scale.trajectory import LATE, Assignment


@dataclass(slots=True)
class Agenda:
    """The trajectories of an issue: those that were started, in their order, then those that wait."""

    plan: Sequence[Assignment]
    turns: int
    """Replies that one may have whose assignment doesn't say."""
    started: int = 0

    def __post_init__(self) -> None:
        """Put those that learn from others behind them."""
        self.plan = sorted(self.plan, key=lambda one: one.start in LATE)

    @property
    def late(self) -> list[Assignment]:
        """Those that learn from others."""
        return [one for one in self.plan if one.start in LATE]

    @property
    def behind(self) -> bool:
        """Whether any of them waits."""
        return any(one.start in LATE for one in self.plan[self.started :])

    @property
    def begun(self) -> tuple[int, ...]:
        """Indices of those that were started."""
        return tuple(one.index for one in self.plan[: self.started])

    @property
    def planned(self) -> tuple[Planned, ...]:
        """All of them, as a policy knows them."""
        return tuple(Planned(one.index, one.start, one.writes) for one in self.plan)

    def of(self, index: int) -> Assignment:
        """Return what is assigned to a trajectory."""
        return next(one for one in self.plan if one.index == index)

    def chosen(self, move: Move) -> int:
        """Return the index of what a move starts: the trajectory that it names, if it waits, or the next."""
        late = move.action in ("refine", "fork")
        waiting = [one.index for one in self.plan[self.started :] if (one.start in LATE) == late]
        return move.trajectory if move.trajectory in waiting else waiting[0]

    def begin(self, index: int) -> Assignment:
        """Return the assignment of a trajectory that begins; it goes before those that are passed over."""
        one, plan = self.of(index), list(self.plan)
        plan.remove(one)
        plan.insert(self.started, one)
        self.plan = plan
        self.started += 1
        return one

    def most(self, index: int) -> int:
        """Return how many replies a trajectory may have."""
        return self.of(index).turns or self.turns

    def on_scale(self, index: int, replies: int) -> int:
        """Return the replies of a trajectory as as large a part of those that one usually may have."""
        return _scaled(replies, self.most(index), self.turns)

    def of_scale(self, index: int, replies: int) -> int:
        """Return as large a part of a trajectory's own replies as some are of the usual ones."""
        return _scaled(replies, self.turns, self.most(index))


def _scaled(turns: int, of: int, to: int) -> int:
    return max(1, round(turns * to / of))
