"""Goes from few replies to more, with all trajectories, until a leader is likely right."""

from dataclasses import dataclass

from swe_scale.policy.fixed import Fixed
from swe_scale.policy.progress import Move, Progress
from swe_scale.ranking import Evidence, believed

_NOTHING = Evidence((), {}, (), ())


@dataclass(frozen=True, slots=True)
class IterativeDeepening:
    """Give every trajectory a few replies, check, and double them where no leader is likely right.

    After iterative deepening sampling (arXiv 2502.05449): many issues need few replies, and which ones need
    more is known only when few have not been enough. A trajectory that goes on keeps all that it did.
    """

    first: int = 3
    """Replies of the first round: a check, an edit, a look at what came of it."""
    sure: float = 0.8
    """Probability of being right from which a leader ends the search."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        if progress.ahead:
            number = f"trajectory {progress.started + 1} of {progress.planned}"
            turns = min(self.first, progress.turns)
            return Move("start", f"{number}, {turns} replies for now", turns=turns)
        at_rest = progress.checked == progress.finished == progress.started
        if progress.aside or at_rest:
            best = float(believed(progress.evidence or _NOTHING).right.max(initial=0.0))
            if best >= self.sure and at_rest:
                return Move("stop", f"the leader is right with probability {best:.2f}")
            if progress.aside:
                return _deeper(progress, best)
        if progress.finished < progress.started:
            return None
        if progress.checked < progress.finished:
            return Move("check", f"{progress.finished} of {progress.planned} trajectories have stopped")
        return Fixed().next(progress)


def _deeper(progress: Progress, best: float) -> Move:
    """Return the move by which the first of those that were set aside goes on."""
    index, had = min(progress.aside.items())
    turns = min(2 * had, progress.turns)
    reason = (
        f"trajectory {index} goes on from {had} replies to up to {turns}: "
        f"the leader is right with probability {best:.2f} only"
    )
    return Move("extend", reason, trajectory=index, turns=turns)
