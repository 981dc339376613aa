"""Where an answer goes at the end of a command: a work tree, a file, GitHub, and the screen."""

from dataclasses import dataclass
from pathlib import Path

from swe_scale import batch
from swe_scale.cli.bringing import bring, hand_over
from swe_scale.cli.screen import ABSTAINED, Screen
from swe_scale.config import GitHubConfig
from swe_scale.errors import StoreError, UsageError
from swe_scale.jobs import STDOUT, Delivery
from swe_scale.records import Issue, Solution
from swe_scale.repo import Repository


@dataclass(frozen=True, slots=True)
class End:
    """What an answer is delivered to."""

    repository: Repository
    delivery: Delivery
    issue: Issue
    folder: Path
    """Of the run."""
    github: GitHubConfig


async def answer(solution: Solution, end: End, screen: Screen) -> int:
    """Deliver a solution and print it; return the exit code.

    Raises:
        PatchError, StoreError, GitHubError, RepositoryError: the patch can't be delivered.
    """
    await _deliver(solution, end.repository, end.delivery, screen)
    if end.delivery.at is None and end.delivery.handover is None:
        return screen.answer_with(solution)
    handover = hand_over(solution, end.issue, end.folder, end.delivery)
    if end.delivery.at is None:
        return screen.answer_with(solution)
    delivered = await bring(handover, end.delivery, end.github, screen.say)
    told = {"kind": delivered.kind, "url": delivered.url, "reason": delivered.reason}
    code = screen.answer_with(solution, {"delivery": told})
    screen.say(" ".join(f"{delivered.kind}: {delivered.url or delivered.reason}".split()))
    return ABSTAINED if end.delivery.pull and delivered.kind != "pull request" else code


async def _deliver(solution: Solution, repository: Repository, delivery: Delivery, screen: Screen) -> None:
    if solution.patch is None:
        return
    if delivery.out == STDOUT:
        screen.text(solution.patch)
    elif delivery.out is not None:
        _write_out(delivery.out, solution.patch)
        screen.say(f"patch written to {delivery.out}")
    if delivery.apply:
        await check_deliverable(repository, delivery)
        await repository.apply_to_worktree(solution.patch)
        screen.say(f"patch applied to {repository.worktree}")


def _write_out(out: Path, patch: str) -> None:
    if not out.is_symlink() and (out.is_file() or not out.exists()):
        batch.replace_text(out, patch)
        return
    # A device, a pipe, a link: what it stands for is written to, it isn't replaced.
    try:
        out.write_text(patch, encoding="utf-8", newline="")
    except OSError as error:
        raise StoreError(f"{out} can't be written: {error.strerror}.") from error


def screen_for(delivery: Delivery, *, json: bool) -> Screen:
    """Return the screen of a command that ends in a patch.

    Raises:
        UsageError: two things are wished on stdout.
    """
    if delivery.out == STDOUT and json:
        raise UsageError("--json and --out - both want stdout; name a file for the patch.")
    return Screen.open(json, patch=delivery.out == STDOUT)


async def check_deliverable(repository: Repository, delivery: Delivery) -> None:
    """Refuse what could not be applied or written at the end.

    Raises:
        UsageError: the work tree is dirty, or there is no such place.
    """
    if delivery.apply and repository.worktree is None:
        raise UsageError("--apply needs a local work tree; use --out FILE instead.")
    if delivery.apply and not delivery.force and await repository.dirty():
        raise UsageError(
            f"--apply: {repository.worktree} has uncommitted changes; commit or stash them, or add --force."
        )
    if delivery.out not in (None, STDOUT) and not _writable(delivery.out):
        raise UsageError(f"--out {delivery.out}: name a file in a folder that exists.")


def _writable(out: Path) -> bool:
    return out.parent.is_dir() and not out.is_dir()
