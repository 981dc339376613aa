"""Marks that nobody sees, by which the bot knows its own pull requests and comments again."""

import re
from dataclasses import dataclass
from typing import Literal

_MARK = re.compile(
    r"^<!-- swe-scale:(pull|comment) issue=([0-9]{1,10})"
    r" answer=([0-9a-f]{16}) head=([0-9a-f]{40,64}|none) -->$",
    re.MULTILINE,
)

Kind = Literal["pull", "comment"]


@dataclass(frozen=True, slots=True)
class Mark:
    """What a page of ours says of itself."""

    kind: Kind
    issue: int
    answer: str
    """Digest of the answer that it shows."""
    head: str = "none"
    """Commit that was pushed for it."""

    @property
    def text(self) -> str:
        """The line that is put into the page."""
        return f"<!-- swe-scale:{self.kind} issue={self.issue} answer={self.answer} head={self.head} -->"


def mark_of(page: str | None, kind: Kind, issue: int | None) -> Mark | None:
    """Return the mark of a page; None if it isn't one of this kind for this issue (None: for any).

    It tells nothing of who wrote the page: whoever reads it must know that from elsewhere.
    """
    found = list(_MARK.finditer((page or "").replace("\r\n", "\n")))
    # Ours stands last: what a page shows of a patch may look like one.
    if not found or found[-1][1] != kind or issue not in (None, int(found[-1][2])):
        return None
    return Mark(kind, int(found[-1][2]), found[-1][3], found[-1][4])
