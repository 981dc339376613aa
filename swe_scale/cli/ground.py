"""What a command is about: an issue, however it is named, on a commit of its repository."""

from dataclasses import dataclass
from pathlib import Path

from swe_scale import batch
from swe_scale.bot.asked import Ignored
from swe_scale.bot.brief import read_brief
from swe_scale.cli.ending import check_deliverable
from swe_scale.config import GitHubConfig
from swe_scale.errors import UsageError
from swe_scale.github import IssueAddress, parse_issue_url
from swe_scale.github.credentials import token_for
from swe_scale.issues import Draft, read_issue
from swe_scale.jobs import Delivery
from swe_scale.records import Issue
from swe_scale.repo import Repository, complete_source
from swe_scale.repo.source import redacted


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be solved, as given."""

    issue: str | None
    repo: str | None
    base: str | None
    name: str | None
    event: Path | None = None
    """In place of an issue: what asks for it to be solved."""
    label: str = ""
    """The one that asks for it, of an event."""


@dataclass(frozen=True, slots=True)
class Ground:
    """An issue on a commit of its repository."""

    issue: Issue
    repository: Repository
    delivery: Delivery
    """As wished, with the issue's own address where it goes there."""


async def ground_of(target: Target, github: GitHubConfig, delivery: Delivery) -> Ground | Ignored:
    """Return what a command is about, known to be deliverable; or why an event asks for nothing.

    Raises:
        UsageError: the issue can't be read, or the patch could not be delivered.
        RepositoryError: there is no such repository or commit.
        GitHubError: the issue can't be fetched.
    """
    if not delivery.pull and (delivery.fork or delivery.allow_workflows or delivery.wait):
        raise UsageError("--fork, --allow-workflows and --wait are for a pull request: add --pr.")
    found = await _named(target, github)
    if isinstance(found, Ignored):
        return found
    draft, at = found
    delivery = delivery.model_copy(update={"warnings": draft.warnings})
    if delivery.pull or delivery.comment:
        if at is None:
            raise UsageError("--pr and --comment need an issue on GitHub: its address, or --event.")
        delivery = delivery.model_copy(update={"at": at, "github": github})
    return await ground_of_issue(draft, target, github, delivery)


async def ground_of_issue(draft: Draft, target: Target, github: GitHubConfig, delivery: Delivery) -> Ground:
    """Return an issue on its commit, known to be deliverable.

    Raises:
        UsageError, RepositoryError: as of `ground_of`.
    """
    source = complete_source(target.repo or draft.clone_url or ".")
    token = token_for(source, github)
    repository = await Repository.open(source, batch.repository_folder(source), token)
    commit = await repository.resolve(target.base)
    await check_deliverable(repository, delivery)
    return Ground(draft.on(redacted(source), commit), repository, delivery)


async def _named(target: Target, github: GitHubConfig) -> tuple[Draft, IssueAddress | None] | Ignored:
    """Return the issue, and where it is if that is on GitHub."""
    if (target.issue is None) == (target.event is None):
        raise UsageError("name an issue, or give --event FILE, one of them.")
    if target.event is not None:
        brief = read_brief(target.event, target.label)
        return brief if isinstance(brief, Ignored) else (brief.draft(), brief.asked.issue)
    assert target.issue is not None
    return await read_issue(target.issue, github), parse_issue_url(target.issue)
