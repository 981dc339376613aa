"""What the job with the token hands to the one that solves: an issue with its comments, nothing secret."""

from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError

from swe_scale.bot.asked import Asked, Ignored
from swe_scale.bot.event import may_ask, read_event, read_json
from swe_scale.config import explain
from swe_scale.errors import UsageError
from swe_scale.github.issue import FetchedIssue
from swe_scale.issues import Draft, draft_of_issue
from swe_scale.records import Record

_LONGEST = 1 << 20


class Brief(Record):
    """An issue that somebody who may ask has asked to be solved."""

    version: Literal[1] = 1
    asked: Asked
    title: str = Field(max_length=_LONGEST)
    body: str = Field(max_length=_LONGEST)
    comments: tuple[str, ...] = Field(default=(), max_length=600)
    comments_left_out: int = 0
    labels: tuple[str, ...] = Field(default=(), max_length=200)

    def draft(self) -> Draft:
        """Return the issue, with what its asker has added."""
        return draft_of_issue(
            FetchedIssue(
                address=self.asked.issue,
                title=self.title,
                body=self.body,
                comments=(*self.comments, *self._added()),
                comments_left_out=self.comments_left_out,
                labels=self.labels,
                state="open",
            )
        )

    def _added(self) -> tuple[str, ...]:
        words = f"[{self.asked.association}, who asks for this]\n{self.asked.words}"
        return (words,) if self.asked.words else ()


def read_brief(path: Path, label: str) -> Brief | Ignored:
    """Return what is to be solved, from a brief or from an event itself.

    Args:
        path: what `swe-scale bot admit` has written, or a GitHub event, which has no comments.
        label: of an event, the one that asks for a solution.

    Raises:
        UsageError: it can't be read, or is neither.
    """
    content = read_json(path)
    if isinstance(content, dict) and "asked" in content:
        try:
            return Brief.model_validate(content)
        except ValidationError as error:
            raise UsageError(f"{path} is not what `swe-scale bot admit` writes:\n{explain(error)}") from error
    asked = read_event(path, label)
    if isinstance(asked, Ignored):
        return asked
    if reason := may_ask(asked):
        return Ignored(reason=reason)
    if not asked.title.strip():
        told = "the event doesn't hold the issue; have `swe-scale bot admit` read it first"
        raise UsageError(f"{path}: {told}")
    return Brief(asked=asked, title=asked.title, body=asked.body, labels=asked.labels)
