"""Decides, with a token but without running anything, whether what is asked for is to be solved."""

from pathlib import Path

from swe_scale.bot.asked import Asked, Ignored
from swe_scale.bot.brief import Brief
from swe_scale.bot.event import may_ask, read_hub_event
from swe_scale.bot.ground import look
from swe_scale.bot.revision import Revision, revision_of
from swe_scale.config import GitHubConfig
from swe_scale.github.address import IssueAddress
from swe_scale.github.door import Door, open_door
from swe_scale.github.issue import fetch_issue
from swe_scale.github.pulls import permission_of

_MAY_WRITE = ("admin", "write")


async def admit(event: Path, label: str, config: GitHubConfig) -> Brief | Ignored:
    """Return the issue that is to be solved, or why none is.

    Args:
        event: the file that `GITHUB_EVENT_PATH` names.
        label: the one that asks for a solution.
        config: of the service.

    Raises:
        UsageError: the event can't be read, or the token's variable holds none.
        GitHubError: the service refuses, or can't be reached.
    """
    asked = read_hub_event(event, label)
    if isinstance(asked, Ignored):
        return asked
    if reason := may_ask(asked):
        return Ignored(reason=reason)
    found = Revision(asked.issue, ())
    async with open_door(asked.issue, config) as door:
        if asked.kind == "revise":
            revision = await revision_of(door, asked, config.login)
            if isinstance(revision, Ignored):
                return revision
            found = revision
        if reason := await _against(door, asked, found.issue):
            return Ignored(reason=reason)
    issue = await fetch_issue(found.issue, config)
    return Brief(
        asked=asked.model_copy(update={"issue": found.issue}),
        title=issue.title,
        body=issue.body,
        comments=(*issue.comments, *found.comments),
        comments_left_out=issue.comments_left_out,
        labels=issue.labels,
    )


async def _against(door: Door, asked: Asked, issue: IssueAddress) -> str:
    ground = await look(door, issue, asked.labelled)
    if ground.closed_to_us:
        return ground.closed_to_us
    permission = await permission_of(door, asked.issue.repository, asked.by)
    if permission not in _MAY_WRITE:
        return f"{asked.by} has the right `{permission}` here, and may not ask without `write`"
    return ""
