"""A container for each copy, spoken to through the service: the way that needs nothing but a shell inside."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from docker.types import Ulimit

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Environment, Execution, File
from swe_scale.sandbox.archive import Listing, archive_difference, list_archive, read_member
from swe_scale.sandbox.box import Size
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.preparation import SCRATCH

_IDLE = 4
"""Processes of our own in a container: the idle one, its sleep, a command's shell."""
_PERIOD = 100_000


def bounds(size: Size, own: int) -> dict[str, Any]:
    """Return the options of a container that may do nothing but compute.

    Args:
        size: what it is held to.
        own: processes that are ours, and not of that number.
    """
    return {
        "network_mode": "none",
        "cap_drop": ["ALL"],
        "mem_limit": size.memory,
        "memswap_limit": size.memory,
        "pids_limit": size.pids + own,
        "cpu_period": _PERIOD,
        "cpu_quota": max(1000, int(size.cpus * _PERIOD)),
    }


class ContainerSandbox:
    """A container without network."""

    scratch = SCRATCH
    address = ""

    def __init__(self, cell: Cell, template: "ContainerTemplate") -> None:
        self.workdir = template.environment.workdir
        self._cell = cell
        self._template = template

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree; only `seconds` and `output` are held here, see `fork`."""
        return await self._cell.run(command, limits, stdin=stdin, variables=variables)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a plain file; None where there is none, or one of over 64 MiB."""
        file = await self._entry(path) if path.startswith("/") else None
        return file.data[:limit] if file else None

    async def _entry(self, path: str) -> File | None:
        return await self._cell.engine.archive(self._cell.container, path, read_member)

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder; whatever else is in the way is replaced. See the protocol."""
        await self._cell.put(folder, files)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the image's; see the protocol."""
        before = await self._template.listing()
        compare = partial(archive_difference, before=before, workdir=self.workdir)
        found = await self._cell.engine.archive(self._cell.container, self.workdir, compare)
        if found is None:
            return dict.fromkeys(before)
        linked = {path: await self._entry(f"{self.workdir}/{path}") for path in found.linked}
        return {**found.changes, **linked}


class ContainerTemplate:
    """An image that holds the prepared tree."""

    def __init__(self, engine: Engine, environment: Environment, variables: Mapping[str, str]) -> None:
        self.environment = environment
        self._engine = engine
        self._variables = variables
        self._listing: Listing | None = None
        self._reading = anyio.Lock()

    async def listing(self) -> Listing:
        """Return what the prepared work tree holds; read once."""
        async with self._reading:
            if self._listing is None:
                async with self._engine.container(str(self.environment.image), started=False) as container:
                    place = self.environment.workdir
                    self._listing = await self._engine.archive(container, place, list_archive) or {}
            return self._listing

    @asynccontextmanager
    async def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AsyncIterator[ContainerSandbox]:
        """Return a container of its own; memory, CPUs, processes and file size are bound for all of it."""
        if socket is not None:
            raise SandboxError("a server can be reached alone only where our first process runs inside")
        bound = limits or Limits()
        options = bounds(Size.of(bound), _IDLE) | {
            "security_opt": ["no-new-privileges"],
            "ulimits": [
                Ulimit(name="fsize", soft=bound.disk, hard=bound.disk),
                Ulimit(name="core", soft=0, hard=0),
            ],
        }
        user = self.environment.user
        async with self._engine.container(str(self.environment.image), user=user, **options) as container:
            place = self.environment.workdir
            yield ContainerSandbox(Cell(self._engine, container, place, self._variables, user), self)
