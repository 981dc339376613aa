"""Servers that somebody has started on this host, such as a CI job's services: cells reach them in turns."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import anyio
from anyio.abc import ByteStream, SocketStream

from swe_scale.config import Limits
from swe_scale.errors import EnvironmentFailure
from swe_scale.records import Changes, Execution, HostServer
from swe_scale.sandbox import Sandbox, Template
from swe_scale.sandbox.box import HELPER
from swe_scale.sandbox.network import open_server
from swe_scale.sandbox.services.ports import taking

_INSIDE = "/run/swe-scale-servers"
_CHUNK = 1 << 16
_PATIENCE = 10.0
"""Seconds in which one must take a connection."""


@dataclass(frozen=True, slots=True)
class Forward:
    """Carries connections to a server of this host, and to no other."""

    to: HostServer

    async def serve(self, client: SocketStream) -> None:
        """Carry one connection both ways until both sides have said all."""
        with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
            async with client, await _connected(self.to) as server, anyio.create_task_group() as group:
                group.start_soon(_carry, client, server)
                await _carry(server, client)


async def _connected(to: HostServer) -> ByteStream:
    """Return a connection to a server.

    Raises:
        OSError: it takes none, or not in time.
    """
    with anyio.fail_after(_PATIENCE):
        return await anyio.connect_tcp(to.host, to.port)


async def _carry(source: ByteStream, target: ByteStream) -> None:
    with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream):
        while True:
            await target.send(await source.receive(_CHUNK))
    with suppress(OSError, anyio.BrokenResourceError, anyio.ClosedResourceError):
        await target.send_eof()


@dataclass(frozen=True, slots=True)
class Reached:
    """Servers as one cell reaches them, each by a socket of its own."""

    sockets: Mapping[int, Path]

    @property
    def shown(self) -> Mapping[str, Path]:
        """Path inside to the folder that has a socket."""
        return {f"{_INSIDE}/{port}": socket.parent for port, socket in self.sockets.items()}

    @property
    def before(self) -> tuple[str, ...]:
        """What comes before a command that is to find each at its port."""
        return (HELPER, "join", *self._ways(), "--")

    def _ways(self) -> Iterator[str]:
        for port, socket in self.sockets.items():
            yield from (str(port), f"{_INSIDE}/{port}/{socket.name}")


@dataclass(frozen=True, slots=True)
class Standing:
    """The same servers for every cell; the connections of one end with it, whatever a server does."""

    servers: tuple[HostServer, ...]

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Reached]:
        """Return ways to them that nobody else takes; nothing is started for a cell.

        Raises:
            SandboxError: a socket can't be made.
        """
        async with AsyncExitStack() as held:
            ways = [await held.enter_async_context(open_server(Forward(one))) for one in self.servers]
            yield Reached({one.port: way for one, way in zip(self.servers, ways, strict=True)})


async def require_up(servers: Sequence[HostServer]) -> None:
    """Refuse servers of which one takes no connection.

    Raises:
        EnvironmentFailure: names it.
    """
    for one in servers:
        try:
            await (await _connected(one)).aclose()
        except OSError as error:
            raise EnvironmentFailure(
                f"nothing takes a connection at {one}: start that server first, or leave out --service"
            ) from error


@dataclass(slots=True)
class TurnSandbox:
    """A sandbox whose commands have the servers to themselves while they run: they are everybody's."""

    inner: Sandbox
    servers: tuple[HostServer, ...]
    workdir: str = field(init=False)
    scratch: str = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        """Take over where things are."""
        self.workdir, self.scratch = self.inner.workdir, self.inner.scratch
        self.address = self.inner.address

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command once no other one has the servers; see the protocol."""
        async with taking(one.port for one in self.servers):
            return await self.inner.run(command, limits=limits, stdin=stdin, variables=variables)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a file; see the protocol."""
        return await self.inner.read(path, limit)

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder; see the protocol."""
        await self.inner.write(folder, files)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the template's; see the protocol."""
        return await self.inner.snapshot()


@dataclass(frozen=True, slots=True)
class TurnTemplate:
    """A prepared tree in whose copies commands take turns."""

    inner: Template
    servers: tuple[HostServer, ...]

    @asynccontextmanager
    async def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AsyncIterator[TurnSandbox]:
        """Return a copy of its own; see the protocol."""
        async with self.inner.fork(limits, socket) as sandbox:
            yield TurnSandbox(sandbox, self.servers)


def in_turns(template: Template, servers: tuple[HostServer, ...]) -> Template:
    """Return a template in whose copies no two commands have the servers at a time, over all processes."""
    return TurnTemplate(template, servers) if servers else template
