"""Pull requests, comments and rights: what a delivery reads and writes."""

import os
from dataclasses import dataclass, replace

from swe_scale.errors import GitHubError
from swe_scale.github.address import IssueAddress, RepositoryAddress
from swe_scale.github.door import Ask, Door
from swe_scale.github.forms import (
    CHECK_RUNS,
    COMMENT,
    COMMENTS,
    PERMISSION,
    PULL,
    PULLS,
    REPOSITORY,
    USER,
    CheckRun,
    CommentForm,
    PullForm,
    RepositoryForm,
)

_REPOSITORY = "/repos/{owner}/{repo}"
_MOST_PULLS = 20
_ACTIONS_LOGIN = "github-actions[bot]"


@dataclass(frozen=True, slots=True)
class NewPull:
    """A pull request that is to be opened."""

    head: str
    """Branch, with its owner and a colon before it if that is another repository's."""
    base: str
    title: str
    body: str
    draft: bool = True


async def repository_of(door: Door, address: RepositoryAddress) -> RepositoryForm:
    """Return a repository.

    Raises:
        GitHubError: there is none, or it can't be read.
    """
    return await door.get(
        Ask(_REPOSITORY, str(address), "metadata: read", values=_place(address)), REPOSITORY
    )


async def own_login(door: Door, configured: str | None) -> str:
    """Return who acts with the token.

    Args:
        door: to the service.
        configured: the answer, where the user has given it.

    Raises:
        GitHubError: it can't be told.
    """
    if configured is not None:
        return configured
    try:
        return (await door.get(Ask("/user", "the token's owner", "metadata: read"), USER)).login
    except GitHubError as error:
        if error.status != 403:
            raise
        # A token of an app, such as a job's, may not ask who it is.
        if os.environ.get("GITHUB_ACTIONS") == "true":
            return _ACTIONS_LOGIN
        told = "GitHub doesn't say who acts with this token; set `github.login` in the configuration"
        raise GitHubError(told, 403) from error


async def permission_of(door: Door, address: RepositoryAddress, login: str) -> str:
    """Return what somebody may do in a repository: `admin`, `write`, `read` or `none`.

    Raises:
        GitHubError: it can't be read.
    """
    path = f"{_REPOSITORY}/collaborators/{{login}}/permission"
    ask = Ask(path, f"{login} in {address}", "metadata: read", values={**_place(address), "login": login})
    try:
        return (await door.get(ask, PERMISSION)).permission
    except GitHubError as error:
        if error.status == 404:
            return "none"
        raise


async def pulls_from(door: Door, address: RepositoryAddress, head: str) -> list[PullForm]:
    """Return the pull requests from a branch, open or not, newest first.

    Args:
        door: to the service.
        address: of the repository that they are made to.
        head: `owner:branch`.

    Raises:
        GitHubError: they can't be read.
    """
    path = f"{_REPOSITORY}/pulls{{?head,state}}"
    values = {**_place(address), "head": head, "state": "all"}
    return await door.pages(Ask(path, str(address), "pull-requests: read", values=values), PULLS, _MOST_PULLS)


async def open_pull(door: Door, address: RepositoryAddress, new: NewPull) -> PullForm:
    """Open a pull request.

    Raises:
        GitHubError: it is refused, for instance since there is one from this branch.
        PerhapsDone: no answer came.
    """
    body = {"head": new.head, "base": new.base, "title": new.title, "body": new.body, "draft": new.draft}
    ask = Ask(
        f"{_REPOSITORY}/pulls", f"a pull request to {address}", "pull-requests: write",
        "POST", _place(address), body,
    )  # fmt: skip
    return await door.get(ask, PULL)


async def change_pull(door: Door, address: IssueAddress, body: str) -> PullForm:
    """Change the text of a pull request.

    Raises:
        GitHubError: it is refused.
    """
    ask = Ask(
        f"{_REPOSITORY}/pulls/{{number}}", str(address), "pull-requests: write",
        "PATCH", _numbered(address), {"body": body},
    )  # fmt: skip
    return await door.get(ask, PULL)


async def add_comment(door: Door, address: IssueAddress, body: str) -> CommentForm:
    """Comment on an issue or a pull request.

    Raises:
        GitHubError: it is refused, for instance since the conversation is locked.
        PerhapsDone: no answer came.
    """
    path = f"{_REPOSITORY}/issues/{{number}}/comments"
    return await door.get(
        Ask(path, str(address), "issues: write", "POST", _numbered(address), {"body": body}), COMMENT
    )


async def change_comment(door: Door, address: RepositoryAddress, comment: int, body: str) -> CommentForm:
    """Change a comment.

    Raises:
        GitHubError: it is refused, or was deleted.
    """
    return await door.get(_comment(address, comment, "PATCH", body), COMMENT)


async def delete_comment(door: Door, address: RepositoryAddress, comment: int) -> None:
    """Delete a comment.

    Raises:
        GitHubError: it is refused.
    """
    await door.do(_comment(address, comment, "DELETE", None))


async def checks_of(door: Door, address: RepositoryAddress, commit: str) -> list[CheckRun]:
    """Return the newest checks that ran on a commit, or run on it.

    Raises:
        GitHubError: they can't be read.
    """
    path = f"{_REPOSITORY}/commits/{{commit}}/check-runs"
    ask = Ask(path, str(address), "checks: read", values={**_place(address), "commit": commit})
    return (await door.get(ask, CHECK_RUNS)).check_runs


def _comment(address: RepositoryAddress, comment: int, method: str, body: str | None) -> Ask:
    path = f"{_REPOSITORY}/issues/comments/{{comment}}"
    values = {**_place(address), "comment": comment}
    sent = None if body is None else {"body": body}
    return Ask(path, f"comment {comment} in {address}", "issues: write", method, values, sent)


def _place(address: RepositoryAddress) -> dict[str, str | int]:
    return {"owner": address.owner, "repo": address.repo}


def _numbered(address: IssueAddress) -> dict[str, str | int]:
    return {**_place(address), "number": address.number}


async def pull_of(door: Door, address: IssueAddress) -> PullForm:
    """Return a pull request.

    Raises:
        GitHubError: there is none of this number.
    """
    return await door.get(_reading(address, ""), PULL)


async def diff_of(door: Door, address: IssueAddress) -> str:
    """Return what a pull request changes, as a unified diff.

    Raises:
        GitHubError: it can't be read, or is too large for the service.
    """
    return await door.text(replace(_reading(address, ""), media="application/vnd.github.diff"))


async def review_comments_of(door: Door, address: IssueAddress, most: int) -> list[CommentForm]:
    """Return the comments on lines of a pull request, the oldest first.

    Raises:
        GitHubError: they can't be read.
    """
    return await door.pages(_reading(address, "/comments"), COMMENTS, most)


async def reviews_of(door: Door, address: IssueAddress, most: int) -> list[CommentForm]:
    """Return the reviews of a pull request, the oldest first.

    Raises:
        GitHubError: they can't be read.
    """
    return await door.pages(_reading(address, "/reviews"), COMMENTS, most)


def _reading(address: IssueAddress, what: str) -> Ask:
    path = f"{_REPOSITORY}/pulls/{{number}}{what}"
    return Ask(path, str(address), "pull-requests: read", values=_numbered(address))


async def fork_of(door: Door, address: RepositoryAddress) -> RepositoryForm:
    """Return the fork of a repository that belongs to the token's owner; it is made if there is none.

    Raises:
        GitHubError: forks aren't allowed, or the token may make none.
    """
    ask = Ask(
        f"{_REPOSITORY}/forks", f"a fork of {address}", "administration: write",
        "POST", _place(address), {},
    )  # fmt: skip
    return await door.get(ask, REPOSITORY)
