"""What all trajectories of an issue share, and what one of them is given."""

import math
from dataclasses import dataclass

from swe_scale.checks import Cells
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.prompts import render
from swe_scale.records import Context, Issue, Message, Sampling
from swe_scale.trajectory.shortened import fitted
from swe_scale.trees import Trees


def shared_part(issue: Issue, context: Context, issue_tokens: int | None) -> str:
    """Return what the first messages of all conversations on an issue begin with: files and issue."""
    said = issue if issue_tokens is None else fitted(issue, issue_tokens)
    return render("shared", files=context.files, issue=said)


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

    def opening(self, instructions: str) -> tuple[Message, ...]:
        """Return the first messages: what siblings share comes first, to the byte, for the prefix cache."""
        shared = shared_part(self.issue, self.context, self.issue_tokens)
        return (
            Message(role="system", content=render("system")),
            Message(role="user", content=f"{shared}\n\n{instructions}", shared=len(shared)),
        )


@dataclass(frozen=True, slots=True)
class Assignment:
    """One trajectory to be made."""

    index: int
    """From 1, unique within the issue."""
    strategy: str
    sampling: Sampling
    plan: str = ""
