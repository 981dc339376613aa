"""What an event asks for, and by whom."""

from typing import Literal

from swe_scale.github.address import IssueAddress
from swe_scale.records import Record

WRITERS = ("OWNER", "MEMBER", "COLLABORATOR")
"""How GitHub calls those who may probably write to a repository."""


class Asked(Record):
    """What an event asks for."""

    kind: Literal["solve", "revise"]
    issue: IssueAddress
    """Of a revision, the pull request."""
    by: str
    """Login of who asks."""
    association: str = "NONE"
    """How the service says that they stand to the repository; of a label, it says nothing."""
    bot: bool = False
    way: Literal["label", "comment", "hand"] = "comment"
    labelled: str | None = None
    """The label that was set, which must stay."""
    words: str = ""
    """What they wrote after the command."""
    title: str = ""
    body: str = ""
    labels: tuple[str, ...] = ()


class Ignored(Record):
    """An event that asks for nothing."""

    reason: str
