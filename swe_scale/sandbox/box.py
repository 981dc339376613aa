"""A place apart with our own first process, which makes a fresh cell in it within milliseconds."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, cast

import anyio
from anyio.abc import ByteStream

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Execution, Limit
from swe_scale.sandbox import wire
from swe_scale.sandbox.process import Output
from swe_scale.sandbox.tree import parts_of, too_large

HELPER = "/.swe-scale/box"
"""Where the first process's program is inside."""
ROOM = "/.swe-scale/cell"
"""An empty folder inside, which the program needs."""
_PATIENCE = 60.0
"""Seconds for an answer, beside those of a command."""
_LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)
_NO_CODE = 1000
_MODES = {"100644": 0o100644, "100755": 0o100755, "120000": 0o120000}


class Size(NamedTuple):
    """What the kernel holds a whole box to."""

    memory: int
    cpus: float
    pids: int
    disk: int

    @classmethod
    def of(cls, limits: Limits) -> "Size":
        """Return the part of the limits that is a box's."""
        return cls(limits.memory, limits.cpus, limits.pids, limits.disk)

    @property
    def room(self) -> int:
        """Bytes that a cell may write: files take memory that no killed process gives back."""
        return min(self.disk, self.memory * 3 // 4)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a cell is to look like."""

    overlaid: tuple[str, ...]
    """Folders whose prepared content it sees and may change."""
    empty: tuple[str, ...] = ()
    """Folders that it finds empty; the first tells how full its file system is."""
    prepared: tuple[str, ...] = ()
    """Where that content is, for each of them. Empty: in these folders themselves."""
    plain: bool = False
    """Whether the content is copied, since no overlay can hide it; a box serves one cell then."""


class Entry(NamedTuple):
    """A file or symbolic link of a listing; times are nanoseconds by the file system's clock."""

    mode: int
    size: int
    modified: int
    changed: int
    target: bytes


@dataclass(slots=True)
class Box:
    """A box, which serves one cell at a time.

    Raises, in every method:
        SandboxError: the box is lost or refuses; says nothing about the cell's code.
    """

    stream: ByteStream
    close: Callable[[], Awaitable[None]]
    """Ends the box with all that is in it; may be called again."""
    why: Callable[[], str] = field(default=lambda: "")
    """What is known of why it ended."""
    fit: bool = True
    """Whether another cell may have it: nothing failed and no limit was hit."""
    since: int | None = None
    """The clock of a cell that was begun and not ended."""
    lost: bool = False
    """Whether a request was cut off, so that something may still run and no other can be made."""
    _held: bytearray = field(default_factory=bytearray)
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

    async def begin(self, plan: Plan, size: int) -> int:
        """Make a fresh cell in place of the last one; return its clock in nanoseconds.

        Args:
            plan: its folders.
            size: bytes that it may write, all files together.
        """
        answer = await self._call(
            b"b",
            wire.number(plan.plain),
            wire.number(size),
            wire.texts(plan.overlaid),
            wire.texts(plan.empty),
            wire.texts(plan.prepared),
        )
        self.since = answer.number()
        return self.since

    async def run(
        self,
        command: Sequence[str],
        limits: Limits,
        *,
        folder: str,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command to its end or its deadline; nothing of it is left running then."""
        answer = await self._call(
            b"x",
            wire.number(max(1, round(limits.seconds * 1000))),
            wire.number(limits.output),
            wire.number(limits.disk),
            wire.data(folder),
            wire.texts(command),
            wire.texts(f"{name}={value}" for name, value in (variables or {}).items()),
            wire.data(stdin),
            seconds=limits.seconds,
        )
        code, spent, limit = answer.number(), answer.number(), answer.text()
        output = Output.of(answer.data(), answer.number(), answer.data())
        self.fit = self.fit and not limit
        return Execution(
            exit_code=None if code == _NO_CODE else code,
            output=output.text,
            timed_out=limit == "wall",
            seconds=spent / 1e6,
            truncated=output.truncated,
            limit=cast(Limit, limit) if limit else "output" if output.truncated else None,
        )

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below an absolute folder, deletions first; what is in the way is replaced."""
        if not folder.startswith("/"):
            raise SandboxError(f"{folder!r} is not an absolute folder")
        parts = []
        for path, file in sorted(files.items(), key=lambda item: item[1] is not None):
            name, mode = "/".join(parts_of(path)), _MODES[file.mode] if file else 0
            parts.append(wire.data(name) + wire.number(mode) + wire.data(file.data if file else b""))
        await self._call(b"w", wire.data(folder), wire.number(len(parts)), *parts)

    async def read(self, path: str, limit: int, *, prepared: bool = False) -> bytes | None:
        """Return up to `limit` bytes of a plain file, of the cell or as prepared; None: there is none."""
        answer = await self._call(b"r", wire.number(prepared), wire.number(limit), wire.data(path))
        return answer.data() if answer.number() else None

    async def listed(
        self, folder: str, most: int, skipped: tuple[tuple[str, ...], tuple[str, ...]], *, prepared: bool
    ) -> dict[str, Entry]:
        """Return the files and links below a folder, by path.

        Args:
            folder: absolute; of the cell, or as prepared.
            most: entries, after which it is refused.
            skipped: names, and ends of names, that are left out.
            prepared: whether the cell's own changes are left out of sight.

        Raises:
            TooLarge: there are more entries.
        """
        answer = await self._call(
            b"l",
            wire.number(prepared),
            wire.data(folder),
            wire.number(most),
            wire.texts(skipped[0]),
            wire.texts(skipped[1]),
        )
        if not answer.number():
            raise too_large(folder)
        found = {}
        while answer.more:
            path = answer.text()
            found[path] = Entry(
                answer.number(), answer.number(), answer.number(), answer.number(), answer.data()
            )
        return found

    async def end(self) -> None:
        """Let go of the cell and all that it wrote."""
        self.since = None
        await self._call(b"e")

    async def _call(self, *parts: bytes, seconds: float = 0.0) -> wire.Answer:
        request = wire.frame(b"".join(parts))
        async with self._turn:
            if self.lost:
                raise SandboxError(f"the sandbox is gone{self._reason()}")
            self.lost = True
            try:
                with anyio.fail_after(seconds + _PATIENCE):
                    await self.stream.send(request)
                    size = int.from_bytes(await self._received(4), "little")
                    if size > wire.MOST:
                        raise SandboxError("the sandbox sent an answer that is too long")
                    content = await self._received(size)
            except TimeoutError as error:
                raise SandboxError("the sandbox doesn't answer") from error
            except (
                anyio.BrokenResourceError,
                anyio.ClosedResourceError,
                anyio.EndOfStream,
                OSError,
            ) as error:
                raise SandboxError(f"the sandbox is gone{self._reason()}") from error
            # Otherwise the next answer would be that of another request.
            self.lost = False
        answer = wire.Answer(content[1:])
        if content[:1] != b"\0":
            self.fit = False
            raise SandboxError(f"the sandbox failed: {answer.text()}")
        return answer

    def _reason(self) -> str:
        said = self.why()
        return f": {said}" if said else ""

    async def _received(self, size: int) -> bytes:
        while len(self._held) < size:
            self._held += await self.stream.receive()
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken
