"""Opens the way out for commands in a sandbox without network, and says what a command needs to take it."""

import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from socket import create_server

import anyio
import anyio.to_thread

from swe_scale.config import Network
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.sandbox.network.allowed import Allowed, further_host
from swe_scale.sandbox.network.clients import configured
from swe_scale.sandbox.network.door import Server, serving
from swe_scale.sandbox.network.proxy import Proxy
from swe_scale.sandbox.network.upstream import Ways, host_proxies
from swe_scale.sandbox.network.visits import Visits
from swe_scale.sandbox.packages import host_settings

INSIDE = "/run/swe-scale-network"
"""Folder inside in which a way's files appear."""
PORT = 31313
"""At which commands inside find the server that they are led to: below those that the kernel gives away."""
_SOCKET = "socket"
_RELAY = Path(__file__).with_name("relay.py")
_OF_SET_UP = 128
"""Connections at a time; package clients use up to some fifty."""
_OF_AN_AGENT = 32
"""Likewise; many agents run at a time, and each asks one model."""
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True, slots=True)
class Way:
    """What a command inside needs to reach the proxy."""

    shown: Mapping[str, Path] = field(default_factory=dict)
    """Path inside to a folder of this host, to be shown read-only. Empty: there is no way out."""
    variables: Mapping[str, str] = field(default_factory=dict)
    """For the command, beside those that the relay sets."""
    port: int = 0
    """At which the way begins, on the loopback inside. 0: any that is free; commands are told of it."""

    def by_python(self, interpreter: str) -> tuple[str, ...]:
        """Return what comes before the command, where there is Python 3.6 or newer inside."""
        return self._before(interpreter, "-IS", f"{INSIDE}/relay.py")

    def by_program(self, *relay: str) -> tuple[str, ...]:
        """Return what comes before the command, where a relay that was compiled from C is inside."""
        return self._before(*relay)

    def show(self, program: Path, name: str) -> None:
        """Put a program beside the socket, so that it appears in `INSIDE` even now.

        Raises:
            SandboxError: it can't be copied.
        """
        for folder in self.shown.values():
            try:
                shutil.copyfile(program, folder / name)
                (folder / name).chmod(0o755)
            except OSError as error:
                raise SandboxError(f"{folder / name} can't be written: {error.strerror}") from error

    def _before(self, *relay: str) -> tuple[str, ...]:
        return (*relay, str(self.port), f"{INSIDE}/{_SOCKET}", "--") if self.shown else ()


@asynccontextmanager
async def _open_way(ways: Ways, visits: Visits) -> AsyncIterator[Way]:
    # What is on this host must be asked of the proxy: the loopback inside is another.
    outer = {entry.host for entry in ways.allowed.entries if entry.inner}
    own = ",".join(host for host in _LOOPBACK if host not in outer)
    with tempfile.TemporaryDirectory(prefix="swe-scale-") as private:
        folder = _folder(private)
        try:
            (folder / "relay.py").write_bytes(_RELAY.read_bytes())
            (folder / "relay.py").chmod(0o644)
        except OSError as error:
            raise SandboxError(f"{folder} can't be written: {error.strerror}; set TMPDIR") from error
        try:
            async with serving(folder / _SOCKET, Proxy(ways, visits), _OF_SET_UP):
                yield Way({INSIDE: folder}, {"NO_PROXY": own})
        finally:
            visits.report()


@asynccontextmanager
async def open_way(network: Network, events: Events) -> AsyncIterator[Way]:
    """Return the way by which set-up reaches the registries of this machine's package clients.

    Where set-up has no network, or the whole, it is the empty one.

    Args:
        network: which hosts may be reached besides.
        events: told of every host that was asked for.

    Raises:
        UsageError: a further host is malformed.
        EnvironmentFailure: this host's own proxy can't be used.
        SandboxError: the proxy can't be started.
    """
    if network.mode != "setup-only":
        yield Way()
        return
    further = tuple(map(further_host, network.setup_hosts))
    settings = host_settings()
    known = await anyio.to_thread.run_sync(configured, settings)
    ways = Ways(Allowed((*known.entries, *further)), host_proxies(settings))
    async with _open_way(ways, Visits(events, "set-up")) as way:
        yield replace(way, variables={**known.variables, **way.variables})


@asynccontextmanager
async def open_server(server: Server) -> AsyncIterator[Path]:
    """Return the socket at which a server of this process answers those who are led there.

    Raises:
        SandboxError: it can't be made.
    """
    with tempfile.TemporaryDirectory(prefix="swe-scale-") as private:
        folder = _folder(private)
        async with serving(folder / _SOCKET, server, _OF_AN_AGENT):
            yield folder / _SOCKET


def way_to(socket: Path) -> Way:
    """Return the way by which a command inside reaches a server's socket at `PORT`, and nothing else."""
    return Way({INSIDE: socket.parent}, port=PORT)


def here(socket: Path) -> tuple[int, tuple[str, ...]]:
    """Return a free port of this host, and what comes before a command that is to find a socket there.

    For commands that aren't apart from this host.
    """
    with closing(create_server((_LOOPBACK[1], 0))) as free:
        port = int(free.getsockname()[1])
    return port, (sys.executable, "-IS", str(_RELAY), str(port), str(socket), "--")


def _folder(private: str) -> Path:
    """Make a folder that may be shown inside, in one that keeps other users of this host away."""
    folder = Path(private) / "network"
    try:
        folder.mkdir()
        # Whoever runs inside may be anyone.
        folder.chmod(0o755)
    except OSError as error:
        raise SandboxError(f"{folder} can't be made: {error.strerror}; set TMPDIR") from error
    return folder
