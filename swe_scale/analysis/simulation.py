"""Lets a policy decide over recorded trajectories as if they were being made: no model is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from swe_scale.config import Prompted, Start, standing_for
from swe_scale.errors import ExtensionError
from swe_scale.policy import Move, Planned, Policy, Progress
from swe_scale.ranking import Evidence
from swe_scale.records import Trajectory, Usage

_NOTHING = Evidence((), {}, (), ())
Cut = Callable[[Trajectory, int | None], Trajectory]
"""Returns a trajectory as it was after so many turns; None: as it is judged otherwise."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """Recorded trajectories in the order in which they are started, and finish."""

    first: Sequence[Trajectory]
    late: Sequence[Trajectory] = ()
    """Those that wait for the others."""


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a policy came to."""

    judged: tuple[Trajectory, ...]
    """What the last check crossed."""
    started: tuple[Trajectory, ...]
    """All that would have been paid for; those that a stop would have cut off count whole."""


@dataclass(slots=True)
class _State:
    """Where a simulated search is."""

    drawn: Drawn
    cut: Cut
    most: int
    pauses: dict[int, int | None] = field(default_factory=dict)
    """By index, the turns after which one is set aside, of those that were started."""
    before: dict[int, int | None] = field(default_factory=dict)
    """Of those that go on, or have gone on, the turns that they had had before."""
    under_way: list[int] = field(default_factory=list)
    judged: dict[int, int | None] = field(default_factory=dict)
    """Likewise, the turns after which each was judged: those that go on as they were."""
    known: Evidence | None = None

    @property
    def several(self) -> dict[int, Trajectory]:
        return {one.index: one for one in (*self.drawn.first, *self.drawn.late)}

    def progress(self) -> Progress:
        started, had = len(self.pauses), self._had()
        late = tuple(_planned(one, late=True) for one in self.drawn.late)
        waiting = [one.index for one in late if one.index not in self.pauses]
        order = sorted(late, key=lambda one: one.index in waiting)
        return Progress(
            len(self.drawn.first),
            started,
            started - len(self.under_way),
            len(had),
            tuple(one.start for one in order),
            len((self.known or _NOTHING).candidates),
            self.known,
            sum((one.usage for one in self.started()), Usage()),
            self.most,
            {one: had[one] for one, turns in self.judged.items() if self._can_go_on(one, turns)},
            had,
            begun=tuple(self.pauses),
            plan=(*(_planned(one) for one in self.drawn.first), *order),
        )

    def _had(self) -> dict[int, int]:
        """Return the turns of those that were judged as they are, by index."""
        several = self.several
        whole = {index: len(several[index].turns) for index in self.judged}
        return {
            index: whole[index] if turns is None else min(turns, whole[index])
            for index, turns in self.judged.items()
            if turns == self.pauses[index]
        }

    def _can_go_on(self, index: int, turns: int | None) -> bool:
        whole = min(self.most, len(self.several[index].turns))
        return turns is not None and turns == self.pauses[index] and turns < whole

    def carry_out(self, move: Move, evidence: Callable[[Sequence[Trajectory]], Evidence]) -> None:
        if move.action == "check":
            ended = {index: turns for index, turns in self.pauses.items() if index not in self.under_way}
            self.judged = self.before | ended
            self.known = evidence(self.crossed())
            return
        index = self._taken(move)
        if move.action == "extend":
            self.before[index] = self.pauses[index]
        self.pauses[index] = move.turns
        self.under_way.append(index)

    def _taken(self, move: Move) -> int:
        """Return the index of the one that begins or goes on."""
        if move.action == "extend" and move.trajectory is not None:
            return move.trajectory
        several = self.drawn.late if move.action in ("refine", "fork") else self.drawn.first
        waiting = [one.index for one in several if one.index not in self.pauses]
        return move.trajectory if move.trajectory in waiting else waiting[0]

    def crossed(self) -> tuple[Trajectory, ...]:
        known = (one for one in self.several.values() if one.index in self.judged)
        return tuple(self.cut(one, self.judged[one.index]) for one in known)

    def started(self) -> tuple[Trajectory, ...]:
        several = self.several
        return tuple(self.cut(several[index], pause) for index, pause in self.pauses.items())


def _planned(one: Trajectory, *, late: bool = False) -> Planned:
    """Return a recorded trajectory as a policy knows it; of what a name stood for, ours alone are known."""
    settings = standing_for(one.strategy, {})
    drafts = isinstance(settings, Prompted) and settings.kind == "check"
    start: Start = ("best" if one.began else "notes") if late else "scratch"
    return Planned(one.index, start, "check" if drafts else "patch")


def simulate(
    policy: Policy, drawn: Drawn, evidence: Callable[[Sequence[Trajectory]], Evidence], cut: Cut, most: int
) -> Simulated:
    """Carry out a policy's decisions on recorded trajectories.

    Args:
        policy: it sees what it would see in a search.
        drawn: what there is to start, whole.
        evidence: what a check brings of trajectories, cut as they are.
        cut: makes of a trajectory what it was earlier.
        most: turns that a trajectory may have.

    Raises:
        ExtensionError: it decides what can't be done.
    """
    state = _State(drawn, cut, most)
    # Each move but waiting uses something up, so a policy that is held to what can be done comes to an end.
    for _ in range(3 * len((*drawn.first, *drawn.late)) * max(1, most) + 1):
        move = policy.next(state.progress())
        if move is None:
            state.under_way.pop(0)
        elif move.action == "stop":
            return Simulated(state.crossed(), state.started())
        else:
            state.carry_out(move, evidence)
    raise ExtensionError("the policy goes on though nothing is left to do: it never stops.")
