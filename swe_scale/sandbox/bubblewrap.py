"""Isolation by namespaces of this host: no service, no image, nothing of the host but its programs."""

import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from swe_scale.config import Bubblewrap, Limits
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Recipe
from swe_scale.sandbox.cgroup import Groups
from swe_scale.sandbox.host import (
    Box,
    HostSandbox,
    Prepared,
    copied,
    remove_left_over,
)
from swe_scale.sandbox.kept import HostBackend, prepare, prepared_tree
from swe_scale.sandbox.namespaces import Inside, run_inside
from swe_scale.sandbox.packages import host_packages, report_withheld
from swe_scale.sandbox.preparation import (
    PATH,
    SCRATCH,
    SETUP,
    VENV,
    WORK,
    environment_of,
    fixed_variables,
    own_variables,
    set_up,
)
from swe_scale.sandbox.python import Interpreter

_HOME = "/home/user"
_VENV_FOLDER = "venv"
_TAKEN = {"", "bin", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "scratch", "tmp", "usr"}


def _places(box: Box, workdir: str) -> dict[str, Path]:
    return {workdir: box.tree, SCRATCH: box.scratch, _HOME: box.home, "/tmp": box.temporary}  # noqa: S108


def _programs(root: Path, python: Interpreter) -> dict[str, Path]:
    venv = root / _VENV_FOLDER
    shown = {VENV: venv} if venv.is_dir() else {}
    return shown if python.prefix.is_relative_to("/usr") else {str(python.prefix): python.prefix, **shown}


def _workdir(recipe: Recipe) -> str:
    if recipe.image:
        raise SandboxError(
            f"bubblewrap can't start from the image {recipe.image}; use Docker, or name no image"
        )
    workdir = recipe.workdir or WORK
    if not workdir.startswith("/") or workdir.split("/")[1] in _TAKEN:
        raise SandboxError(f"bubblewrap can't put the work tree at {workdir}; choose for instance {WORK}")
    return workdir


class BubblewrapSandbox(HostSandbox):
    """A copy whose commands run as an unprivileged user in namespaces of their own."""

    scratch = SCRATCH

    def __init__(
        self, box: Box, prepared: Prepared, shown: Mapping[str, Path], groups: Groups | None
    ) -> None:
        self.workdir = prepared.environment.workdir
        self._places = _places(box, self.workdir)
        self._shown = shown
        self._groups = groups
        super().__init__(box, prepared, self._places)

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree; whatever it leaves running ends with it. See the protocol."""
        inside = Inside(
            folder=self.box.folder,
            workdir=self.workdir,
            bound=self._places,
            shown=self._shown,
            variables=fixed_variables(_HOME)
            | dict(self.prepared.environment.variables)
            | dict(variables or {}),
        )
        return await run_inside(inside, command, limits, self._groups, stdin)


class BubblewrapTemplate:
    """A prepared tree under the cache folder."""

    def __init__(self, prepared: Prepared, python: Interpreter, groups: Groups | None) -> None:
        self._prepared = prepared
        self._shown = _programs(prepared.root, python)
        self._groups = groups

    @asynccontextmanager
    async def fork(self, limits: Limits | None = None) -> AsyncIterator[BubblewrapSandbox]:  # noqa: ARG002
        """Return a copy of the tree; limits are held per command, so none are needed here."""
        async with copied(self._prepared) as box:
            yield BubblewrapSandbox(box, self._prepared, self._shown, self._groups)


class BubblewrapBackend(HostBackend):
    """Namespaces on this host."""

    name = "bubblewrap"

    def __init__(self, config: Bubblewrap, groups: Groups | None) -> None:
        super().__init__(config.python)
        self._groups = groups

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        """Prepare the tree in a folder under the cache folder; see the protocol.

        Raises:
            EnvironmentFailure: a set-up line failed.
            SandboxError: the recipe wants an image or an impossible place, or bubblewrap failed.
        """
        workdir = _workdir(recipe)
        python = await self.interpreter()

        async def make(root: Path) -> Environment:
            await self._set_up(recipe, Box(root), workdir, python)
            built = environment_of(recipe, digest, workdir, own_variables(recipe, PATH))
            return built.model_copy(update={"root": str(root)})

        return await prepare(self.root(digest), tree, make)

    async def _set_up(self, recipe: Recipe, box: Box, workdir: str, python: Interpreter) -> None:
        packages = host_packages(mounted=True)
        for folder in (box.scratch, box.temporary, box.folder / _VENV_FOLDER):
            folder.mkdir()
        inside = Inside(
            folder=box.folder,
            workdir=workdir,
            bound=_places(box, workdir) | {VENV: box.folder / _VENV_FOLDER},
            shown=_programs(box.folder, python)
            | {place: Path(source) for place, source in packages.mounts.items()},
            variables=fixed_variables(_HOME) | dict(packages.variables) | own_variables(recipe, PATH),
            preparing=True,
        )

        async def run(command: Sequence[str]) -> Execution:
            return await run_inside(inside, command, SETUP)

        await set_up(recipe, run, (python.executable, "-m", "venv", VENV))

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[BubblewrapTemplate]:
        """Return the template of a built environment.

        Raises:
            SandboxError: it is gone from this host.
        """
        python = await self.interpreter()
        yield BubblewrapTemplate(prepared_tree(environment), python, self._groups)


@asynccontextmanager
async def open_bubblewrap(config: Bubblewrap, run: str, events: Events) -> AsyncIterator[BubblewrapBackend]:  # noqa: ARG001
    """Return the backend; says once which limits this host can't hold.

    Raises:
        SandboxError: bubblewrap isn't installed.
    """
    if shutil.which("bwrap", path=PATH) is None:
        raise SandboxError(
            "bubblewrap isn't installed; install it (apt-get install bubblewrap) or use Docker"
        )
    groups = Groups.find()
    if groups is None:
        events.emit(
            "note",
            "no control group can be made here: memory is bound per process and CPUs are not; "
            "run in a delegated group, for instance `systemd-run --user --scope -p Delegate=yes swe-scale …`",
        )
    else:
        await anyio.to_thread.run_sync(groups.remove_left_over)
    report_withheld(events, mounted=True)
    await anyio.to_thread.run_sync(remove_left_over)
    yield BubblewrapBackend(config, groups)
