"""Runs one host process to its end or its deadline, and keeps the head and tail of what it says."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, STDOUT

import anyio
from anyio.abc import Process

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Execution

GRACE = 5.0
"""Seconds that output may still take to arrive once everything is killed."""


class Output:
    """The first and last bytes of a stream, together at most `limit`; what lies between is counted."""

    def __init__(self, limit: int) -> None:
        self._most = (limit - limit // 2, limit // 2)
        self._head = bytearray()
        self._tail = bytearray()
        self._cut = 0

    @classmethod
    def of(cls, head: bytes, cut: int, tail: bytes) -> "Output":
        """Return a stream of which somebody else kept head and tail."""
        output = cls(2 * max(len(head), len(tail)))
        output._head, output._tail, output._cut = bytearray(head), bytearray(tail), cut
        return output

    def add(self, chunk: bytes) -> None:
        """Take the next bytes."""
        room = self._most[0] - len(self._head)
        self._head += chunk[:room]
        self._tail += chunk[room:]
        if len(self._tail) > 4 * self._most[1]:
            self._trim()

    def _trim(self) -> None:
        extra = max(0, len(self._tail) - self._most[1])
        del self._tail[:extra]
        self._cut += extra

    @property
    def truncated(self) -> int:
        """Bytes left out of the middle."""
        self._trim()
        return self._cut

    @property
    def text(self) -> str:
        """Head and tail, with a line between them that says how much is left out, if anything is."""
        if not self.truncated:
            return (self._head + self._tail).decode("utf-8", "replace")
        head, tail = (part.decode("utf-8", "replace") for part in (self._head, self._tail))
        return f"{head}\n[… {self._cut} bytes left out …]\n{tail}"


@dataclass(frozen=True, slots=True)
class Command:
    """What is started: nothing of this process's own environment is passed on."""

    arguments: tuple[str, ...]
    folder: Path
    variables: Mapping[str, str]
    stdin: bytes = field(default=b"", repr=False)


async def run_process(command: Command, limits: Limits, end: Callable[[], None]) -> Execution:
    """Run a command on the host until it ends or `limits.seconds` have passed; never longer.

    Args:
        command: what to start.
        limits: `seconds` and `output` are held here; the rest is the caller's.
        end: kills whatever else the command started; called in a thread once the command itself is dead.

    Raises:
        SandboxError: the command can't be started.
    """
    output = Output(limits.output)
    started = time.monotonic()
    async with await _start(command) as process, anyio.create_task_group() as tasks:
        tasks.start_soon(_feed, process, command.stdin)
        tasks.start_soon(_collect, process, output)
        try:
            with anyio.move_on_after(limits.seconds) as deadline:
                await process.wait()
        finally:
            with anyio.CancelScope(shield=True):
                await _end(process, end)
        # Only a process that escaped `end` can still hold the stream open.
        tasks.cancel_scope.deadline = anyio.current_time() + GRACE
    code = process.returncode
    timed_out = deadline.cancelled_caught
    return Execution(
        exit_code=None if timed_out or code is None else code if code >= 0 else 128 - code,
        output=output.text,
        timed_out=timed_out,
        seconds=time.monotonic() - started,
        truncated=output.truncated,
        limit="wall" if timed_out else "output" if output.truncated else None,
    )


async def _start(command: Command) -> Process:
    try:
        return await anyio.open_process(
            command.arguments,
            stdin=PIPE,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=command.folder,
            env=command.variables,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise SandboxError(f"{command.arguments[0]} can't be started in the sandbox: {error}") from error


async def _end(process: Process, end: Callable[[], None]) -> None:
    if process.returncode is None:
        # Not by its own method, which takes a dead process's status from whoever waits for it.
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        await process.wait()
    await anyio.to_thread.run_sync(end)


async def _feed(process: Process, data: bytes) -> None:
    assert process.stdin is not None
    # A command need not read what it is given.
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.send(data)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await process.stdin.aclose()


async def _collect(process: Process, output: Output) -> None:
    assert process.stdout is not None
    async for chunk in process.stdout:
        output.add(chunk)
