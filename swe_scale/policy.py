"""Decides from the evidence so far what the next unit of compute goes to. Pure."""

from dataclasses import dataclass
from typing import Literal, Protocol

Action = Literal["start", "check", "select", "stop"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a policy may look at."""

    planned: int
    """Trajectories that the configuration asks for."""
    started: int
    finished: int
    checked: int
    """Finished trajectories whose candidates have been crossed with the checks."""


@dataclass(frozen=True, slots=True)
class Move:
    """What to do next, and why."""

    action: Action
    reason: str


class Policy(Protocol):
    """A way to spend a budget."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        ...


class Fixed:
    """N trajectories at once, then the votes: the baseline."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        if progress.started < progress.planned:
            return Move("start", f"trajectory {progress.started + 1} of {progress.planned} as planned")
        if progress.finished < progress.started:
            return None
        if progress.checked < progress.finished:
            return Move("check", f"all {progress.finished} trajectories have finished")
        return Move("stop", "every candidate has been crossed with the checks")
