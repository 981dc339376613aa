"""Gives the next reply to whatever most likely puts a right patch in the place of a wrong one."""

from collections.abc import Iterator
from dataclasses import dataclass

from swe_scale.policy.fixed import late
from swe_scale.policy.gains import Gains
from swe_scale.policy.progress import Move, Progress

_ALL = 10**6
"""More than anybody plans."""
_COST = 0.01
"""Probability of a gain, per reply, that is asked where cost or time count first."""


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Start a few trajectories of few replies; then start more, or let some go on, or stop.

    What either can bring is that the leader is wrong and the new one right, or a wrong one mended. Both are
    probable by what checks say, by how many are right so far, and by what is known before: little is to be
    gained where the leader is surely right, and where most likely nobody will ever be, so issues in between
    get more (after the compute-optimal allocation of arXiv 2408.03314), in breadth or in depth, whichever
    brings more per reply. Those that don't go on have been rejected early. The leader isn't taken for sure
    while most checks are red on it, however many agree (after the guard of SEAT against collapse).
    """

    pilot: int = 3
    """Trajectories that are started before anything is looked at."""
    width: int = 3
    """Under way at a time, later: one that takes long holds nobody up."""
    first: int = 3
    """Replies of a new one: a check, an edit, a look at what came of it. Then it is set aside."""
    worth: float = 0.0025
    """Probability of a gain, per reply, below which no more are spent."""

    @classmethod
    def aiming_at(cls, objective: str) -> "Adaptive":
        """Return the policy with what an objective asks for.

        For `latency` all start at once, whole: only who can't matter any more is cut off.
        """
        match objective:
            case "cost":
                return cls(width=2, worth=_COST)
            case "latency":
                return cls(pilot=_ALL, width=_ALL, first=_ALL, worth=_COST)
            case _:
                return cls()

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        if progress.started < min(self.pilot, progress.planned):
            return self._start(progress, "to see how hard the issue is")
        under_way = progress.started - progress.finished
        if progress.checked < progress.finished:
            return Move("check", f"{progress.finished} of {progress.started} trajectories have stopped")
        if under_way >= self.width or (not progress.checked and progress.started):
            return None
        return self._further(progress, Gains.of(progress, self.first))

    def _further(self, progress: Progress, gains: Gains) -> Move | None:
        """Return what is best done now, given what is known."""
        under_way = progress.started - progress.finished
        worth, move = max(self._choices(progress, gains), key=lambda choice: choice[0], default=(0.0, None))
        if move is not None and worth >= self.worth:
            return move
        # On average, half of their replies are still to come.
        if under_way and gains.coming >= self.worth * under_way * self._replies(progress) / 2:
            return None
        if move is None and not under_way:
            return Move("stop", "every candidate has been crossed with the checks")
        return Move("stop", _enough(gains, worth))

    def _choices(self, progress: Progress, gains: Gains) -> Iterator[tuple[float, Move]]:
        """Yield each thing that can be done, with what it brings per reply."""
        waiting = progress.late[max(0, progress.started - progress.planned) :]
        if progress.started < progress.planned:
            worth = gains.of_start() / self._replies(progress)
            yield worth, self._start(progress, f"{worth:.3f} a reply")
        elif waiting:
            yield gains.of_start() / max(1, progress.turns), late(waiting[0], progress)
        for index, had in sorted(progress.aside.items()):
            turns = min(2 * had, progress.turns)
            worth = gains.of_replies(index, turns - had) / (turns - had)
            reason = f"trajectory {index} goes on from {had} replies to up to {turns}: {worth:.3f} a reply"
            yield worth, Move("extend", reason, trajectory=index, turns=turns)

    def _replies(self, progress: Progress) -> int:
        return min(self.first, progress.turns) or self.first

    def _start(self, progress: Progress, why: str) -> Move:
        turns = self.first if self.first < progress.turns else None
        number = f"trajectory {progress.started + 1} of up to {progress.planned}"
        return Move("start", f"{number}, {why}", turns=turns)


def _enough(gains: Gains, best: float) -> str:
    leader = float(gains.belief.right.max(initial=0.0))
    return (
        f"the leader is right with probability {leader:.2f}, no candidate with {gains.belief.none:.2f}: "
        f"another reply would bring a right patch in its place with {best:.4f}, less than is worth it"
    )
