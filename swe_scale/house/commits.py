"""The past commits that people wrote, with their subjects taken apart."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from swe_scale.house.subjects import Subject, read_subject
from swe_scale.repo.history import Past

_BOT = re.compile(
    r"\[bot\]|(?:^|[\W_])bots?(?:\W|$)|bot\b.{0,40}<|dependabot|renovate|github-actions|jenkins",
    re.IGNORECASE,
)
_NO_CHANGE = re.compile(
    r"Merge |Revert |Back ?port |v?\d+(?:\.\d+){1,5}\S{0,30}$"
    r"|(?:(?:Release|Bump|Prepare|Preparing|Version|Set version|Update version)\b.{0,60}\d+\.\d+)",
    re.IGNORECASE,
)
_REPAIR = re.compile(
    r"\b(?:fix(?:e[sd])?|bug|crash|regression|incorrect|wrong|broken|prevent|avoid)\b", re.IGNORECASE
)
CLOSES = re.compile(
    r"^[ \t]*(?:[-*] )?(fix(?:e[sd])?|close[sd]?|resolve[sd]?)(:?) (?:[\w.-]+/[\w.-]+)?#\d+(\.?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A line that closes an issue, in the body of a message."""
_SERVICE = "noreply@github.com"


@dataclass(frozen=True, slots=True)
class Told:
    """One past commit by a person, with its subject taken apart."""

    past: Past
    subject: Subject
    body: str

    @property
    def repairs(self) -> bool:
        """Whether it mends a fault, by its own words."""
        line = first_line(self.past)
        return self.subject.repairs or bool(_REPAIR.search(line) or CLOSES.search(self.body))

    @property
    def names_an_issue(self) -> bool:
        """Whether it says which issue it resolves."""
        return self.subject.kind == "reference" or bool(CLOSES.search(self.body))


def told(past: Iterable[Past]) -> tuple[Told, ...]:
    """Return the commits that people wrote to change something; bots', merges and releases don't count."""
    return tuple(
        _told(one)
        for one in past
        if one.message.strip() and not _BOT.search(one.author) and not _NO_CHANGE.match(first_line(one))
    )


def first_line(one: Past) -> str:
    """Return the subject of a commit, as far as anybody reads it."""
    return one.message.strip().partition("\n")[0][:200]


def _told(one: Past) -> Told:
    line, _, body = one.message.strip().partition("\n")
    return Told(one, read_subject(line, squashed=_SERVICE in one.committer), body.strip())
