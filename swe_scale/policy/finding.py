"""Finds a policy by its name, and refuses moves that can't be carried out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import get_args

from swe_scale.config import Objective
from swe_scale.errors import ExtensionError, UsageError
from swe_scale.extensions import described, loaded
from swe_scale.policy.adaptive import Adaptive
from swe_scale.policy.agreed import UntilAgreed
from swe_scale.policy.deepening import IterativeDeepening
from swe_scale.policy.fixed import Fixed
from swe_scale.policy.progress import Move, Policy, Progress

OWN_POLICIES: Mapping[str, Callable[[], Policy]] = {
    "fixed": Fixed,
    "adaptive": Adaptive,
    "iterative-deepening": IterativeDeepening,
    "until-agreed": UntilAgreed,
}


def find_policy(name: str, objective: str = "resolved") -> Policy:
    """Return a policy of ours, or one that another package offers under `swe_scale.policies`.

    Args:
        name: of the policy.
        objective: what it aims at first, of those that can aim at more than one thing.

    Raises:
        UsageError: there is none of that name, or it can't aim at that.
        ExtensionError: it can't be loaded or made.
    """
    if objective not in get_args(Objective):
        known = ", ".join(get_args(Objective))
        raise UsageError(f"--objective {objective!r:.80} isn't known: take one of {known}.")
    if objective != "resolved":
        if name != "adaptive":
            raise UsageError(f"the policy {name!r} has one aim: leave --objective out, or take adaptive.")
        return Adaptive.aiming_at(objective)
    if name in OWN_POLICIES:
        return OWN_POLICIES[name]()
    make = loaded("policy", name, OWN_POLICIES)
    try:
        return ForeignPolicy(name, make())
    except Exception as error:
        raise ExtensionError(f"the policy {name!r} can't be made: {described(error)}.") from error


@dataclass(frozen=True, slots=True)
class ForeignPolicy:
    """A policy of another package: what it decides is looked at before it is carried out."""

    name: str
    policy: Policy

    def next(self, progress: Progress) -> Move | None:
        """Return its move.

        Raises:
            ExtensionError: it failed, or its move can't be carried out.
        """
        try:
            move = self.policy.next(progress)
            fault = _fault(move, progress)
        except Exception as error:
            raise ExtensionError(f"the policy {self.name!r} failed: {described(error)}.") from error
        if fault:
            raise ExtensionError(f"the policy {self.name!r} decides what can't be done: {fault}.")
        return move


def _fault(move: object, progress: Progress) -> str:
    """Return why a move can't be carried out; nothing if it can."""
    if move is None:
        return "" if progress.finished < progress.started else "it waits though nothing is under way"
    if not isinstance(move, Move) or not isinstance(move.reason, str):
        return f"{move!r:.80} is no move"
    match move.action:
        case "stop":
            return ""
        case "start" | "extend" | "refine" | "fork" if not _is_number(move.turns, progress.turns):
            return f"{move.turns!r:.80} is no number of replies, of which there may be {progress.turns}"
        case "extend":
            return _not_further(move, progress.aside)
        case "start":
            return "" if progress.ahead else f"all {progress.planned} trajectories have been started"
        case "check":
            return "" if progress.checked < progress.finished else "nothing has finished since the last check"
        case "refine" | "fork":
            return "" if progress.behind else "there is none that waits for the others"
        case _:
            return f"{move.action!r:.80} is no action of a policy"


def _not_further(move: Move, aside: Mapping[int, int]) -> str:
    """Return why a trajectory can't go on so far; nothing if it can."""
    if move.trajectory is None or move.trajectory not in aside:
        return f"{move.trajectory!r:.80} was not set aside"
    had = aside[move.trajectory]
    late = move.turns is not None and move.turns <= had
    return f"trajectory {move.trajectory} has had {had} replies already" if late else ""


def _is_number(turns: object, most: int) -> bool:
    """Return whether so many replies can be asked for; None are as many as there may be."""
    return turns is None or (isinstance(turns, int) and 1 <= turns <= most)
