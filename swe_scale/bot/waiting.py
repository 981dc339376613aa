"""Waits for the checks that a project's own CI runs on what was delivered, and tells of those that fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import anyio

from swe_scale.github.address import RepositoryAddress
from swe_scale.github.door import Door
from swe_scale.github.forms import CheckRun
from swe_scale.github.pulls import checks_of
from swe_scale.quoting import plain_line, visible
from swe_scale.retry import pause

_BETWEEN = 20.0
"""Seconds between two looks."""
_FIRST = 120.0
"""Seconds after which a commit that no check has begun on has none."""
_RED = ("failure", "timed_out", "startup_failure", "action_required")
_MOST = 5
_LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Checked:
    """What the checks of a commit have come to."""

    red: tuple[CheckRun, ...] = ()
    green: int = 0
    unfinished: int = 0
    """Those that were still running when the time was over."""

    @property
    def told(self) -> str:
        """All of it in a line."""
        if not (self.red or self.green or self.unfinished):
            return "no check ran on it"
        names = ", ".join(plain_line(one.name, 60) for one in self.red[:_MOST])
        parts = (
            f"{len(self.red)} failed ({names})" if self.red else "",
            f"{self.green} passed" if self.green else "",
            f"{self.unfinished} didn't end in time" if self.unfinished else "",
        )
        return f"checks: {', '.join(part for part in parts if part)}"

    @property
    def observations(self) -> tuple[str, ...]:
        """What is told to models of the checks that failed; all of it was written by strangers."""
        return tuple(_observation(one) for one in self.red[:_MOST])


def _observation(run: CheckRun) -> str:
    said = "\n".join(text for text in (run.output.title, run.output.summary, run.output.text) if text)
    about = (
        f"[{plain_line(run.name, 100)}, a check of the project's CI, failed on the patch that was proposed]"
    )
    return f"{about}\n{visible(said)[:_LONGEST]}"


async def wait_for_checks(
    door: Door, address: RepositoryAddress, commit: str, seconds: float, tell: Callable[[str], None]
) -> Checked:
    """Return what the checks of a commit have come to when all have ended, or the time is over.

    Args:
        door: to the service.
        address: of the repository that the pull request is made to.
        commit: its head.
        seconds: to wait at most.
        tell: is told what is being waited for.

    Raises:
        GitHubError: the checks can't be read.
    """
    began = anyio.current_time()
    last = ""
    while True:
        found = _summed(await checks_of(door, address, commit))
        waited = anyio.current_time() - began
        begun = bool(found.red or found.green or found.unfinished)
        if (begun and not found.unfinished) or waited >= (seconds if begun else min(seconds, _FIRST)):
            return found
        if found.told != last:
            last = found.told
            tell(f"waiting for the checks of the pull request ({found.unfinished} running)")
        await pause(min(_BETWEEN, max(0.0, seconds - waited)))


def _summed(runs: Sequence[CheckRun]) -> Checked:
    ended = [one for one in runs if one.status == "completed"]
    red = tuple(one for one in ended if one.conclusion in _RED)
    return Checked(red, len(ended) - len(red), len(runs) - len(ended))
