"""Runs one server process with all that belongs to it, from its start to the end of its last child."""

import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import anyio
from anyio.abc import Process

from swe_scale.errors import ModelError
from swe_scale.events import printable
from swe_scale.models.serving.launch import Launch

__all__ = ["Server", "last_words", "running"]

_KEEPER = Path(__file__).with_name("keeper.py")
_LOG = 8 * 1024**2
"""Bytes of a log, and of the one before it."""
_LINES, _WIDTH = 20, 300
_SECRET = re.compile(r"TOKEN|KEY|SECRET|PASSWORD", re.IGNORECASE)
_SHORTEST_SECRET = 8


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started."""

    process: Process
    """Of its keeper, which ends after it."""

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left."""
        return self.process.returncode is not None

    @property
    def fate(self) -> str:
        """How it ended, in words."""
        code = self.process.returncode or 0
        return f"was ended by signal {code - 128}" if code > 128 else f"ended with status {code}"


@asynccontextmanager
async def running(launch: Launch) -> AsyncIterator[Server]:
    """Start a server; when the context ends, so does it, and all that it started.

    Raises:
        ModelError: its log can't be written, or its program isn't there.
    """
    program, log = launch.program, launch.log
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch(0o600)
    except OSError as error:
        raise ModelError(f"the server's log can't be written to {log}: {error.strerror}") from error
    keeper = (sys.executable, "-I", "-S", str(_KEEPER), str(log), str(_LOG), str(launch.grace))
    process = await anyio.open_process(
        (*keeper, program, *launch.command[1:]),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=launch.variables,
        start_new_session=True,
    )
    try:
        yield Server(process)
    finally:
        with anyio.CancelScope(shield=True):
            await _end(process, launch.grace)


async def _end(process: Process, grace: float) -> None:
    if process.stdin is not None:
        with suppress(anyio.BrokenResourceError):
            await process.stdin.aclose()
    # The keeper needs no more than the grace, unless the machine is at its limits.
    with anyio.move_on_after(grace + 30.0):
        await process.wait()
    if process.returncode is None:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
    await process.wait()


def last_words(launch: Launch) -> str:
    """Return the end of a server's log, without secrets and control characters, and where the rest is."""
    try:
        with launch.log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        text = ""
    for name, value in launch.variables.items():
        if _SECRET.search(name) and len(value) >= _SHORTEST_SECRET:
            text = text.replace(value, f"[{name}]")
    lines = [printable(line)[:_WIDTH] for line in text.splitlines() if line.strip()][-_LINES:]
    said = "\n".join(f"  {line}" for line in lines) if lines else "  (it said nothing)"
    return f"The end of its log, {launch.log}:\n{said}"
