"""Takes up a pull request of ours again: what it changes, and what those say of it who may."""

from dataclasses import dataclass

from swe_scale.bot.asked import WRITERS, Asked, Ignored
from swe_scale.bot.event import COMMAND
from swe_scale.bot.marks import mark_of
from swe_scale.github.address import IssueAddress
from swe_scale.github.door import Door
from swe_scale.github.forms import CommentForm
from swe_scale.github.issue import comments_of, tells
from swe_scale.github.pulls import diff_of, own_login, pull_of, review_comments_of, reviews_of

_MOST = 100
_LONGEST_PATCH = 200_000
"""Characters of a patch that models are shown."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A pull request of ours that is to be changed."""

    issue: IssueAddress
    """The issue that it is for."""
    comments: tuple[str, ...]
    """What is told of it, in the form in which comments are shown to models."""


async def issue_behind(door: Door, pull: IssueAddress, configured: str | None) -> IssueAddress | Ignored:
    """Return the issue that a pull request of ours is for.

    Args:
        door: to the service.
        pull: the pull request.
        configured: who acts with the token, where the user has said so.

    Raises:
        GitHubError: it can't be read.
    """
    found = await pull_of(door, pull)
    login = await own_login(door, configured)
    by = found.user.login if found.user else ""
    marked = mark_of(found.body, "pull", None)
    if by.lower() != login.lower() or marked is None:
        return Ignored(reason=f"{pull} is no pull request of {login}'s: only those are revised")
    if found.state != "open":
        return Ignored(reason=f"{pull} is closed")
    return pull.repository.issue(marked.issue)


async def revision_of(door: Door, asked: Asked, configured: str | None) -> Revision | Ignored:
    """Return what is to be changed about a pull request of ours.

    Args:
        door: to the service.
        asked: by whom, about which pull request.
        configured: as of `issue_behind`.

    Raises:
        GitHubError: it can't be read.
    """
    issue = await issue_behind(door, asked.issue, configured)
    if isinstance(issue, Ignored):
        return issue
    patch = (await diff_of(door, asked.issue))[:_LONGEST_PATCH]
    said = [
        *await reviews_of(door, asked.issue, _MOST),
        *await review_comments_of(door, asked.issue, _MOST),
        *await comments_of(door, asked.issue, _MOST),
    ]
    told = tuple(_shown(one) for one in said if one.author_association in WRITERS and _tells(one))
    before = f"[the patch that was proposed and is to be revised as those say who reviewed it]\n{patch}"
    return Revision(issue, (before, *told))


def _tells(said: CommentForm) -> bool:
    return tells(said) and not (said.body or "").lstrip().startswith(COMMAND)


def _shown(said: CommentForm) -> str:
    where = f", on {said.path}{f' line {said.line}' if said.line else ''}" if said.path else ""
    return f"[{said.author_association}, in a review of that patch{where}]\n{said.body}"
