"""Gives the next reply to whatever most likely puts a right patch in the place of a wrong one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from swe_scale.config import Start
from swe_scale.policy.fixed import late
from swe_scale.policy.gains import Gains
from swe_scale.policy.progress import Move, Planned, Progress
from swe_scale.trajectory import LATE

Choice = tuple[float, Move]
"""What something brings per reply, and the move."""

_ALL = 10**6
"""More than anybody plans."""
_COST = 0.01
"""Probability of a gain, per reply, that is asked where cost or time count first."""


@dataclass(frozen=True, slots=True)
class Adaptive:
    """Start a few trajectories of few replies; then start more, or let some go on, or stop.

    What each can bring is that the leader is wrong and a new one right, or a wrong one mended. That is
    probable by what checks say, by how many are right so far, and by what is known before: little is to be
    gained where the leader is surely right, and where most likely nobody will ever be, so issues in between
    get more (after the compute-optimal allocation of arXiv 2408.03314), in breadth or in depth, whichever
    brings more per reply. Those that don't go on have been rejected early. The leader isn't taken for sure
    while most checks are red on it, however many agree (after the guard of SEAT against collapse).

    Where such are planned, a fork of the leader, or a new one that knows what failed, is taken as soon as it
    brings most. A check without a patch is written where it is worth more to tell those apart that are there
    than to try for another: see `_check`.
    """

    pilot: int = 3
    """Trajectories that are started before anything is looked at."""
    width: int = 3
    """Under way at a time, later: one that takes long holds nobody up."""
    first: int = 3
    """Replies of a new one: a check, an edit, a look at what came of it. Then it is set aside."""
    worth: float = 0.007
    """Probability of a gain, per reply, below which no more are spent."""
    look: int = 2
    """Replies that a check takes without a patch: it, and a look at what came of it. It ends by itself."""
    checks: int = 0
    """Of those, how many are started before anything is looked at; where no patch is planned, one is."""

    @classmethod
    def aiming_at(cls, objective: str) -> "Adaptive":
        """Return the policy with what an objective asks for.

        For `latency` all start at once, whole: only who can't matter any more is cut off.
        """
        match objective:
            case "cost":
                return cls(width=2, worth=_COST)
            case "latency":
                return cls(pilot=_ALL, width=_ALL, first=_ALL, worth=_COST, checks=_ALL)
            case _:
                return cls()

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        if (one := self._piloting(progress)) is not None:
            alone = "a check alone, " if one.writes == "check" else ""
            return self._begin(one, progress, f"{alone}to see how hard the issue is")
        under_way = progress.started - progress.finished
        if progress.checked < progress.finished:
            return Move("check", f"{progress.finished} of {progress.started} trajectories have stopped")
        if under_way >= self.width or (not progress.checked and progress.started):
            return None
        return self._further(progress, Gains.of(progress, self._replies(progress)))

    def _piloting(self, progress: Progress) -> Planned | None:
        """Return the next of those that are started before anything is looked at; None once they all are."""
        drafts = len(progress.drafts)
        patches = progress.started - drafts
        patch, check = _first_of(progress.ahead, "scratch", "plan"), _first_check(progress.ahead)
        if patch and patches < self.pilot:
            return patch
        least = self.checks if patch or patches else max(1, self.checks)
        return check if check and drafts < least else None

    def _further(self, progress: Progress, gains: Gains) -> Move | None:
        """Return what is best done now, given what is known."""
        under_way = progress.started - progress.finished
        if (check := self._check(progress, gains)) is not None:
            return check
        worth, move = max(self._choices(progress, gains), key=_worth, default=(0.0, None))
        if move is not None and worth >= self.worth:
            return move
        # On average, half of their replies are still to come.
        left = (under_way - gains.drafting) * self._replies(progress) + gains.drafting * self._looks(progress)
        if under_way and gains.coming + gains.of_drafts() >= self.worth * left / 2:
            return None
        if not under_way and not progress.waiting and not progress.aside:
            return Move("stop", "every candidate has been crossed with the checks")
        return Move("stop", _enough(gains, max(worth, self._told(progress, gains))))

    def _choices(self, progress: Progress, gains: Gains) -> Iterator[Choice]:
        """Yield each thing that can be done for another patch, with what it brings per reply."""
        replies = self._replies(progress)
        if one := _first_of(progress.ahead, "scratch", "plan"):
            worth = gains.of_start() / replies
            yield worth, self._begin(one, progress, f"{worth:.3f} a reply")
        if progress.checked or not progress.ahead:
            if one := _first_of(progress.behind, *(LATE if not progress.candidates else ("notes",))):
                worth = gains.of_refine() / replies
                yield worth, self._begin(one, progress, f"{worth:.3f} a reply")
            if progress.candidates and (one := _first_of(progress.behind, "best")):
                worth = gains.of_fork(replies) / replies
                yield worth, self._begin(one, progress, f"{worth:.3f} a reply")
        for index, had in sorted(progress.aside.items()):
            if index in progress.drafts:
                continue
            turns = min(2 * had, progress.turns)
            worth = gains.of_replies(index, turns - had) / (turns - had)
            reason = f"trajectory {index} goes on from {had} replies to up to {turns}: {worth:.3f} a reply"
            yield worth, Move("extend", reason, trajectory=index, turns=turns)

    def _check(self, progress: Progress, gains: Gains) -> Move | None:
        """Return the move by which a check is written without a patch; None where it isn't the best.

        Two things are at stake: that the right one of those there are is proposed, which is what a check
        tells, and that any is right. So it stands beside what another patch brings where none is right so
        far; who begins one writes a check as well, but takes more replies for both.
        """
        one = _first_check(progress.waiting)
        if one is None or (one.late and not progress.checked):
            return None
        worth = self._told(progress, gains)
        if worth < self.worth:
            return None
        told = worth * self._looks(progress)
        others = [
            brings + (told / self._replies(progress) if move.action in ("start", "refine") else 0.0)
            for brings, move in self._choices(progress, gains.where_none_is_right)
        ]
        if others and worth <= max(others):
            return None
        beside = f"; another patch brings {max(others):.3f}" if others else ""
        reason = (
            f"a check alone, which makes it more probable by {told:.3f} that the one proposed is right, "
            f"{worth:.3f} a reply{beside}"
        )
        return self._begin(one, progress, reason)

    def _told(self, progress: Progress, gains: Gains) -> float:
        """Return what another check brings per reply; nothing where none waits."""
        return gains.of_check() / self._looks(progress) if _first_check(progress.waiting) else 0.0

    def _replies(self, progress: Progress) -> int:
        return min(self.first, progress.turns) or self.first

    def _looks(self, progress: Progress) -> int:
        return min(self.look, self._replies(progress))

    def _begin(self, one: Planned, progress: Progress, why: str) -> Move:
        """Return the move that starts a trajectory; a check without a patch is never set aside."""
        turns = self.first if self.first < progress.turns and one.writes == "patch" else None
        named = one.index if progress.plan else None
        if one.late:
            begun = late(one.start, progress)
            return replace(begun, reason=f"{begun.reason}; {why}", trajectory=named, turns=turns)
        number = f"trajectory {progress.started + 1} of up to {progress.planned + len(progress.late)}"
        return Move("start", f"{number}, {why}", trajectory=named, turns=turns)


def _first_of(several: Sequence[Planned], *starts: Start) -> Planned | None:
    """Return the first that is to bring a patch and begins so."""
    return next((one for one in several if one.writes == "patch" and one.start in starts), None)


def _first_check(several: Sequence[Planned]) -> Planned | None:
    """Return the first that is to write a check and no patch."""
    return next((one for one in several if one.writes == "check"), None)


def _worth(choice: Choice) -> float:
    return choice[0]


def _enough(gains: Gains, best: float) -> str:
    leader = float(gains.belief.right.max(initial=0.0))
    return (
        f"the leader is right with probability {leader:.2f}, no candidate with {gains.belief.none:.2f}: "
        f"another reply would bring a right patch in its place with {best:.4f}, less than is worth it"
    )
