"""A verifier that is a program on this host."""

import os
import re
import signal
from contextlib import suppress
from subprocess import PIPE

import anyio
from anyio.abc import ByteReceiveStream, Process

from swe_scale.config import ScoreCommand
from swe_scale.errors import ScoreError
from swe_scale.records import Scores
from swe_scale.scoring.document import LARGEST_ANSWER, Question, quoted, read_scores

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|PRIVATE|AUTH|COOKIE", re.IGNORECASE)
_SHORTEST_SECRET = 8
_GRACE = 5.0
"""Seconds that its words may still take to arrive once it has ended."""
_WORDS = 64 * 1024
"""Bytes of what it says beside its answer that are kept, of the end."""


class Command:
    """Starts the program once per issue, with its own copy of the environment that holds no secrets."""

    def __init__(self, config: ScoreCommand, slots: anyio.CapacityLimiter) -> None:
        self._config = config
        self._slots = slots

    async def score(self, question: Question) -> Scores:
        """Return the scores of the candidates.

        Raises:
            ScoreError: it can't be started, failed, took too long, or its answer can't be used.
        """
        document = question.written()
        async with self._slots:
            answer = await self._answer(document)
        return read_scores(answer, question, f"command {self._config.command[0]}")

    async def _answer(self, document: bytes) -> bytes:
        config = self._config
        try:
            process = await anyio.open_process(
                config.command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._variables(),
                start_new_session=True,
            )  # fmt: skip
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ScoreError(f"{config.command[0]} can't be started: {reason}") from error
        answer, words = _Kept(LARGEST_ANSWER + 1), _Kept(_WORDS, ends=True)
        with anyio.move_on_after(config.seconds) as deadline:
            await _talk(process, document, answer, words)
        if deadline.cancelled_caught:
            raise ScoreError(f"it gave no answer within {config.seconds:g} s and was stopped")
        if process.returncode:
            raise ScoreError(f"it {_fate(process.returncode)}{self._last(words)}")
        return bytes(answer.data)

    def _variables(self) -> dict[str, str]:
        """Return this process's variables but for those that sound like secrets and weren't asked for."""
        return {
            name: value
            for name, value in os.environ.items()
            if name in self._config.variables or not _SECRET.search(name)
        }

    def _last(self, words: "_Kept") -> str:
        """Return the last line that it said, without the secrets that it was given."""
        text = bytes(words.data).decode("utf-8", "replace")
        for name in self._config.variables:
            value = os.environ.get(name, "")
            text = text.replace(value, f"[{name}]") if len(value) >= _SHORTEST_SECRET else text
        lines = [line for line in text.splitlines() if line.strip()]
        return f": {quoted(lines[-1].encode())}" if lines else ", without a word"


class _Kept:
    """The first bytes of a stream, or its last ones."""

    def __init__(self, most: int, *, ends: bool = False) -> None:
        self.data = bytearray()
        self._most = most
        self._ends = ends

    def add(self, part: bytes) -> None:
        self.data += part
        extra = len(self.data) - self._most
        if extra > 0:
            del self.data[slice(None, extra) if self._ends else slice(-extra, None)]


async def _talk(process: Process, document: bytes, answer: _Kept, words: _Kept) -> None:
    """Ask and listen until the program ends; whatever it has started ends with it."""
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(_feed, process, document)
            group.start_soon(_collect, process.stdout, answer)
            group.start_soon(_collect, process.stderr, words)
            await process.wait()
            _kill(process)
            # Only what left the program's session can still hold the streams open.
            group.cancel_scope.deadline = anyio.current_time() + _GRACE
    finally:
        with anyio.CancelScope(shield=True):
            _kill(process)
            await process.aclose()


def _kill(process: Process) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


async def _feed(process: Process, document: bytes) -> None:
    assert process.stdin is not None
    # A program need not read what it is given.
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
        await process.stdin.send(document)
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, OSError):
        await process.stdin.aclose()


async def _collect(stream: ByteReceiveStream, kept: _Kept) -> None:
    async for part in stream:
        kept.add(part)


def _fate(code: int) -> str:
    return f"was ended by signal {-code}" if code < 0 else f"ended with status {code}"
