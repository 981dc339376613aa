"""What a policy looks at, and what it may decide."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from swe_scale.config import Start
from swe_scale.ranking import Evidence
from swe_scale.records import Usage
from swe_scale.trajectory import LATE

_NOTHING = Usage()
Action = Literal["triage", "start", "extend", "refine", "fork", "check", "select", "stop"]


@dataclass(frozen=True, slots=True)
class Planned:
    """A trajectory that is planned, as far as a policy has to know it."""

    index: int
    start: Start = "scratch"
    writes: Literal["patch", "check"] = "patch"
    """What it is for. `check`: a check, and no patch."""

    @property
    def late(self) -> bool:
        """Whether it begins with what others came to."""
        return self.start in LATE


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
    """With what those begin that learn from others: those first that were started, all in their order."""
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
    """Indices of those that were started."""
    seconds: tuple[float, ...] = ()
    """That the finished ones took; none in a replay."""
    waited: tuple[float, ...] = ()
    """That those under way have taken so far, likewise."""
    plan: tuple[Planned, ...] = ()
    """All trajectories, in the order in which they are started if nothing is said of it. None: as the numbers
    say, those that learn from others behind the rest."""

    @property
    def waiting(self) -> tuple[Planned, ...]:
        """Those that can be started, in their order."""
        if self.plan:
            begun = frozenset(self.begun)
            return tuple(one for one in self.plan if one.index not in begun)
        left = self.late[max(0, self.started - self.planned) :]
        alone = tuple(Planned(index) for index in range(self.started + 1, self.planned + 1))
        first = max(self.started, self.planned) + 1
        return alone + tuple(Planned(index, start) for index, start in enumerate(left, start=first))

    @property
    def ahead(self) -> tuple[Planned, ...]:
        """Those of them that need no others."""
        return tuple(one for one in self.waiting if not one.late)

    @property
    def behind(self) -> tuple[Planned, ...]:
        """Those of them that learn from others."""
        return tuple(one for one in self.waiting if one.late)

    @property
    def drafts(self) -> frozenset[int]:
        """Indices of those started that write a check and no patch."""
        return self._begun("check")

    @property
    def forks(self) -> frozenset[int]:
        """Indices of those started that began with the best patch."""
        return self._begun("patch") & {one.index for one in self.plan if one.start == "best"}

    def _begun(self, writes: str) -> frozenset[int]:
        return frozenset(self.begun) & {one.index for one in self.plan if one.writes == writes}


@dataclass(frozen=True, slots=True)
class Move:
    """What to do next, and why."""

    action: Action
    reason: str
    trajectory: int | None = None
    """Of `extend`: index of the one that goes on. Of `start`, `refine` and `fork`: of the one that begins;
    None: the next."""
    turns: int | None = None
    """Of all these: replies after which it is set aside. None: as many as it may have."""


class Policy(Protocol):
    """A way to spend a budget: a function of the progress, without a memory of its own.

    A resumed run repeats the decisions that it finds on record, and asks from there on.
    """

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        ...
