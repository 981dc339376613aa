"""One attempt at an issue; strategies are grammars over one loop."""

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Protocol

from swe_scale import extensions
from swe_scale.config import OWN_STRATEGIES, Prompted
from swe_scale.records import Check, Execution
from swe_scale.trajectory.setting import LATE, SET_ASIDE, Assignment, Leash, Setting, taken_by
from swe_scale.trajectory.tools import Offered

__all__ = [
    "LATE",
    "SET_ASIDE",
    "Act",
    "Assignment",
    "Leash",
    "Setting",
    "Strategy",
    "find_strategy",
    "offered",
    "taken_by",
]


@dataclass(frozen=True, slots=True)
class Act:
    """What came of carrying out one reply."""

    action: str
    observation: str = ""
    """What the model is told next; unused when done."""
    done: bool = False
    untouched: Execution | None = None
    edited: Execution | None = None
    note: str = ""


class Strategy(Protocol):
    """A grammar over the loop: what a reply may say and what happens then."""

    tree: str
    """Hash of the work tree as it stands."""
    check: Check | None
    tools: tuple[Offered, ...]
    """What the model may call; none where it answers in text only."""

    def instructions(self) -> str:
        """Return what follows the shared part of the first message."""
        ...

    async def act(self, number: int, reply: str) -> Act:
        """Carry out one reply; a call comes as the text that it stands for.

        Raises:
            Malformed: it isn't in the strategy's language.
        """
        ...


Opener = Callable[[Setting, Assignment], AbstractAsyncContextManager[Strategy]]


def find_strategy(assignment: Assignment) -> Opener:
    """Return a strategy of ours, or one that another package offers under `swe_scale.strategies`.

    Raises:
        UsageError: there is none of that name.
        ExtensionError: it can't be loaded.
    """
    match assignment.settings or OWN_STRATEGIES.get(assignment.strategy):
        case Prompted(kind="revise"):
            from swe_scale.trajectory.revise import open_revise

            return open_revise
        case Prompted(kind="agent"):
            from swe_scale.trajectory.agent import open_agent

            return open_agent
        case Prompted(kind="check"):
            from swe_scale.trajectory.draft import open_draft

            return open_draft
    from swe_scale.trajectory.foreign_strategy import foreign

    return foreign(assignment.strategy)


def offered(name: str, configured: Iterable[str] = ()) -> EntryPoint:
    """Return a strategy of another package.

    Args:
        name: under which it is offered.
        configured: names that are known besides, for the message.

    Raises:
        UsageError: there is none of that name.
    """
    return extensions.offered("strategy", name, [*OWN_STRATEGIES, *sorted(configured)])
