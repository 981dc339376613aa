"""Reads what the script around a command noted: when servers came up, what it took, what failed."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from swe_scale.config import Limits
from swe_scale.events import printable
from swe_scale.records import Execution, Service

_SHOWN = 2000
"""Characters of the end of a server's output that are shown."""


def _lines(text: str) -> Iterator[tuple[float, str, str]]:
    for line in text.splitlines():
        time, _, rest = line.partition(" ")
        word, _, said = rest.partition(" ")
        if time.replace(".", "", 1).isdecimal():
            yield float(time), word, said


@dataclass(frozen=True, slots=True)
class Notes:
    """The script's own words. Code under test may write others: they concern its own cell alone."""

    times: dict[str, float] = field(default_factory=dict)
    """Seconds of the machine's clock by what was noted then: `starting`, `up`, `late`, `ended`, `failed`."""
    failed: str = ""
    """Name of the server that didn't come up."""
    reason: str = ""
    """What it did instead."""

    @classmethod
    def of(cls, content: bytes | None) -> "Notes":
        """Return the notes that a file holds; None is a file that isn't there."""
        times: dict[str, float] = {}
        failed = reason = ""
        for time, word, said in _lines((content or b"").decode("utf-8", "replace")):
            times.setdefault(word, time)
            if word == "starting" and "up" not in times:
                failed, reason = said, "was killed while it started"
            elif word == "expired":
                reason = "isn't ready in time"
            elif word == "failed":
                failed, _, reason = said.partition(" ")
            elif word in ("up", "ended"):
                failed = ""
        return cls(times, failed, reason)

    def told(self, ran: Execution, limits: Limits) -> Execution:
        """Return the execution as the command's own: without the start and end of servers.

        Args:
            ran: of the whole.
            limits: the command's.
        """
        if "late" in self.times or ran.timed_out:
            return ran.model_copy(
                update={"exit_code": None, "timed_out": True, "seconds": limits.seconds, "limit": "wall"}
            )
        begun, ended = self.times.get("up"), self.times.get("ended")
        own = ended - begun if begun is not None and ended is not None else ran.seconds
        return ran.model_copy(update={"seconds": max(0.0, min(own, ran.seconds))})


def failure(service: Service, reason: str, said: str) -> str:
    """Return what a person reads of a server that didn't come up.

    Args:
        service: which.
        reason: what it did instead.
        said: its output.
    """
    ready = f"`{service.ready}` exits with 0" if service.ready else f"port {service.port} is open"
    end = printable(said.strip()[-_SHOWN:]) or "(nothing)"
    what = f"the service {service.name} {reason[:200]}; it is ready when {ready}"
    return f"{what}. The end of its output:\n{end}"
