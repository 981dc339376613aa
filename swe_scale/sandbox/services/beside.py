"""Sandboxes whose commands each find the environment's servers up: they run in the cell itself."""

import shlex
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from secrets import token_hex

import anyio

from swe_scale import assets
from swe_scale.config import Limits
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.records import Changes, Environment, Execution, Service
from swe_scale.sandbox import Sandbox, Secret, Template
from swe_scale.sandbox.services.notes import Notes, failure
from swe_scale.sandbox.services.ports import taking

PATIENCE = 120
"""Seconds that all servers together may take to come up."""
_STOP = 5.0
"""Seconds that they get to end, as in the script."""
_FOLDER = "services"
_OURS = ".swe-scale"
"""Folder of the work tree for what is of no candidate."""
_BROKE = 125
"""Exit code of a command that wasn't run, since a server didn't come up."""
_LOG = 1 << 20
_TRIED = Limits(seconds=30)


def _script() -> str:
    return (assets.folder("sandboxes") / "services.sh").read_text(encoding="utf-8")


def _line(service: Service) -> str:
    exports = (f"export {name}={shlex.quote(value)}\n" for name, value in service.variables.items())
    return "".join((*exports, service.command))


def _words(services: Sequence[Service]) -> Iterator[str]:
    for service in services:
        yield from (service.name, str(service.port), service.ready, _line(service))


@dataclass(slots=True)
class ServedSandbox:
    """A sandbox that starts servers before each command and stops them; their files last as it does."""

    inner: Sandbox
    services: tuple[Service, ...]
    folder: str
    """In which they run, relative to the work tree."""
    shared: bool
    """Whether its ports are this host's own, so that no two commands may have them at a time."""
    base: bool = False
    """Whether nothing in it is a candidate's, so that a service's failure is the sandbox's own."""
    workdir: str = field(init=False)
    scratch: str = field(init=False)
    address: str = field(init=False)
    _untouched: bool = True
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

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
        """Run a command beside the servers; their start and end are not counted in its seconds.

        A server that doesn't come up where something was changed before, by a patch or a command, is that
        change's failure: the command isn't run, and the execution says why with exit code 125.

        Raises:
            SandboxError: the backend failed, or a server doesn't come up where nothing was changed or in
                a sandbox of the base.
        """
        async with self._turn, self._ports():
            untouched, self._untouched = self._untouched, False
            ran, notes = await self._run(command, limits, stdin, variables)
            reason = await self._why(notes)
        if reason is None:
            return notes.told(ran, limits)
        if untouched or self.base:
            raise SandboxError(reason)
        return ran.model_copy(
            update={"exit_code": _BROKE, "output": reason, "truncated": 0, "timed_out": False, "limit": None}
        )

    async def trouble(self) -> str | None:
        """Return why a server doesn't come up; None if all do.

        Raises:
            SandboxError: the backend failed.
        """
        async with self._turn, self._ports():
            _, notes = await self._run(("true",), _TRIED, b"", None)
            return await self._why(notes)

    async def _run(
        self, command: Sequence[str], limits: Limits, stdin: bytes, variables: Mapping[str, str] | None
    ) -> tuple[Execution, Notes]:
        notes = f"{self.scratch}/{_FOLDER}/notes-{token_hex(8)}"
        place = str(PurePosixPath(self.workdir, self.folder))
        first = "command" if isinstance(stdin, Secret) else "servers"
        whole = ("sh", "-c", _script(), "sh", notes, f"{limits.seconds:f}", str(PATIENCE), place, first)
        most = limits.model_copy(update={"seconds": limits.seconds + PATIENCE + 2 * _STOP})
        ran = await self.inner.run(
            (*whole, *_words(self.services), "--", *command), limits=most, stdin=stdin, variables=variables
        )
        return ran, Notes.of(await self.inner.read(notes))

    async def _why(self, notes: Notes) -> str | None:
        service = next((one for one in self.services if one.name == notes.failed), None)
        if service is None:
            return None
        said = await self.inner.read(f"{self.scratch}/{_FOLDER}/{service.name}.log", _LOG)
        return failure(service, notes.reason, (said or b"").decode("utf-8", "replace"))

    def _ports(self) -> AbstractAsyncContextManager[None]:
        return taking(service.port for service in self.services if self.shared)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a file; see the protocol."""
        return await self.inner.read(path, limit)

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder; see the protocol."""
        ours = (self.scratch, f"{self.workdir}/{_OURS}")
        places = [PurePosixPath(folder, path) for path in files]
        self._untouched &= all(any(place.is_relative_to(top) for top in ours) for place in places)
        await self.inner.write(folder, files)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the template's; see the protocol."""
        return await self.inner.snapshot()


def on_base(sandbox: Sandbox) -> Sandbox:
    """Return a sandbox with the untouched tree in which a service that doesn't come up is never a result."""
    if isinstance(sandbox, ServedSandbox):
        sandbox.base = True
    return sandbox


@dataclass(frozen=True, slots=True)
class ServedTemplate:
    """A prepared tree in whose copies servers run."""

    inner: Template
    services: tuple[Service, ...]
    folder: str
    shared: bool

    @asynccontextmanager
    async def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AsyncIterator[ServedSandbox]:
        """Return a copy of its own, with servers of its own; see the protocol."""
        async with self.inner.fork(limits, socket) as sandbox:
            yield ServedSandbox(sandbox, self.services, self.folder, self.shared)


@asynccontextmanager
async def served(
    template: Template, environment: Environment, *, shared: bool = False
) -> AsyncIterator[Template]:
    """Return a template in whose copies the environment's servers run, once they have been tried.

    Args:
        template: without them.
        environment: names them.
        shared: whether commands share this host's network.

    Raises:
        EnvironmentFailure: one doesn't come up on the untouched tree; says why, with the end of its output.
        SandboxError: the backend failed.
    """
    services = tuple(service for service in environment.services if service.command)
    if not services:
        yield template
        return
    whole = ServedTemplate(template, services, environment.subdir, shared)
    async with whole.fork() as sandbox:
        if (reason := await sandbox.trouble()) is not None:
            raise EnvironmentFailure(reason)
    yield whole
