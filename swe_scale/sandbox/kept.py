"""Environments kept as folders of this host: built once, found again, for the backends without a service."""

import shutil
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import anyio

from swe_scale.config import Network, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.records import Environment
from swe_scale.sandbox import Here, Recipe, Template
from swe_scale.sandbox.host import Prepared
from swe_scale.sandbox.in_place import furnish
from swe_scale.sandbox.preparation import HOME, environment_of, locked
from swe_scale.sandbox.python import Interpreter, find_python, find_version
from swe_scale.sandbox.removal import remove_tree
from swe_scale.sandbox.services import in_turns, require_sound, require_up, served
from swe_scale.sandbox.usage import used

RECORD = "environment.json"
"""File that is there once an environment is complete."""
Make = Callable[[Path], Awaitable[Environment]]


_SCANT = 16 << 20
"""Bytes left of a disk that is as good as full."""


class HostBackend(ABC):
    """What the backends share that keep environments under the cache folder."""

    name: str
    shares_network = False
    """Whether what listens in one sandbox is in the way of what listens in another."""

    def __init__(self, python: str | None, network: Network) -> None:
        self._python = python
        self._network = network

    async def interpreter(self, version: str = "") -> Interpreter:
        """Return the interpreter that virtual environments are made from.

        Args:
            version: such as `3.9`. Empty: that of the configured one.

        Raises:
            EnvironmentFailure: it can't be run, or there is none of this version.
        """
        if version:
            return await anyio.to_thread.run_sync(find_version, version, self._python)
        return await anyio.to_thread.run_sync(find_python, self._python)

    async def identity(self, recipe: Recipe) -> str:
        """Return the interpreter, its version, and what set-up may reach; see the protocol.

        Raises:
            EnvironmentFailure: the interpreter isn't there, or a service can't be run as it is declared.
        """
        require_sound(recipe.services, self.name)
        return f"{(await self.interpreter(recipe.python_version)).identity} {self._network.reach}"

    def root(self, digest: str) -> Path:
        """Return the folder of an environment."""
        return cache_folder() / "environments" / self.name / digest

    async def built(self, digest: str) -> Environment | None:
        """Return what is complete under the cache folder; see the protocol."""
        return _recorded(self.root(digest))

    async def in_place(self, recipe: Recipe, here: Here, tree: Path, digest: str) -> Environment:
        """Prepare the tree with what a checkout that somebody has made ready holds beside it.

        Raises:
            SandboxError: something can't be read or copied.
        """

        async def make(root: Path) -> Environment:
            known = await furnish(here, root, HOME)
            variables = {**here.variables, **recipe.variables, "HOME": known.home}
            built = environment_of(recipe, digest, here.checkout, variables)
            return built.model_copy(update={"root": str(root), "servers": here.servers})

        return await prepare(self.root(digest), tree, make)

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[Template]:
        """Return the template of a built environment, which stays as long as the context lasts.

        Raises:
            EnvironmentFailure: a service doesn't come up, or a server of this host isn't.
            SandboxError: it is gone from this host.
        """
        await require_up(environment.servers)
        async with (
            used(self.name, environment.digest),
            self._opened(environment) as template,
            served(in_turns(template, environment.servers), environment, shared=self.shares_network) as whole,
        ):
            yield whole

    @abstractmethod
    def _opened(self, environment: Environment) -> AbstractAsyncContextManager[Template]: ...


def _recorded(root: Path) -> Environment | None:
    record = root / RECORD
    return Environment.model_validate_json(record.read_bytes()) if record.is_file() else None


async def prepare(root: Path, tree: Path, make: Make) -> Environment:
    """Return the environment in a folder, made first unless it is complete.

    Args:
        root: where it is kept: `tree/`, `home/`, and what `make` adds.
        tree: the work tree to copy.
        make: runs set-up and returns the record.

    Raises:
        EnvironmentFailure, SandboxError: as `make` does, or the disk is full; nothing is kept then.
    """
    async with locked(root.with_name(f"{root.name}.lock")):
        if (found := _recorded(root)) is not None:
            return found
        complete = False
        try:
            await anyio.to_thread.run_sync(_lay_out, root, tree)
            environment = await make(root)
            part = (root / RECORD).with_suffix(".part")
            part.write_text(environment.model_dump_json(), encoding="utf-8")
            part.replace(root / RECORD)
            complete = True
        except (EnvironmentFailure, SandboxError, OSError) as error:
            if shutil.disk_usage(root.parent).free < _SCANT:
                raise SandboxError(
                    f"the disk that holds {root.parent} is full; make room there (swe-scale images prune "
                    f"--keep-free SIZE), or set XDG_CACHE_HOME to a folder on another disk.\n{error}"
                ) from error
            raise
        finally:
            if not complete:
                with anyio.CancelScope(shield=True):
                    await anyio.to_thread.run_sync(remove_tree, root)
        return environment


def _lay_out(root: Path, tree: Path) -> None:
    remove_tree(root)
    (root / "home").mkdir(parents=True)
    try:
        shutil.copytree(tree, root / "tree", symlinks=True)
    except (OSError, shutil.Error) as error:
        raise SandboxError(f"{tree} can't be copied to {root}: {error}") from error


def prepared_tree(environment: Environment) -> Prepared:
    """Return what `prepare` made for an environment.

    Raises:
        SandboxError: it is no longer there.
    """
    if not environment.root or not (Path(environment.root) / RECORD).is_file():
        raise SandboxError(f"the environment {environment.digest} is gone from this host; build it again")
    return Prepared(Path(environment.root), environment)
