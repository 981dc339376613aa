"""Isolation by namespaces of this host: no service, no image, nothing of the host but its programs."""

import platform
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath

from swe_scale.config import Bubblewrap, Limits, Network
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Recipe, Template
from swe_scale.sandbox.bounding import TOGETHER, require_bounds
from swe_scale.sandbox.boxed import BoxTemplate
from swe_scale.sandbox.bwrap import Rooms
from swe_scale.sandbox.cgroup import Groups
from swe_scale.sandbox.cleaning import tidied
from swe_scale.sandbox.copies import VENV_FOLDER, CopyingTemplate, places, programs
from swe_scale.sandbox.helper import provide
from swe_scale.sandbox.host import (
    Box,
    Prepared,
)
from swe_scale.sandbox.in_place import TEMPORARY
from swe_scale.sandbox.kept import HostBackend, prepare, prepared_tree
from swe_scale.sandbox.namespaces import Inside, run_inside
from swe_scale.sandbox.network import Way, open_way
from swe_scale.sandbox.packages import host_packages, report_withheld
from swe_scale.sandbox.pool import pooled
from swe_scale.sandbox.preparation import (
    HOME,
    PATH,
    VENV,
    WORK,
    environment_of,
    fixed_variables,
    own_variables,
    set_up,
    set_up_variables,
)
from swe_scale.sandbox.python import Interpreter
from swe_scale.sandbox.services import Standing

_TEMPORARY = "/tmp"  # noqa: S108 - inside
_TAKEN = {"", "bin", "dev", "etc", "lib", "lib64", "proc", "run", "sbin", "scratch", "tmp", "usr"}


def _divided(prepared: Prepared, python: Interpreter) -> tuple[dict[str, Path], dict[str, Path]]:
    """Return what cells may change and what they may only see, each as path inside to host folder."""
    box = Box(prepared.root)
    shown = programs(prepared.root, python)
    environment = prepared.environment
    changed = {environment.workdir: box.tree, environment.variables.get("HOME", HOME): box.home}
    if PurePosixPath(environment.workdir).is_relative_to(_TEMPORARY):
        # Empty, it would hide the work tree.
        changed[_TEMPORARY] = prepared.root / TEMPORARY
    if VENV in shown:
        changed[VENV] = shown.pop(VENV)
    return changed, shown


def _workdir(recipe: Recipe) -> str:
    if recipe.image:
        raise SandboxError(
            f"bubblewrap can't start from the image {recipe.image}; use Docker, or name no image"
        )
    workdir = recipe.workdir or WORK
    if recipe.here and workdir != _TEMPORARY and workdir.startswith(f"{_TEMPORARY}/"):
        return workdir
    if not workdir.startswith("/") or workdir.split("/")[1] in _TAKEN:
        raise SandboxError(f"bubblewrap can't put the work tree at {workdir}; choose for instance {WORK}")
    return workdir


class BubblewrapBackend(HostBackend):
    """Namespaces on this host."""

    name = "bubblewrap"

    def __init__(self, config: Bubblewrap, groups: Groups | None, events: Events, network: Network) -> None:
        super().__init__(config.python, network)
        self._config = config
        self._groups = groups
        self._events = events
        self._said = False

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        """Prepare the tree in a folder under the cache folder; see the protocol.

        Raises:
            EnvironmentFailure: a set-up line failed.
            SandboxError: the recipe wants an image or an impossible place, or bubblewrap failed.
        """
        workdir = _workdir(recipe)
        if recipe.here is not None:
            return await self.in_place(recipe, recipe.here, tree, digest)
        python = await self.interpreter(recipe.python_version)

        async def make(root: Path) -> Environment:
            async with open_way(self._network, self._events) as way:
                await self._set_up(recipe, Box(root), (workdir, python), way)
            built = environment_of(recipe, digest, workdir, own_variables(recipe, PATH))
            return built.model_copy(update={"root": str(root)})

        return await prepare(self.root(digest), tree, make)

    async def _set_up(self, recipe: Recipe, box: Box, place: tuple[str, Interpreter], way: Way) -> None:
        workdir, python = place
        direct = self._network.mode == "full"
        packages = host_packages(mounted=True, direct=direct)
        for folder in (box.scratch, box.temporary, box.folder / VENV_FOLDER):
            folder.mkdir()
        if PurePosixPath(workdir).is_relative_to(HOME):
            # Later the home is shown read-only, and the place must be there.
            box.home.joinpath(PurePosixPath(workdir).relative_to(HOME)).mkdir(parents=True, exist_ok=True)
        inside = Inside(
            folder=box.folder,
            workdir=workdir,
            bound=places(box, workdir) | {VENV: box.folder / VENV_FOLDER},
            shown=programs(box.folder, python)
            | {place: Path(source) for place, source in packages.mounts.items()}
            | dict(way.shown),
            variables=set_up_variables(HOME)
            | dict(packages.variables)
            | dict(way.variables)
            | own_variables(recipe, PATH),
            preparing=True,
            network=direct,
        )

        async def run(command: Sequence[str], limits: Limits) -> Execution:
            whole = (*way.by_python(python.executable), *command)
            return await run_inside(inside, whole, limits, self._groups)

        await set_up(recipe, run, (python.executable, "-m", "venv", VENV), self._events)

    @asynccontextmanager
    async def _opened(self, environment: Environment) -> AsyncIterator[Template]:
        prepared = prepared_tree(environment)
        python = await self.interpreter(environment.python_version)
        try:
            program = await provide(platform.machine())
        except SandboxError as error:
            reason = str(error)
        else:
            rooms = Rooms(program, *_divided(prepared, python), self._groups)
            settings = fixed_variables(HOME)
            servers = Standing(environment.servers) if environment.servers else None
            async with pooled(rooms.make, ahead=0) as pool:
                template = BoxTemplate(environment, pool, rooms.plan(), settings, self._events, servers)
                refused = await template.why_not()
                if refused is None:
                    yield template
                    return
                reason = refused
        if environment.servers:
            raise SandboxError(f"cells can't be led to the servers of --service: {reason}")
        require_bounds([TOGETHER], reason, self._events, allowed=self._config.allow_unbounded)
        self._say(reason)
        yield CopyingTemplate(prepared, python, self._groups)

    def _say(self, reason: str) -> None:
        if not self._said:
            self._said = True
            self._events.emit("note", f"the tree is copied for each sandbox, which takes longer: {reason}")


def _unbounded(groups: Groups | None) -> list[str]:
    if groups is None:
        return ["the memory of all processes together", "CPUs"]
    return [] if "cpu" in groups.parents else ["CPUs"]


@asynccontextmanager
async def open_bubblewrap(
    config: Bubblewrap,
    run: str,
    events: Events,
    network: Network,
) -> AsyncIterator[BubblewrapBackend]:
    """Return the backend; says once which limits this host can't hold.

    Raises:
        SandboxError: bubblewrap isn't installed, or a limit can't be held and the user doesn't allow that.
    """
    if shutil.which("bwrap", path=PATH) is None:
        raise SandboxError(
            "bubblewrap isn't installed; install it (apt-get install bubblewrap) or use Docker"
        )
    groups = Groups.find()
    require_bounds(
        _unbounded(groups),
        "make control groups writable, for instance `systemd-run --user --scope -p Delegate=yes swe-scale …`",
        events,
        allowed=config.allow_unbounded,
    )
    report_withheld(events, mounted=True, direct=network.mode == "full")
    async with tidied(run, events):
        yield BubblewrapBackend(config, groups, events, network)
