"""Reads an issue with its comments."""

from swe_scale.config import GitHubConfig
from swe_scale.errors import UsageError
from swe_scale.github.address import IssueAddress, parse_issue_url
from swe_scale.github.door import Ask, Door, open_door
from swe_scale.github.forms import COMMENTS, ISSUE, CommentForm, IssueForm
from swe_scale.records import Record

MOST_COMMENTS = 100
"""Comments of an issue that are read, the oldest first."""
OWN_MARK = "<!-- swe-scale:"
"""What is in each page that we write, and that nobody sees."""
_COMMANDS = ("/swe-scale", "/swe-scale solve", "/swe-scale run")
_PATH = "/repos/{owner}/{repo}/issues/{number}"


class FetchedIssue(Record):
    """An issue as GitHub has it; all of its text was written by strangers."""

    address: IssueAddress
    """Where it is now; another than was asked for if the repository has moved."""
    title: str
    body: str
    comments: tuple[str, ...]
    """Each begins with a line in brackets: how GitHub says its author stands to the repository, and whether
    that is who opened the issue."""
    comments_left_out: int
    labels: tuple[str, ...]
    state: str


async def fetch_issue(address: IssueAddress, config: GitHubConfig) -> FetchedIssue:
    """Return an issue with its first `MOST_COMMENTS` comments.

    The token, where the environment has one, goes to the host of `config.api` and to no other.

    Raises:
        UsageError: the number is a pull request's, or the token's variable holds no token.
        GitHubError: there is no such issue, access is refused, the rate limit is used up, the host can't
            be reached or doesn't answer as GitHub does.
    """
    async with open_door(address, config) as door:
        issue = await issue_of(door, address)
        if issue.pull_request is not None:
            raise UsageError(f"{address} is a pull request; name an issue, or give its text in a file")
        comments = await comments_of(door, address, MOST_COMMENTS)
    return FetchedIssue(
        address=_now_at(issue, address),
        title=issue.title,
        body=issue.body or "",
        comments=tuple(_said(comment, issue) for comment in comments if tells(comment)),
        comments_left_out=max(0, issue.comments - len(comments)),
        labels=tuple(label if isinstance(label, str) else label.name for label in issue.labels),
        state=issue.state,
    )


async def issue_of(door: Door, address: IssueAddress) -> IssueForm:
    """Return an issue, or a pull request as one.

    Raises:
        GitHubError: there is none, or it can't be read.
    """
    return await door.get(Ask(_PATH, str(address), values=_values(address)), ISSUE)


async def comments_of(door: Door, address: IssueAddress, most: int) -> list[CommentForm]:
    """Return the comments of an issue or a pull request, the oldest first, `most` at most.

    Raises:
        GitHubError: they can't be read.
    """
    return await door.pages(Ask(f"{_PATH}/comments", str(address), values=_values(address)), COMMENTS, most)


def _values(address: IssueAddress) -> dict[str, str | int]:
    return {"owner": address.owner, "repo": address.repo, "number": address.number}


def _now_at(issue: IssueForm, asked: IssueAddress) -> IssueAddress:
    """Return where an issue is now, if that is on the same host."""
    now = parse_issue_url(issue.html_url) or asked
    return now if (now.scheme, now.host) == (asked.scheme, asked.host) else asked


def tells(comment: CommentForm) -> bool:
    """Return whether a comment says something of the issue: our own and mere commands to us don't."""
    body = (comment.body or "").strip()
    return bool(body) and body not in _COMMANDS and OWN_MARK not in body


def _said(comment: CommentForm, issue: IssueForm) -> str:
    opened = comment.user is not None and issue.user is not None and comment.user.login == issue.user.login
    return f"[{comment.author_association}{', who opened this' if opened else ''}]\n{comment.body}"
