"""Sandboxes whose every copy is a cell of a box, whatever kind of box that is."""

import stat
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import anyio

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import Changes, Environment, Execution, File
from swe_scale.sandbox.box import HELPER, Box, Entry, Plan, Size
from swe_scale.sandbox.network import PORT, way_to
from swe_scale.sandbox.pool import Pool, end_box
from swe_scale.sandbox.preparation import SCRATCH
from swe_scale.sandbox.tree import DERIVED, MOST_BYTES, MOST_ENTRIES, too_large

_SKIPPED = ((".git", *sorted(DERIVED)), (".pyc",))
_PREPARED_ENTRIES = 100 * MOST_ENTRIES
_SHOWN = 400
"""Characters of a reason that are shown."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What lets commands reach the one server that they may, if any."""

    address: str = ""
    before: tuple[str, ...] = ()
    """Comes before each command."""


class BoxSandbox:
    """A cell of a box."""

    scratch = SCRATCH

    def __init__(self, box: Box, since: int, template: "BoxTemplate", reach: Reach) -> None:
        self.workdir = template.environment.workdir
        self.address = reach.address
        self._before = reach.before
        self._box = box
        self._since = since
        self._template = template

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree; memory, CPUs, processes and disk are bound as of `fork`."""
        given = self._template.variables | dict(variables or {})
        whole = (*self._before, *command)
        return await self._box.run(whole, limits, folder=self.workdir, stdin=stdin, variables=given)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a plain file; no part of its path may be a link."""
        return await self._box.read(path, limit) if path.startswith("/") else None

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder; see the protocol."""
        await self._box.write(folder, files)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the prepared one; see the protocol."""
        before = await self._template.listing(self._box)
        now = await self._box.listed(self.workdir, len(before) + MOST_ENTRIES, _SKIPPED, prepared=False)
        changes: dict[str, File | None] = {path: None for path in before if path not in now}
        total = 0
        for path, entry in now.items():
            known = before.get(path)
            # The time of change can't be set back, so it tells even when the others are forged.
            if known and entry.changed < self._since and known[:3] == entry[:3]:
                continue
            total += entry.size
            if total > MOST_BYTES or len(changes) >= MOST_ENTRIES:
                raise too_large(self.workdir)
            file = await self._file(path, entry, prepared=False)
            if known is None or file != await self._file(path, known, prepared=True):
                changes[path] = file
        return changes

    async def _file(self, path: str, entry: Entry, *, prepared: bool) -> File:
        if stat.S_ISLNK(entry.mode):
            return File(mode="120000", data=entry.target)
        place = self._template.prepared if prepared else self.workdir
        data = await self._box.read(f"{place}/{path}", MOST_BYTES, prepared=prepared)
        return File(mode="100755" if entry.mode & 0o100 else "100644", data=data or b"")


class Started(Protocol):
    """Services that one cell reaches, in places of their own."""

    @property
    def shown(self) -> Mapping[str, Path | str]:
        """Path inside to the folder of this host, or the name of the volume, that is to be shown there."""
        ...

    @property
    def before(self) -> tuple[str, ...]:
        """What comes before each command."""
        ...


class Services(Protocol):
    """Starts them."""

    def lease(self) -> AbstractAsyncContextManager[Started]:
        """Return services that nobody else reaches.

        Raises:
            SandboxError: one doesn't come up.
        """
        ...


@dataclass(slots=True)
class BoxTemplate:
    """A prepared tree that boxes show to their cells."""

    environment: Environment
    pool: Pool
    plan: Plan
    settings: Mapping[str, str]
    """Environment variables of every command, but for those of the environment."""
    events: Events
    services: Services | None = None
    """Of images, or of this host."""
    _listing: Mapping[str, Entry] | None = None

    @property
    def variables(self) -> dict[str, str]:
        """Environment variables of every command."""
        return dict(self.settings) | dict(self.environment.variables)

    @property
    def prepared(self) -> str:
        """Where a box itself has the prepared work tree."""
        workdir = self.environment.workdir
        return dict(zip(self.plan.overlaid, self.plan.prepared, strict=False)).get(workdir, workdir)

    async def listing(self, box: Box) -> Mapping[str, Entry]:
        """Return what the prepared work tree holds; read once."""
        if self._listing is None:
            self._listing = await box.listed(self.prepared, _PREPARED_ENTRIES, _SKIPPED, prepared=True)
        return self._listing

    async def why_not(self) -> str | None:
        """Return what keeps cells from being made; None if one was."""
        try:
            async with self.fork():
                return None
        except SandboxError as error:
            return str(error)[:_SHOWN]

    @asynccontextmanager
    async def _box(self, size: Size, socket: Path | None) -> AsyncIterator[tuple[Box, Reach]]:
        if socket is None and self.services is None:
            async with self.pool.lease(size) as box:
                yield box, Reach()
            return
        shown: dict[str, Path | str] = {}
        reach = Reach()
        async with AsyncExitStack() as held:
            if socket is not None:
                way = way_to(socket)
                shown |= way.shown
                reach = Reach(f"http://127.0.0.1:{PORT}", way.by_program(HELPER, "relay"))
            if self.services is not None:
                started = await held.enter_async_context(self.services.lease())
                shown |= started.shown
                reach = replace(reach, before=(*reach.before, *started.before))
            box = await self.pool.make(size, shown)
            held.push_async_callback(end_box, box)
            yield box, reach

    @asynccontextmanager
    async def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AsyncIterator[BoxSandbox]:
        """Return a cell of its own; memory, CPUs, processes and disk are bound for all of it."""
        bound = limits or Limits()
        size = Size.of(bound)
        async with self._box(size, socket) as (box, reach):
            since = box.since or await box.begin(self.plan, size.room)
            yield BoxSandbox(box, since, self, reach)
            # What the cell wrote takes memory until then; a box that fails here is not used again.
            with suppress(SandboxError), anyio.CancelScope(shield=True):
                await box.end()
