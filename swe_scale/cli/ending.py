"""Where an answer goes at the end of a command: a work tree, a file, GitHub, and the screen."""

from dataclasses import dataclass
from pathlib import Path

from swe_scale import batch
from swe_scale.bot.deliver import Delivered
from swe_scale.bot.waiting import Checked
from swe_scale.cli.bringing import bring, checked, hand_over
from swe_scale.cli.screen import ABSTAINED, Screen
from swe_scale.config import GitHubConfig
from swe_scale.errors import GitHubError, RepositoryError, StoreError, UsageError
from swe_scale.jobs import STDOUT, Delivery
from swe_scale.records import Issue, Solution
from swe_scale.repo import Repository

DELIVERED = "delivered.txt"
"""File of a run's folder that is there once its answer is where it should be."""


@dataclass(frozen=True, slots=True)
class End:
    """What an answer is delivered to."""

    repository: Repository
    delivery: Delivery
    issue: Issue
    folder: Path
    """Of the run."""
    github: GitHubConfig


@dataclass(frozen=True, slots=True)
class Brought:
    """What came of an answer at GitHub."""

    delivered: Delivered | None = None
    checked: Checked | None = None

    @property
    def observations(self) -> tuple[str, ...]:
        """What is told to models of the checks that failed."""
        return self.checked.observations if self.checked else ()

    def document(self) -> dict[str, object]:
        """Return it as fields of a JSON document."""
        if self.delivered is None:
            return {}
        found = self.delivered
        told = {"kind": found.kind, "url": found.url, "reason": found.reason}
        return {"delivery": told | ({"checks": self.checked.told} if self.checked else {})}


async def bring_home(solution: Solution, end: End, screen: Screen) -> Brought:
    """Hand a solution over, deliver it to GitHub and wait for its checks, as far as that is wished.

    Raises:
        GitHubError, RepositoryError: it can't be delivered.
    """
    if end.delivery.at is None and end.delivery.handover is None:
        return Brought()
    handover = hand_over(solution, end.issue, end.folder, end.delivery)
    if end.delivery.at is None:
        return Brought()
    try:
        delivered = await bring(handover, end.delivery, end.github, screen.say)
    except (GitHubError, RepositoryError):
        await _deliver(solution, end.repository, end.delivery, screen)
        screen.say(f"the answer is kept; `swe-scale resume {end.folder.name}` delivers it")
        raise
    batch.replace_text(end.folder / DELIVERED, f"{delivered.kind} {delivered.url}\n")
    screen.say(" ".join(f"{delivered.kind}: {delivered.url or delivered.reason}".split()))
    found = await checked(delivered, end.delivery, end.github, screen.say)
    if found is not None:
        screen.say(found.told)
    return Brought(delivered, found)


async def answer(solution: Solution, end: End, screen: Screen, brought: Brought | None = None) -> int:
    """Deliver a solution and print it; return the exit code.

    Args:
        solution: the answer.
        end: what it is delivered to.
        screen: where it is printed.
        brought: what came of it at GitHub, if it is there already.

    Raises:
        PatchError, StoreError, GitHubError, RepositoryError: the patch can't be delivered.
    """
    found = await bring_home(solution, end, screen) if brought is None else brought
    await _deliver(solution, end.repository, end.delivery, screen)
    code = screen.answer_with(solution, found.document())
    missed = found.delivered is not None and end.delivery.pull and found.delivered.kind != "pull request"
    return ABSTAINED if missed else code


async def _deliver(solution: Solution, repository: Repository, delivery: Delivery, screen: Screen) -> None:
    patch = solution.delivered
    if patch is None:
        return
    if delivery.out == STDOUT:
        screen.text(patch)
    elif delivery.out is not None:
        _write_out(delivery.out, patch)
        screen.say(f"patch written to {delivery.out}")
    if delivery.apply:
        await check_deliverable(repository, delivery)
        await repository.apply_to_worktree(patch)
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
