"""One comment of ours under an issue, however often it is written."""

from swe_scale.bot.marks import mark_of
from swe_scale.errors import GitHubError, PerhapsDone
from swe_scale.github.address import IssueAddress
from swe_scale.github.door import Door
from swe_scale.github.forms import CommentForm
from swe_scale.github.issue import comments_of
from swe_scale.github.pulls import add_comment, change_comment, delete_comment

_MOST_COMMENTS = 3000
_TRIES = 3
_GONE = (404, 410)


async def say(door: Door, address: IssueAddress, issue: int, text: str, login: str) -> str:
    """Write our comment for an issue, or change the one that is there; return its page.

    Args:
        door: to the service.
        address: of the issue or the pull request under which it is.
        issue: the issue that its mark names.
        text: all of it, with its mark.
        login: who acts with the token: comments of others are never ours, whatever they look like.

    Raises:
        GitHubError: it is refused, or can't be made out.
    """
    for tried in range(_TRIES):
        ours = [
            one
            for one in await comments_of(door, address, _MOST_COMMENTS)
            if _is_by(one, login) and mark_of(one.body, "comment", issue)
        ]
        try:
            return await _write(door, address, text, ours)
        except GitHubError as error:
            # It may have been written though no answer came, or have been deleted since it was looked for.
            again = isinstance(error, PerhapsDone) or (error.status in _GONE and bool(ours))
            if not again or tried == _TRIES - 1:
                raise
    raise AssertionError("the last try returns or raises")


async def _write(door: Door, address: IssueAddress, text: str, ours: list[CommentForm]) -> str:
    if not ours:
        return (await add_comment(door, address, text)).html_url
    first, *rest = ours
    for one in rest:
        await delete_comment(door, address.repository, one.id)
    if (first.body or "").replace("\r\n", "\n") == text:
        return first.html_url
    return (await change_comment(door, address.repository, first.id, text)).html_url


def _is_by(comment: CommentForm, login: str) -> bool:
    return comment.user is not None and comment.user.login.lower() == login.lower()
