"""No isolation: for tests, and for jobs on machines that are themselves disposable."""

import os
import signal
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from secrets import token_hex

import anyio

from swe_scale.config import Limits, Local, Network
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Recipe
from swe_scale.sandbox.cleaning import tidied
from swe_scale.sandbox.host import (
    Box,
    HostSandbox,
    Prepared,
    copied,
)
from swe_scale.sandbox.in_place import furnished
from swe_scale.sandbox.kept import HostBackend, prepare, prepared_tree
from swe_scale.sandbox.network import here
from swe_scale.sandbox.owner import CELL_MARK, owner
from swe_scale.sandbox.packages import host_packages, report_withheld
from swe_scale.sandbox.preparation import (
    PATH,
    environment_of,
    fixed_variables,
    own_variables,
    set_up,
    set_up_variables,
)
from swe_scale.sandbox.process import Command, run_process

_PASSES = 200
_STARTED = 19
"""Place of the time of start in `/proc/PID/stat`, behind the program's name."""
_TICKS = os.sysconf("SC_CLK_TCK")
_BWRAP = "bwrap"


def _marked(process: Path, wanted: bytes) -> bool | None:
    """Return whether a process carries the mark; None: it is just being replaced by another program."""
    with suppress(OSError):
        variables = (process / "environ").read_bytes()
        if wanted in variables.split(b"\0"):
            return True
        # Between two programs a process has no variables; kernel threads and the dead have no program.
        if not variables and (process / "exe").readlink():
            return None
    return False


def _started(process: Path) -> float:
    """Return when a process was started, in seconds since the machine was."""
    # The program's name, in brackets, may hold anything.
    fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
    return int(fields[_STARTED]) / _TICKS


def _killer(mark: str) -> Callable[[], None]:
    wanted = f"{CELL_MARK}={mark}".encode()
    # Since the machine was started: the clock on the wall may jump while the command runs.
    began = time.clock_gettime(time.CLOCK_BOOTTIME)

    def kill() -> None:
        # Until a whole pass finds none: a process may start others while one looks.
        for _ in range(_PASSES):
            settled = True
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):
                    if _started(process) < began - 1:
                        continue
                    marked = _marked(process, wanted)
                    settled = settled and marked is False
                    if marked:
                        os.kill(int(process.name), signal.SIGKILL)
            if settled:
                return
            time.sleep(0.002)

    return kill


async def _run(
    box: Box, command: Sequence[str], limits: Limits, variables: Mapping[str, str], stdin: bytes = b""
) -> Execution:
    mark = f"{owner()}-{token_hex(8)}"
    temporary = {"TMPDIR": str(box.temporary), CELL_MARK: mark}
    arguments = ("sh", "-c", 'exec "$@"', "sh", *command)
    return await run_process(
        Command(arguments, box.tree, {**variables, **temporary}, stdin), limits, _killer(mark)
    )


def _at(workdir: str, tree: Path) -> tuple[str, ...]:
    """Return what comes before a command that is to see a tree in place of the checkout, as all else is."""
    return (_BWRAP, "--dev-bind", "/", "/", "--bind", str(tree), workdir, "--chdir", workdir, "--")


class LocalSandbox(HostSandbox):
    """A copy of the tree whose commands run on the host as this user."""

    def __init__(self, box: Box, prepared: Prepared, led: tuple[int, tuple[str, ...]] | None = None) -> None:
        known = furnished(prepared.root)
        self.workdir = known.here.checkout if known else str(box.tree)
        self.address = f"http://127.0.0.1:{led[0]}" if led else ""
        self._before = (*(_at(self.workdir, box.tree) if known else ()), *(led[1] if led else ()))
        self.scratch = str(box.scratch)
        places = {str(place): place for place in (box.scratch, box.home, box.temporary)}
        super().__init__(box, prepared, {self.workdir: box.tree, **places})

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree, with the host's network and only time and output bound.

        What it leaves running ends with it. An editable install made by set-up points to the prepared
        tree, so this copy's `src` and root come first on Python's path.
        """
        home = {"HOME": str(self.box.home)}
        given = (
            fixed_variables(home["HOME"])
            | ({} if self._before[:1] == (_BWRAP,) else {"PYTHONPATH": self._sources()})
            | dict(self.prepared.environment.variables)
            | home
            | dict(variables or {})
        )
        return await _run(self.box, (*self._before, *command), limits, given, stdin)

    def _sources(self) -> str:
        roots = dict.fromkeys((self.box.tree / self.prepared.environment.subdir, self.box.tree))
        places = (str(place) for root in roots for place in (root / "src", root) if place.is_dir())
        return os.pathsep.join(places)


async def _require_places() -> None:
    """Refuse to work in place of a checkout where no copy can be shown there: it would be written to.

    Raises:
        SandboxError: bubblewrap isn't installed, or the kernel refuses.
    """
    trial = (_BWRAP, "--dev-bind", "/", "/", "--", "true")
    try:
        tried = await anyio.run_process(trial, check=False)
    except OSError as error:
        reason = error.strerror
    else:
        if tried.returncode == 0:
            return
        reason = tried.stderr.decode("utf-8", "replace").strip()[-200:]
    raise SandboxError(
        f"--here shows a copy in place of the checkout, which bubblewrap can't do here: {reason}.\n"
        "Install bubblewrap and allow namespaces, or leave out --here"
    )


class LocalTemplate:
    """A prepared tree under the cache folder."""

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared

    @asynccontextmanager
    async def fork(
        self,
        limits: Limits | None = None,  # noqa: ARG002
        socket: Path | None = None,
    ) -> AsyncIterator[LocalSandbox]:
        """Return a copy of the tree; limits are held per command, and the host's network is there anyway."""
        async with copied(self._prepared) as box:
            yield LocalSandbox(box, self._prepared, here(socket) if socket else None)


class LocalBackend(HostBackend):
    """This host itself."""

    name = "local"
    shares_network = True

    def __init__(self, python: str | None, network: Network, events: Events) -> None:
        super().__init__(python, network)
        self._events = events

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        """Prepare the tree in a folder under the cache folder; `recipe.workdir` has no meaning here.

        Raises:
            EnvironmentFailure: a set-up line failed.
            SandboxError: the recipe wants an image, or a checkout in place where nothing can be put there.
        """
        if recipe.image:
            raise SandboxError(
                f"the local sandbox can't start from the image {recipe.image}; "
                "use the docker sandbox, or name no image"
            )
        if recipe.here is not None:
            await _require_places()
            return await self.in_place(recipe, recipe.here, tree, digest)
        python = await self.interpreter(recipe.python_version)

        async def make(root: Path) -> Environment:
            box, venv = Box(root), str(root / "venv")
            box.temporary.mkdir()
            own = own_variables(recipe, PATH, venv)
            home = str(box.home)
            variables = set_up_variables(home) | dict(host_packages(mounted=False).variables) | own

            async def run(command: Sequence[str], limits: Limits) -> Execution:
                return await _run(box, command, limits, variables)

            await set_up(recipe, run, (python.executable, "-m", "venv", venv), self._events)
            built = environment_of(recipe, digest, str(box.tree), own)
            return built.model_copy(update={"root": str(root)})

        return await prepare(self.root(digest), tree, make)

    @asynccontextmanager
    async def _opened(self, environment: Environment) -> AsyncIterator[LocalTemplate]:
        yield LocalTemplate(prepared_tree(environment))


@asynccontextmanager
async def open_local(
    config: Local,
    run: str,
    events: Events,
    network: Network,
) -> AsyncIterator[LocalBackend]:
    """Return the backend; says once that it isolates nothing.

    Raises:
        SandboxError: set-up is to have no network.
    """
    if network.mode == "none":
        raise SandboxError(
            "the local sandbox can't keep set-up from the network; use docker or bubblewrap, "
            "or leave out --network none"
        )
    events.emit("note", "the local sandbox isolates nothing: code runs as you, with your files and network")
    report_withheld(events, mounted=False)
    async with tidied(run, events):
        yield LocalBackend(config.python, network, events)
