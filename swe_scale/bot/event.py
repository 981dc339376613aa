"""Reads what a CI service says has happened, and tells what is asked for by it, and by whom."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from swe_scale.bot.asked import WRITERS, Asked, Ignored
from swe_scale.bot.files import read_bounded
from swe_scale.bot.gitlab import asked_by, is_gitlab
from swe_scale.errors import UsageError
from swe_scale.github.address import IssueAddress, parse_issue_url
from swe_scale.github.forms import CommentForm, IssueForm, Label, User

_LARGEST = 25 << 20
"""Bytes of an event; GitHub sends at most 25 MB."""
COMMAND = "/swe-scale"
_SAID = re.compile(r"[ \t]*/swe-scale(?:[ \t]+(solve|run|revise)[:,]?)?(?=\s|\Z)(.*)", re.DOTALL)
_LONGEST_WORDS = 8000


class _Repository(BaseModel):
    full_name: str
    html_url: str = ""


class _Pull(BaseModel):
    number: int


class _Event(BaseModel):
    action: str = ""
    repository: _Repository
    sender: User
    issue: IssueForm | None = None
    comment: CommentForm | None = None
    label: Label | None = None
    review: CommentForm | None = None
    pull_request: _Pull | None = None
    inputs: Mapping[str, Any] | None = Field(default=None)


def read_event(path: Path, label: str) -> Asked | Ignored:
    """Return what an event of GitHub's or GitLab's asks for.

    Args:
        path: the file that `GITHUB_EVENT_PATH` or `TRIGGER_PAYLOAD` names.
        label: the one that asks for a solution.

    Raises:
        UsageError: it can't be read, or is no event.
    """
    content = read_json(path)
    kind = "GitLab" if is_gitlab(content) else "GitHub"
    try:
        if kind == "GitLab":
            return asked_by(content, label)
        event = _Event.model_validate(content)
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        fault = f"`{place}` is missing or of another kind"
        raise UsageError(f"{path} is no event of {kind}'s: {fault}") from error
    if event.inputs is not None:
        return _by_hand(event, path)
    if event.comment is not None or event.review is not None:
        return _of_comment(event, path)
    return _of_label(event, path, label)


def read_hub_event(path: Path, label: str) -> Asked | Ignored:
    """Return what an event asks for where only GitHub's will do, as what follows asks or writes there.

    Raises:
        UsageError: it can't be read, is no event, or GitLab's.
    """
    if is_gitlab(read_json(path)):
        told = "`bot admit` and `bot deliver` are for GitHub; give it to `swe-scale run --event`"
        raise UsageError(f"{path} is an event of GitLab's: {told}, which ends in a patch")
    return read_event(path, label)


def read_json(path: Path) -> Any:
    """Return what a file of JSON holds.

    Raises:
        UsageError: it can't be read, is too large, or isn't JSON.
    """
    data = read_bounded(path, _LARGEST, "event")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is not JSON; name the file that GITHUB_EVENT_PATH names") from error


def _by_hand(event: _Event, path: Path) -> Asked | Ignored:
    """Return what somebody asks for who started the workflow himself, which only writers can."""
    number = str((event.inputs or {}).get("issue", "")).strip().lstrip("#")
    if not re.fullmatch(r"[0-9]{1,10}", number):
        raise UsageError(f"{path}: the input `issue` is {number[:40]!r}, no number of an issue")
    address = _address(event, path, int(number))
    bot = event.sender.type == "Bot"
    return Asked(kind="solve", issue=address, by=event.sender.login, bot=bot, way="hand")


def _of_comment(event: _Event, path: Path) -> Asked | Ignored:
    said = event.comment or event.review
    assert said is not None
    if event.action not in ("created", "submitted"):
        return Ignored(reason=f"a comment was {event.action or 'changed'}, not written")
    match = _SAID.match(said.body or "")
    if match is None:
        return Ignored(reason=f"the comment doesn't begin with {COMMAND}")
    command, words = match[1] or "solve", match[2].strip()[:_LONGEST_WORDS]
    on_pull = event.issue is None or event.issue.pull_request is not None
    if command == "revise" or on_pull:
        if not on_pull:
            return Ignored(reason=f"`{COMMAND} revise` is said under a pull request")
        return _asked(event, path, "revise", said, words)
    return _asked(event, path, "solve", said, words)


def _asked(
    event: _Event, path: Path, kind: Literal["solve", "revise"], said: CommentForm, words: str
) -> Asked:
    by = said.user or event.sender
    about = event.issue or event.pull_request
    return Asked(
        kind=kind,
        issue=_address(event, path, about.number if about else 0),
        by=by.login,
        association=said.author_association,
        bot="Bot" in (by.type, event.sender.type),
        words=words,
        **_texts(event.issue),
    )


def _of_label(event: _Event, path: Path, label: str) -> Asked | Ignored:
    issue = event.issue
    if issue is None or event.label is None:
        return Ignored(reason="the event is about no issue's label and no comment")
    if event.action != "labeled":
        return Ignored(reason=f"a label was {event.action}, not set")
    if event.label.name.lower() != label.lower():
        return Ignored(reason=f"the label is {event.label.name!r}, not {label!r}")
    if issue.pull_request is not None:
        return Ignored(reason="the label was set on a pull request, not on an issue")
    return Asked(
        kind="solve",
        issue=_address(event, path, issue.number),
        by=event.sender.login,
        bot=event.sender.type == "Bot",
        way="label",
        labelled=event.label.name,
        **_texts(issue),
    )


def _texts(issue: IssueForm | None) -> dict[str, Any]:
    if issue is None:
        return {}
    labels = tuple(one if isinstance(one, str) else one.name for one in issue.labels)
    return {"title": issue.title, "body": issue.body or "", "labels": labels}


def _address(event: _Event, path: Path, number: int) -> IssueAddress:
    page = event.repository.html_url or f"https://github.com/{event.repository.full_name}"
    address = parse_issue_url(f"{page}/issues/{number}")
    if address is None or number < 1:
        raise UsageError(f"{path}: it names no repository, or no number of an issue")
    return address


def may_ask(asked: Asked) -> str:
    """Return why somebody may not ask, by what the event itself says; empty if it says nothing against it.

    Who has no right to write may comment but not set labels or start workflows; what the event says of a
    commenter's standing is coarse, so that a job with a token asks for the permission itself.
    """
    if asked.bot:
        return f"{asked.by} is a bot, and bots never ask"
    if asked.way == "comment" and asked.association not in WRITERS:
        return f"{asked.by} is {asked.association.lower().replace('_', ' ')} here, and may not ask"
    return ""
