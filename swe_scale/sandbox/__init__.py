"""A place where hostile code may run: disposable copies of one prepared tree."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Protocol

from swe_scale.config import Bubblewrap, Docker, Limits, Local, Network, OfferedSandbox, SandboxConfig
from swe_scale.events import Events
from swe_scale.records import Changes, Environment, Execution, HostServer, Record, Service

__all__ = ["Backend", "Build", "Here", "Need", "Recipe", "Sandbox", "Secret", "Template", "open_backend"]


class Need(Record):
    """A toolchain that the place must have."""

    name: str
    programs: tuple[str, ...] = ()
    """Those that must be there."""
    packages: tuple[str, ...] = ()
    """Debian's packages that bring them."""
    wheels: tuple[str, ...] = ()
    """Packages of the Python index that bring them into a virtual environment."""


class Build(Record):
    """An image that is built of the tree before anything is set up in it."""

    dockerfile: str
    """Path in the tree."""
    text: str
    """Its content."""
    context: str = ""
    """Folder of the tree whose files the build may take; empty is the root."""
    target: str = ""
    """Stage at which it ends. Empty: the last."""
    arguments: Mapping[str, str] = {}


class Here(Record):
    """A checkout that somebody has made ready: its products and this host's toolchains, used in place."""

    checkout: str
    """Its root; the work tree has the same path inside."""
    shown: tuple[str, ...] = ()
    """Folders of this host that are shown read-only at their own paths."""
    variables: Mapping[str, str] = {}
    """Of the process that was started there, as far as they are no secrets."""
    state: str = ""
    """Digest of what isn't tracked in it, and of the toolchains."""
    servers: tuple[HostServer, ...] = ()
    """Servers of this host that cells reach."""


class Recipe(Record):
    """How an environment is built, before it is."""

    image: str | None = None
    """Image to start from. None: the backend's default, or the host's own system."""
    workdir: str | None = None
    """Absolute path of the work tree inside. None: the backend's choice."""
    setup: tuple[str, ...] = ()
    """Shell lines, run in the work tree with what network is allowed, each in a fresh `sh -ec`."""
    test: str | None = None
    """Shell line that runs test files; `{tests}` stands for their paths."""
    profile: str | None = None
    python: bool = False
    """Whether a virtual environment is made first and put at the front of PATH."""
    python_version: str = ""
    """Version of its interpreter, such as `3.9`. Empty: the backend's own."""
    needs: tuple[Need, ...] = ()
    build: Build | None = None
    """What is built of the tree to start from, in place of `image`."""
    here: Here | None = None
    """What is used in place of any set-up."""
    variables: Mapping[str, str] = {}
    """Non-secret environment variables of every command."""
    path: tuple[str, ...] = ()
    """Folders that come before all others on the search path."""
    subdir: str = ""
    """Folder of the work tree in which set-up and the repository's tests run; empty is its root."""
    services: tuple[Service, ...] = ()


class Secret(bytes):
    """Standard input that nothing else inside may see.

    The command reads it to its end before it starts any code of others, and heeds its first line alone:
    where servers run beside the command, they start once that is read, and white space follows it.
    """


class Sandbox(Protocol):
    """One disposable copy. It knows nothing of agents, checks or issues."""

    workdir: str
    """Absolute path of the work tree inside."""
    scratch: str
    """Absolute path of an empty folder inside, outside the work tree."""
    address: str
    """Where commands reach the server that `fork` was given, `http://host:port`; empty without one."""

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree, without network, and wait for its end or its deadline.

        Everything that it started is killed at the deadline; the output so far is returned.

        Raises:
            SandboxError: the backend failed; says nothing about the command.
        """
        ...

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a file (absolute path inside); None where there is no such file.

        Raises:
            SandboxError: the backend failed.
        """
        ...

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below an absolute folder inside; an entry of None deletes.

        Never follows a symbolic link out of the sandbox.

        Raises:
            SandboxError: the backend failed, or a path leaves `folder`.
        """
        ...

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the template's, `.git` left out.

        Raises:
            SandboxError: the backend failed, or the difference is larger than the disk limit.
        """
        ...


class Template(Protocol):
    """An immutable prepared tree."""

    def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AbstractAsyncContextManager[Sandbox]:
        """Return a disposable copy; it is gone when the context ends, however it ends.

        Args:
            limits: memory, CPUs, processes and disk of the whole copy, where the backend binds them to it
                and not to each command. None: the default ones.
            socket: a Unix socket of this host whose server commands may reach at the sandbox's `address`,
                and nothing else; in a folder of its own, which is shown. A command ends when that server
                hangs up on `GET /end`. None: they reach nothing.

        Raises:
            SandboxError: the backend failed, or can't let commands reach one server alone.
        """
        ...


class Backend(Protocol):
    """A way to isolate code."""

    name: str

    async def identity(self, recipe: Recipe) -> str:
        """Return what a build of this recipe starts from: other results for what isn't the same inside.

        Raises:
            EnvironmentFailure: it isn't there.
            SandboxError: the backend failed.
        """
        ...

    async def built(self, digest: str) -> Environment | None:
        """Return an environment that is already built; None where there is none yet.

        Raises:
            SandboxError: the backend failed.
        """
        ...

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        """Prepare an environment once per digest, however many ask for it; later calls find it.

        `tree` is a host folder with the work tree at the base commit and a `.git` of one commit.

        Raises:
            EnvironmentFailure: a set-up line failed; names it and shows the end of its output.
            SandboxError: the backend failed.
        """
        ...

    def open(self, environment: Environment) -> AbstractAsyncContextManager[Template]:
        """Return the template of a built environment."""
        ...


def open_backend(
    config: SandboxConfig, run: str, events: Events, network: Network | None = None
) -> AbstractAsyncContextManager[Backend]:
    """Return the backend of a configuration; what it started is gone when the context ends.

    Args:
        config: which backend, and its settings.
        run: name of the run, put on every container as a label.
        events: where fallbacks are reported, once, and the hosts that set-up asked for.
        network: what set-up may reach. None: the registries of this machine's package clients.
    """
    reach = network or Network()
    match config:
        case Docker():
            from swe_scale.sandbox.docker import open_docker

            return open_docker(config, run, events, reach)
        case Bubblewrap():
            from swe_scale.sandbox.bubblewrap import open_bubblewrap

            return open_bubblewrap(config, run, events, reach)
        case Local():
            from swe_scale.sandbox.local import open_local

            return open_local(config, run, events, reach)
        case OfferedSandbox():
            from swe_scale.sandbox.offered import open_offered

            return open_offered(config, run, events, reach)
