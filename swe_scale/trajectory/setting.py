"""What all trajectories of an issue share, and what one of them is given."""

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import anyio

from swe_scale.checks import Cells
from swe_scale.config import Prompted, Start, StrategyConfig, own_model, standing_for
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.prompts import render
from swe_scale.records import Check, Context, Issue, Message, Sampling
from swe_scale.trajectory.shortened import fitted
from swe_scale.trees import Trees

T = TypeVar("T")
_OTHERS = 20
"""Files beside those shown that are named."""
SET_ASIDE = "set aside"
"""Begins what is said of a trajectory that could go on."""
LATE: tuple[Start, ...] = ("notes", "best")
"""Starts of trajectories that wait until the others have been judged."""


def shared_part(issue: Issue, context: Context, issue_tokens: int | None) -> str:
    """Return what the first messages of all conversations on an issue begin with: files and issue."""
    said = issue if issue_tokens is None else fitted(issue, issue_tokens)
    shown = {file.path for file in context.files}
    others = [file for file in context.ranking if file.path not in shown][:_OTHERS]
    return render("shared", files=context.files, others=others, issue=said)


def opening_of(
    issue: Issue, context: Context, issue_tokens: int | None, instructions: str
) -> tuple[Message, ...]:
    """Return the first messages: what siblings share comes first, to the byte, for the prefix cache."""
    shared = shared_part(issue, context, issue_tokens)
    return (
        Message(role="system", content=render("system")),
        Message(role="user", content=f"{shared}\n\n{instructions}", shared=len(shared)),
    )


@dataclass(slots=True)
class Leash:
    """Ends a trajectory from outside, which then keeps what it has."""

    cut: str = ""
    """Why it was ended; empty while it wasn't."""
    _scope: anyio.CancelScope | None = None

    def end(self, why: str) -> None:
        """End it, now or as soon as it is to begin."""
        self.cut = why
        if self._scope is not None:
            self._scope.cancel()

    @contextmanager
    def held(self, deadline: float) -> Iterator[None]:
        """Let it go on until a time on the event loop's clock, or until it is ended."""
        with anyio.CancelScope(deadline=deadline) as self._scope:
            if self.cut:
                self._scope.cancel()
            yield


@dataclass(frozen=True, slots=True)
class Setting:
    """The issue, what is known of it, and the means to work on it."""

    issue: Issue
    context: Context
    trees: Trees
    cells: Cells
    ledger: Ledger
    model: Model
    events: Events
    turns: int
    """Replies that a conversation may have."""
    deadline: float = math.inf
    """When trajectories end with what they have, on the event loop's clock."""
    issue_tokens: int | None = None
    """Estimated tokens of the issue's text beyond which it is cut. None: it never is."""
    backtrack: bool = True
    """Whether an agent is put back to its best state after its check's result got worse twice."""
    leash: Leash = field(default_factory=Leash)
    """By which one trajectory is ended before its time."""

    def opening(self, instructions: str) -> tuple[Message, ...]:
        """Return the first messages of a conversation on the issue; see `opening_of`."""
        return opening_of(self.issue, self.context, self.issue_tokens, instructions)


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trajectory to be made."""

    index: int
    """From 1, unique within the issue."""
    strategy: str
    sampling: Sampling
    settings: StrategyConfig | None = None
    """What the strategy's name stands for; None: it comes from another package."""
    plan: str = ""
    """What it was given to begin with, in words: a plan, or notes of earlier trajectories."""
    guidance: str = ""
    """What the model is told of it and of the prompt's variant, after the strategy's instructions."""
    tree: str | None = None
    """Tree from which it begins. None: the untouched one."""
    check: Check | None = None
    """Check with which it begins."""
    shown: tuple[str, ...] = ()
    """Candidates that it is told of."""
    turns: int | None = None
    """Replies that it may have. None: as many as the setting has."""
    pause: int | None = field(default=None, repr=False)
    """Replies after which it is set aside, without being told. None: it isn't."""

    @property
    def start(self) -> Start:
        """What it is given to begin with."""
        return self._prompted.start if self._prompted else "scratch"

    @property
    def writes(self) -> Literal["patch", "check"]:
        """What it is for: a patch, with a check if it can; or a check alone."""
        return "check" if self._prompted and self._prompted.kind == "check" else "patch"

    @property
    def _prompted(self) -> Prompted | None:
        settings = self.settings or standing_for(self.strategy, {})
        return settings if isinstance(settings, Prompted) else None


def taken_by(assignment: Assignment, models: Mapping[str, Sequence[T]]) -> T:
    """Return the model of a trajectory: its strategy's own, else its turn among those of the stage.

    Args:
        assignment: the trajectory.
        models: by stage, and by `strategies.NAME` those that are a strategy's own.
    """
    several = models.get(own_model(assignment.strategy)) or models["trajectory"]
    return several[(assignment.index - 1) % len(several)]
