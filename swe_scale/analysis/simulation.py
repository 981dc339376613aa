"""Lets a policy decide over recorded trajectories as if they were being made: no model is called."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swe_scale.config import Start
from swe_scale.errors import ExtensionError
from swe_scale.policy import Policy, Progress
from swe_scale.ranking import Evidence
from swe_scale.records import Trajectory, Usage

_NOTHING = Evidence((), {}, (), ())


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


def simulate(policy: Policy, drawn: Drawn, evidence: Callable[[Sequence[Trajectory]], Evidence]) -> Simulated:
    """Carry out a policy's decisions on recorded trajectories.

    Args:
        policy: it sees what it would see in a search.
        drawn: what there is to start.
        evidence: what a check brings.

    Raises:
        ExtensionError: it decides what can't be done.
    """
    several = (*drawn.first, *drawn.late)
    starts: tuple[Start, ...] = tuple("best" if one.began else "notes" for one in drawn.late)
    started = finished = checked = 0
    known: Evidence | None = None
    # Each move but waiting uses something up, so a policy that is held to what can be done comes to an end.
    for _ in range(3 * len(several) + 1):
        spent = sum((one.usage for one in several[:started]), Usage())
        candidates = len((known or _NOTHING).candidates)
        move = policy.next(
            Progress(len(drawn.first), started, finished, checked, starts, candidates, known, spent)
        )
        if move is None:
            finished += 1
        elif move.action == "stop":
            return Simulated(several[:checked], several[:started])
        elif move.action == "check":
            checked = finished
            known = evidence(several[:checked])
        else:
            started += 1
    raise ExtensionError("the policy goes on though nothing is left to do: it never stops.")
