"""Whether an issue can be delivered to, as it and its repository are at this moment."""

from dataclasses import dataclass

from swe_scale.errors import GitHubError
from swe_scale.github.address import IssueAddress, RepositoryAddress, parse_issue_url
from swe_scale.github.door import Ask, Door
from swe_scale.github.forms import IssueForm, RepositoryForm
from swe_scale.github.issue import issue_of
from swe_scale.github.pulls import repository_of


@dataclass(frozen=True, slots=True)
class Ground:
    """The issue and its repository."""

    issue: IssueForm
    repository: RepositoryForm
    closed_to_us: str = ""
    """Why nothing may be delivered; empty if something may."""


async def look(door: Door, address: IssueAddress, label: str | None) -> Ground:
    """Return how an issue and its repository are now.

    Args:
        door: to the service.
        address: the issue's.
        label: one that it must still have. None: it needs none.

    Raises:
        GitHubError: one of them isn't there, or can't be read.
    """
    issue = await issue_of(door, address)
    repository = await repository_of(door, address.repository)
    return Ground(issue, repository, _closed(address, issue, repository, label))


def _closed(address: IssueAddress, issue: IssueForm, repository: RepositoryForm, label: str | None) -> str:
    labels = {one if isinstance(one, str) else one.name for one in issue.labels}
    now = parse_issue_url(issue.html_url)
    if issue.pull_request is not None:
        return f"{address} is a pull request, no issue"
    if now is not None and now.full_name.lower() != address.full_name.lower():
        renamed = repository.full_name.lower() == now.full_name.lower()
        if not renamed:
            return f"{address} was transferred to {now}"
    if repository.archived or repository.disabled:
        return f"{repository.full_name} is archived: nothing can be written there"
    if issue.state != "open":
        return f"{address} is closed"
    if label is not None and label.lower() not in {one.lower() for one in labels}:
        return f"the label {label!r} was taken from {address}: cancelled"
    return ""


async def has_commit(door: Door, address: RepositoryAddress, commit: str) -> bool:
    """Return whether a repository has a commit: what was never pushed can't be built on there.

    Raises:
        GitHubError: it can't be told.
    """
    values = {"owner": address.owner, "repo": address.repo, "commit": commit}
    ask = Ask(
        "/repos/{owner}/{repo}/git/commits/{commit}",
        f"{commit} in {address}",
        "contents: read",
        values=values,
    )
    try:
        await door.do(ask)
    except GitHubError as error:
        if error.status in (404, 409, 422):
            return False
        raise
    return True


def may_push(repository: RepositoryForm) -> bool:
    """Return whether the token's owner may push branches; an app's token tells nothing, and is tried."""
    return repository.permissions is None or repository.permissions.push


def no_right(repository: RepositoryForm) -> GitHubError:
    """Return the error that says what the token lacks."""
    return GitHubError(
        f"the token may not push to {repository.full_name}; give it `contents: write` and"
        " `pull-requests: write`, or add --fork to push to a fork of its owner",
        403,
    )
