"""Reads GitLab's events: of issues, when a label is set; what is found is handed on by its CI as a patch."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel, Field

from swe_scale.bot.asked import Asked, Ignored
from swe_scale.errors import UsageError
from swe_scale.github.address import IssueAddress


class _User(BaseModel):
    username: str


class _Project(BaseModel):
    web_url: str
    path_with_namespace: str


class _Label(BaseModel):
    title: str


class _Issue(BaseModel):
    iid: int = Field(ge=1)
    title: str
    description: str | None = None
    state: str = "opened"


class _Change(BaseModel):
    previous: list[_Label] = []
    current: list[_Label] = []


class _Changes(BaseModel):
    labels: _Change = _Change()


class _Event(BaseModel):
    object_kind: str
    user: _User
    project: _Project
    object_attributes: _Issue
    labels: list[_Label] = []
    changes: _Changes = _Changes()


def is_gitlab(content: Any) -> bool:
    """Return whether this looks like an event of GitLab's."""
    return isinstance(content, dict) and "object_kind" in content


def asked_by(content: Mapping[str, Any], label: str) -> Asked | Ignored:
    """Return what an event asks for.

    Who comments may be anybody, and GitLab doesn't say what he may do: only a label asks, which takes the
    role of a reporter.

    Raises:
        ValidationError: it has another form.
        UsageError: it names no project.
    """
    if content["object_kind"] not in ("issue", "work_item"):
        return Ignored(reason=f"the event is a {str(content['object_kind'])[:40]}, not an issue")
    event = _Event.model_validate(content)
    before, now = ({one.title.lower() for one in side} for side in _sides(event))
    if label.lower() not in now - before:
        return Ignored(reason=f"the label {label!r} was not set by this event")
    if event.object_attributes.state != "opened":
        return Ignored(reason=f"the issue is {event.object_attributes.state[:20]}")
    return Asked(
        kind="solve",
        issue=_address(event),
        by=event.user.username,
        way="label",
        labelled=label,
        title=event.object_attributes.title,
        body=event.object_attributes.description or "",
        labels=tuple(one.title for one in event.labels),
    )


def _sides(event: _Event) -> tuple[list[_Label], list[_Label]]:
    return event.changes.labels.previous, event.changes.labels.current


def _address(event: _Event) -> IssueAddress:
    try:
        parts = urlsplit(event.project.web_url)
    except ValueError:
        parts = urlsplit("")
    owner, _, repo = event.project.path_with_namespace.rpartition("/")
    if parts.scheme not in ("http", "https") or not parts.hostname or not owner or not repo:
        raise UsageError(f"the event names no project: {event.project.web_url[:100]!r}")
    host = parts.netloc.rpartition("@")[2].lower()
    number = event.object_attributes.iid
    return IssueAddress(scheme=parts.scheme, host=host, owner=owner, repo=repo, number=number)
