"""Starts trajectories in small waves, and looks at the evidence between them."""

from collections.abc import Callable
from dataclasses import dataclass

from swe_scale.policy.fixed import Fixed
from swe_scale.policy.progress import Move, Progress


@dataclass(frozen=True, slots=True)
class Waves:
    """How many are started at a time."""

    pilot: int
    """Of the first wave."""
    size: int
    """Of each later one."""

    def next(self, progress: Progress, enough: Callable[[Progress], str]) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished.

        Args:
            progress: what there is so far.
            enough: says why no more is needed, once all that were started have been crossed with the checks;
                nothing if more is.
        """
        more = bool(progress.ahead)
        if more and not self._full(progress.started):
            return _start(progress)
        if progress.finished < progress.started:
            return None
        if progress.checked < progress.finished:
            return Move("check", f"{progress.finished} of {progress.planned} trajectories have finished")
        if reason := enough(progress):
            return Move("stop", reason)
        return _start(progress) if more else Fixed().next(progress)

    def _full(self, started: int) -> bool:
        return started >= self.pilot and (started - self.pilot) % self.size == 0


def _start(progress: Progress) -> Move:
    return Move("start", f"trajectory {progress.started + 1} of up to {progress.planned}")
