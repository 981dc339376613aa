"""What is to be told of a change, before anyone knows how this project tells it."""

from datetime import UTC, datetime

from pydantic import Field

from swe_scale.records import Record


class Change(Record):
    """A patch that resolves an issue, in words that nobody has checked."""

    summary: str
    """One line: from the issue's title or a model."""
    paragraph: str = ""
    issue: int | None = Field(default=None, ge=1)
    """Number of the issue that it resolves, in the project's own tracker."""
    paths: tuple[str, ...] = ()
    """Files that it touches."""
    written: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    """For the names and fields of those forms of changelog that hold a time."""


class Edit(Record):
    """A file that a change adds or rewrites, whole."""

    path: str
    data: bytes
