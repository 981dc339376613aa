"""Lets a policy decide over recorded trajectories as if they were being made: no model is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from swe_scale.errors import ExtensionError
from swe_scale.policy import Move, Policy, Progress
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

    several: Sequence[Trajectory]
    cut: Cut
    most: int
    pauses: dict[int, int | None] = field(default_factory=dict)
    """By place in `several`, the turns after which one is set aside, of those that were started."""
    before: dict[int, int | None] = field(default_factory=dict)
    """Of those that go on, or have gone on, the turns that they had had before."""
    under_way: list[int] = field(default_factory=list)
    judged: dict[int, int | None] = field(default_factory=dict)
    """By place, the turns after which each was judged: those that go on as they were."""
    known: Evidence | None = None

    def progress(self, drawn: Drawn) -> Progress:
        started, had = len(self.pauses), self._had()
        aside = (place for place, turns in self.judged.items() if self._can_go_on(place, turns))
        return Progress(
            len(drawn.first),
            started,
            started - len(self.under_way),
            len(had),
            tuple("best" if one.began else "notes" for one in drawn.late),
            len((self.known or _NOTHING).candidates),
            self.known,
            sum((one.usage for one in self.started()), Usage()),
            self.most,
            {index: had[index] for index in (self.several[place].index for place in aside)},
            had,
        )

    def _had(self) -> dict[int, int]:
        """Return the turns of those that were judged as they are, by index."""
        whole = {place: len(self.several[place].turns) for place in self.judged}
        return {
            self.several[place].index: whole[place] if turns is None else min(turns, whole[place])
            for place, turns in self.judged.items()
            if turns == self.pauses[place]
        }

    def _can_go_on(self, place: int, turns: int | None) -> bool:
        whole = min(self.most, len(self.several[place].turns))
        return turns is not None and turns == self.pauses[place] and turns < whole

    def carry_out(self, move: Move, evidence: Callable[[Sequence[Trajectory]], Evidence]) -> None:
        if move.action == "check":
            ended = {place: turns for place, turns in self.pauses.items() if place not in self.under_way}
            self.judged = self.before | ended
            self.known = evidence(self.crossed())
            return
        place = len(self.pauses)
        if move.action == "extend":
            place = next(place for place in self.pauses if self.several[place].index == move.trajectory)
            self.before[place] = self.pauses[place]
        self.pauses[place] = move.turns
        self.under_way.append(place)

    def crossed(self) -> tuple[Trajectory, ...]:
        return tuple(self.cut(self.several[place], turns) for place, turns in sorted(self.judged.items()))

    def started(self) -> tuple[Trajectory, ...]:
        return tuple(self.cut(self.several[place], pause) for place, pause in self.pauses.items())


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
    state = _State((*drawn.first, *drawn.late), cut, most)
    # Each move but waiting uses something up, so a policy that is held to what can be done comes to an end.
    for _ in range(3 * len(state.several) * max(1, most) + 1):
        move = policy.next(state.progress(drawn))
        if move is None:
            state.under_way.pop(0)
        elif move.action == "stop":
            return Simulated(state.crossed(), state.started())
        else:
            state.carry_out(move, evidence)
    raise ExtensionError("the policy goes on though nothing is left to do: it never stops.")
