"""What a policy looks at, and what it may decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from swe_scale.config import Start
from swe_scale.ranking import Evidence
from swe_scale.records import Usage

_NOTHING = Usage()
Action = Literal["triage", "start", "extend", "refine", "fork", "check", "select", "stop"]


@dataclass(frozen=True, slots=True)
class Progress:
    """What a policy may look at."""

    planned: int
    """Trajectories that begin with the issue alone, or with a plan."""
    started: int
    """Of all."""
    finished: int
    checked: int
    """Finished trajectories whose candidates have been crossed with the checks."""
    late: tuple[Start, ...] = ()
    """With what those begin that wait for the others, in their order."""
    candidates: int = 0
    evidence: Evidence | None = None
    """Of those that were checked; None before the first time. The votes are `rank(evidence)`."""
    spent: Usage = _NOTHING
    """On the issue so far, all stages; in a replay, by its trajectories."""
    turns: int = 0
    """Replies that a trajectory may have."""
    aside: Mapping[int, int] = field(default_factory=dict)
    """Replies of the judged trajectories that were set aside before their end, and can go on, by index."""
    had: Mapping[int, int] = field(default_factory=dict)
    """Replies of all judged trajectories, by index."""
    begun: tuple[int, ...] = ()
    """Indices of those that were started; none in a replay."""
    seconds: tuple[float, ...] = ()
    """That the finished ones took; none in a replay."""
    waited: tuple[float, ...] = ()
    """That those under way have taken so far, likewise."""


@dataclass(frozen=True, slots=True)
class Move:
    """What to do next, and why."""

    action: Action
    reason: str
    trajectory: int | None = None
    """Of `extend`: index of the one that goes on. Of `start`: of the one that begins; None: the next."""
    turns: int | None = None
    """Of `start` and `extend`: replies after which it is set aside. None: as many as it may have."""


class Policy(Protocol):
    """A way to spend a budget: a function of the progress, without a memory of its own.

    A resumed run repeats the decisions that it finds on record, and asks from there on.
    """

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        ...
