"""What a run folder is for and what it has come to, as it is recorded."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from swe_scale.config import Budget, GitHubConfig, RunConfig, Serve, explain
from swe_scale.environment import Options
from swe_scale.errors import UsageError
from swe_scale.github.address import IssueAddress
from swe_scale.given import Given
from swe_scale.pipeline import provisional_key, solution_key
from swe_scale.records import Issue, Record, Solution, Usage, digest
from swe_scale.store import Key, Readable, Store, recorded

_JOB = Key("job", "1")
STDOUT = Path("-")
"""Stands for standard output where a file is named."""


class Task(Record):
    """One issue with all that is needed to take it up again."""

    issue: Issue
    options: Options
    given: Given | None = None
    """Patches and checks that are there already, to be chosen among."""


class Delivery(Record):
    """What is done with the patch of a single issue."""

    apply: bool = False
    force: bool = False
    """Apply to a dirty work tree, too."""
    out: Path | None = None
    """File that the patch is written to."""
    handover: Path | None = None
    """File for whoever delivers it, with the evidence."""
    at: IssueAddress | None = None
    """Issue that it is delivered to. None: it isn't."""
    github: GitHubConfig | None = None
    """How the service is reached; no token is in it. None: as the user's configuration says."""
    pull: bool = False
    """Open or update a draft pull request."""
    comment: bool = False
    """Comment under the issue."""
    fork: bool = False
    """Push to a fork where the token may not push."""
    allow_workflows: bool = False
    """Deliver changes to workflows and lock files, too."""
    wait: float = 0.0
    """Minutes to wait for the checks of the pull request."""
    warnings: tuple[str, ...] = ()
    """What a reader should know of the issue's text."""


class Started(Record):
    """A server of one's own that is started for a run."""

    model: str
    settings: Serve


class Job(Record):
    """What a run folder was made for, kept in it for `resume`."""

    kind: Literal["run", "eval"]
    config: RunConfig
    tasks: tuple[Task, ...]
    at_a_time: int = 1
    """Issues that are worked on at once."""
    faults: tuple[str, ...] = ()
    """Rows that could not be used, and why."""
    delivery: Delivery = Delivery()
    total: Budget = Budget()
    """What all issues may cost together: once it is spent, none is started."""
    keep_free: int | None = None
    """Bytes that stay free on the disk of the container service, by removing images of finished issues."""
    started: Started | None = None
    """The server that runs as long as the run does; on resume it is started again at the same address."""


@dataclass(frozen=True, slots=True)
class Brief:
    """What is kept in memory of a solution; the whole of it is in the record."""

    issue: str
    patch: str | None
    outcome: Literal["proposed", "abstained"]
    usage: Usage

    @classmethod
    def of(cls, solution: Solution) -> "Brief":
        """Return what is kept of a solution."""
        return cls(solution.issue, solution.patch, solution.outcome, solution.usage)


async def save_job(store: Store, folder: Path, job: Job) -> None:
    """Keep what the run is for, so that `resume` needs only its name.

    Raises:
        UsageError: the folder holds a run for other issues, which would be lost.
        StoreError: the record can't be written.
    """
    kept = store.get(_JOB)
    if kept is not None:
        here = {(task.issue.id, task.issue.repo) for task in load_job(store).tasks}
        if lost := sorted(here - {(task.issue.id, task.issue.repo) for task in job.tasks}):
            more = f" and {len(lost) - 1} more" if len(lost) > 1 else ""
            raise UsageError(
                f"{folder} holds a run for {lost[0][0]} of {lost[0][1]}{more}, which isn't asked for now and "
                "would be lost: choose another --name, or delete the folder."
            )
    await store.put(_JOB, job.model_dump(mode="json"))


def load_job(store: Readable) -> Job:
    """Return what a run folder was made for.

    Raises:
        UsageError: there is no run in it, or one of another version.
    """
    kept = store.get(_JOB)
    if kept is None:
        raise UsageError("there is no run to go on with in this folder: it was stopped before it began.")
    try:
        return Job.model_validate(kept)
    except ValidationError as error:
        raise UsageError(
            f"this folder's run can't be gone on with, since it is of another version:\n{explain(error)}"
        ) from error


def failure_key(issue: str) -> Key:
    """Return where it is recorded why an issue failed the last time; a solution of it counts more."""
    return Key(f"{issue}/failure", "1")


def finished(store: Readable, job: Job) -> dict[str, Brief]:
    """Return what a run has solved already, by issue.

    Raises:
        StoreError: the record is damaged, or of another version.
    """
    found = (recorded(store, _key_of(store, one, job.config), Solution) for one in job.tasks)
    return {one.issue: Brief.of(one) for one in found if one is not None}


def _key_of(store: Readable, task: Task, config: RunConfig) -> Key:
    """Return the step of a task's solution; its base may be given as a branch, or be cut short."""
    commit = recorded(store, base_key(task), str) or task.issue.base_commit
    issue = task.issue.model_copy(update={"base_commit": commit})
    return solution_key(issue, task.options, config, task.given)


def base_key(task: Task) -> Key:
    """Return where it is recorded what a task's base stands for, where it is no full hash."""
    return Key(f"{task.issue.id}/base", digest(task.issue.base_commit))


def come_to(store: Readable, task: Task, config: RunConfig) -> Solution | None:
    """Return what a task has come to; None where it has to nothing yet.

    A solution in which faults of the infrastructure had a part counts here, though a resumed run tries again.

    Raises:
        StoreError: the record is damaged, or of another version.
    """
    key = _key_of(store, task, config)
    return recorded(store, key, Solution) or recorded(store, provisional_key(key), Solution)
