"""A sandbox of another package: what fails in it is a failure of the backend, with its name."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from swe_scale.config import OWN_SANDBOXES, Limits, Network, OfferedSandbox
from swe_scale.errors import ExtensionError, SandboxError, SweScaleError
from swe_scale.events import Events
from swe_scale.extensions import described, loaded
from swe_scale.records import Changes, Environment, Execution
from swe_scale.sandbox import Backend, Recipe, Sandbox, Template


@contextmanager
def _blaming(kind: str) -> Iterator[None]:
    """Turn whatever isn't ours into a failure of this sandbox."""
    try:
        yield
    except SweScaleError:
        raise
    except Exception as error:
        raise SandboxError(f"the sandbox {kind!r} failed: {described(error)}") from error


@dataclass(slots=True)
class NamedSandbox:
    """One copy, as the other package has it."""

    kind: str
    inner: Sandbox
    workdir: str = field(init=False)
    scratch: str = field(init=False)
    address: str = field(init=False)

    def __post_init__(self) -> None:
        """Take over where things are."""
        with _blaming(self.kind):
            self.workdir, self.scratch = str(self.inner.workdir), str(self.inner.scratch)
            self.address = str(self.inner.address)

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree; see the protocol."""
        with _blaming(self.kind):
            ran = await self.inner.run(command, limits=limits, stdin=stdin, variables=variables)
        if not isinstance(ran, Execution):
            raise SandboxError(f"the sandbox {self.kind!r} hands back no execution: {ran!r:.80}")
        return ran

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a file; see the protocol."""
        with _blaming(self.kind):
            return await self.inner.read(path, limit)

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder; see the protocol."""
        with _blaming(self.kind):
            await self.inner.write(folder, files)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the template's; see the protocol."""
        with _blaming(self.kind):
            return await self.inner.snapshot()


@dataclass(slots=True)
class NamedTemplate:
    """A prepared tree, likewise."""

    kind: str
    inner: Template

    @asynccontextmanager
    async def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AsyncIterator[NamedSandbox]:
        """Return a copy of its own; see the protocol."""
        async with AsyncExitStack() as held:
            with _blaming(self.kind):
                sandbox = await held.enter_async_context(self.inner.fork(limits, socket))
            yield NamedSandbox(self.kind, sandbox)


@dataclass(slots=True)
class NamedBackend:
    """The backend, likewise; it goes by the name under which it is offered."""

    name: str
    inner: Backend

    async def identity(self, recipe: Recipe) -> str:
        """Return what a build of a recipe starts from; see the protocol."""
        with _blaming(self.name):
            return f"{self.name} {await self.inner.identity(recipe)}"

    async def built(self, digest: str) -> Environment | None:
        """Return an environment that is built already; see the protocol."""
        with _blaming(self.name):
            return await self.inner.built(digest)

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        """Prepare an environment; see the protocol."""
        with _blaming(self.name):
            return await self.inner.build(recipe, tree, digest)

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[NamedTemplate]:
        """Return the template of a built environment; see the protocol."""
        async with AsyncExitStack() as held:
            with _blaming(self.name):
                template = await held.enter_async_context(self.inner.open(environment))
            yield NamedTemplate(self.name, template)


@asynccontextmanager
async def open_offered(
    config: OfferedSandbox, run: str, events: Events, network: Network
) -> AsyncIterator[NamedBackend]:
    """Return a backend of another package: what it offers is called as `(options, run, events, network)`.

    Raises:
        UsageError: nobody offers one of that name.
        ExtensionError: it can't be loaded or opened.
        SandboxError: it can't work here.
    """
    opener = loaded("sandbox", config.kind, OWN_SANDBOXES)
    async with AsyncExitStack() as held:
        try:
            opened = opener(dict(config.options), run, events, network)
            backend: Backend = await held.enter_async_context(opened)
        except SweScaleError:
            raise
        except Exception as error:
            raise ExtensionError(
                f"the sandbox {config.kind!r} can't be opened: {described(error)}."
            ) from error
        yield NamedBackend(config.kind, backend)
