"""One draft pull request of ours per issue, however often it is delivered."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from swe_scale.bot.marks import mark_of
from swe_scale.errors import GitHubError, PerhapsDone
from swe_scale.github.address import RepositoryAddress
from swe_scale.github.door import Door
from swe_scale.github.forms import PullForm
from swe_scale.github.pulls import NewPull, change_pull, open_pull, pulls_from

_TRIES = 3
_REFUSED = 422
_NO_DRAFTS = re.compile(r"\bdrafts?\b.* not supported", re.IGNORECASE)
"""What GitHub says where a private repository's plan has none."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where pull requests of an issue come from and go to."""

    upstream: RepositoryAddress
    """The repository that they are made to."""
    owner: str
    """Of the repository that has the branch."""
    branch: str
    issue: int
    login: str
    """Who acts with the token."""

    @property
    def head(self) -> str:
        """The branch, as GitHub names it across repositories."""
        return f"{self.owner}:{self.branch}"


async def ours_from(door: Door, place: Place) -> list[PullForm]:
    """Return the pull requests that we made for an issue, open or not, newest first.

    Raises:
        GitHubError: they can't be read, or the open one from our branch is somebody else's.
    """
    found = await pulls_from(door, place.upstream, place.head)
    ours = [one for one in found if _is_ours(one, place)]
    theirs = next((one for one in found if one.state == "open" and one not in ours), None)
    if theirs is not None and not any(one.state == "open" for one in ours):
        raise GitHubError(
            f"{theirs.html_url} comes from the branch {place.branch} and isn't ours;"
            " close it, or rename the branch"
        )
    return ours


def declined(ours: Sequence[PullForm], place: Place, answer: str) -> PullForm | None:
    """Return the pull request that proposed an answer and was closed or merged; None if there is none.

    Args:
        ours: our pull requests for an issue.
        place: where they come from.
        answer: its digest.
    """
    if any(one.state == "open" for one in ours):
        return None
    marks = ((one, mark_of(one.body, "pull", place.issue)) for one in ours)
    return next((one for one, mark in marks if mark is not None and mark.answer == answer), None)


def _is_ours(pull: PullForm, place: Place) -> bool:
    by = pull.user.login if pull.user else ""
    return by.lower() == place.login.lower() and mark_of(pull.body, "pull", place.issue) is not None


async def propose(door: Door, place: Place, new: NewPull) -> PullForm:
    """Open the pull request of an issue, or change the one that is there to say what is true now.

    Its title stays as somebody may have changed it. Where the repository can't have drafts, it is none.

    Raises:
        GitHubError: it is refused.
    """
    for tried in range(_TRIES):
        ours = await ours_from(door, place)
        found = next((one for one in ours if one.state == "open"), None)
        if found is not None:
            if (found.body or "").replace("\r\n", "\n") == new.body:
                return found
            return await change_pull(door, place.upstream.issue(found.number), new.body)
        try:
            return await open_pull(door, place.upstream, new)
        except PerhapsDone:
            if tried == _TRIES - 1:
                raise
        except GitHubError as error:
            if error.status != _REFUSED or tried == _TRIES - 1:
                raise
            if new.draft and _NO_DRAFTS.search(str(error)):
                new = replace(new, draft=False)
            elif "already exists" not in str(error):
                raise
            # Else somebody was quicker, or an earlier try was carried out though it seemed to fail.
    raise AssertionError("the last try returns or raises")
