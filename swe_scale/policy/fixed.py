"""The baseline: everything that was asked for, then the votes."""

from swe_scale.config import Start
from swe_scale.policy.progress import Move, Progress


class Fixed:
    """N trajectories at once, then the votes: the baseline. Those that learn from others follow at once."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        if progress.ahead:
            return Move("start", f"trajectory {progress.started + 1} of {progress.planned} as planned")
        if progress.behind and progress.checked >= progress.planned:
            return late(progress.behind[0].start, progress)
        if progress.finished < progress.started:
            return None
        if progress.checked < progress.finished:
            return Move("check", f"all {progress.finished} trajectories have finished")
        return Move("stop", "every candidate has been crossed with the checks")


def late(start: Start, progress: Progress) -> Move:
    """Return the move that starts a trajectory with what the earlier ones came to."""
    number = f"trajectory {progress.started + 1} of {progress.planned + len(progress.late)}"
    if not progress.planned:
        return Move("refine", f"{number}: there is no earlier one to learn from")
    if start == "best" and progress.candidates:
        return Move("fork", f"{number} goes on from the best of {_candidates(progress)}")
    lacking = "; there is none to go on from" if start == "best" else ""
    tried = min(progress.checked, progress.planned)
    return Move("refine", f"{number} is told what {tried} tried: {_candidates(progress)}{lacking}")


def _candidates(progress: Progress) -> str:
    count = progress.candidates
    return "no candidate" if not count else f"{count} candidate{'s' if count > 1 else ''}"
