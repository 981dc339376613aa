"""Isolation by containers of a Docker or Podman service, one per copy.

Commands run as root of the container with every capability dropped and no way to gain one: images are
made by root, and an unprivileged user could write neither their work tree nor what set-up installed.
Set-up runs on the service's default network, solving on none.
"""

import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

import anyio
from docker.types import Mount, Ulimit

from swe_scale.config import Docker, Limits, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.records import Changes, Environment, Execution, File
from swe_scale.sandbox import Recipe
from swe_scale.sandbox.archive import Listing, archive_difference, list_archive, pack_folder, read_member
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.engine import OWNER, RUN, Engine, script
from swe_scale.sandbox.packages import Packages, host_packages, report_withheld
from swe_scale.sandbox.preparation import (
    PATH,
    SCRATCH,
    SETUP,
    VENV,
    WORK,
    environment_of,
    fixed_variables,
    locked,
    own_variables,
    set_up,
)

_HOME = "/root"
_LABEL = "swe-scale.environment"
_REPOSITORY = "swe-scale/environment"
_IDLE = 4
"""Processes of our own in a container: the idle one, its sleep, a command's shell."""
_PERIOD = 100_000


class DockerSandbox:
    """A container without network."""

    scratch = SCRATCH

    def __init__(self, cell: Cell, template: "DockerTemplate") -> None:
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


class DockerTemplate:
    """An image that holds the prepared tree."""

    def __init__(self, engine: Engine, environment: Environment) -> None:
        self.environment = environment
        self._engine = engine
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
    async def fork(self, limits: Limits | None = None) -> AsyncIterator[DockerSandbox]:
        """Return a container of its own; memory, CPUs, processes and file size are bound for all of it."""
        bound = limits or Limits()
        options: dict[str, Any] = {
            "network_mode": "none",
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges"],
            "mem_limit": bound.memory,
            "memswap_limit": bound.memory,
            "pids_limit": bound.pids + _IDLE,
            "cpu_period": _PERIOD,
            "cpu_quota": max(1000, int(bound.cpus * _PERIOD)),
            "ulimits": [
                Ulimit(name="fsize", soft=bound.disk, hard=bound.disk),
                Ulimit(name="core", soft=0, hard=0),
            ],
        }
        variables = fixed_variables(_HOME) | dict(self.environment.variables)
        async with self._engine.container(str(self.environment.image), **options) as container:
            yield DockerSandbox(Cell(self._engine, container, self.environment.workdir, variables), self)


class DockerBackend:
    """A container service."""

    name = "docker"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def identity(self, recipe: Recipe) -> str:
        """Return the id of the image to start from, which is pulled where it isn't here; tags move.

        Raises:
            EnvironmentFailure: there is no such image.
            SandboxError: the service failed.
        """
        return str((await self._base(recipe.image or self._engine.config.base_image)).id)

    async def built(self, digest: str) -> Environment | None:
        """Return what the image of a digest says of itself; see the protocol."""
        found = await self._engine.image(f"{_REPOSITORY}:{digest}")
        if found is None or _LABEL not in found.labels:
            return None
        return Environment.model_validate_json(found.labels[_LABEL])

    async def build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        """Prepare an image `swe-scale/environment:DIGEST`; see the protocol.

        Raises:
            EnvironmentFailure: there is no base image, or a set-up line failed.
            SandboxError: the service failed.
        """
        async with locked(cache_folder() / "environments" / self.name / f"{digest}.lock"):
            return await self.built(digest) or await self._build(recipe, tree, digest)

    async def _base(self, name: str) -> Any:
        found = await self._engine.image(name)
        if found is not None:
            return found
        try:
            return await self._engine.pull(name)
        except SandboxError as error:
            raise EnvironmentFailure(
                f"the image {name} isn't here and can't be pulled: {error}\n"
                f"Try `docker pull {name}`, or name another image in `[environment]` or as `base_image`."
            ) from error

    async def _build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        name = recipe.image or self._engine.config.base_image
        base = (await self._base(name)).attrs["Config"]
        workdir = recipe.workdir or WORK
        if volume := _volume(base, workdir):
            raise EnvironmentFailure(
                f"the image {name} keeps {volume} in a volume; choose a `workdir` outside it"
            )
        settings = dict(setting.partition("=")[::2] for setting in base.get("Env") or ())
        own = own_variables(recipe, settings.get("PATH") or PATH)
        packages = host_packages(mounted=True) if self._engine.local else Packages({}, {})
        mounts = [Mount(inside, host, "bind", read_only=True) for inside, host in packages.mounts.items()]
        variables = fixed_variables(_HOME) | dict(packages.variables) | own
        environment = environment_of(recipe, digest, workdir, own)
        environment = environment.model_copy(update={"image": f"{_REPOSITORY}:{digest}"})
        async with self._engine.container(name, mounts=mounts) as container:
            await self._place(Cell(self._engine, container, "/", variables), tree, workdir)
            cell = Cell(self._engine, container, workdir, variables)
            await set_up(recipe, partial(cell.run, limits=SETUP), ("python3", "-m", "venv", VENV))
            labels = {_LABEL: environment.model_dump_json(), OWNER: "", RUN: ""}
            await self._engine.call(lambda: container.commit(_REPOSITORY, digest, conf={"Labels": labels}))
        return environment

    async def _place(self, cell: Cell, tree: Path, workdir: str) -> None:
        """Put the work tree in; of one that the image has already, what isn't tracked stays."""
        cleared = await cell.run(("sh", "-c", script("replace"), "sh", workdir, SCRATCH), SETUP)
        if cleared.exit_code != 0:
            raise EnvironmentFailure(f"{workdir} can't be prepared in the image: {cleared.output.strip()}")
        with tempfile.TemporaryFile() as packed:
            await anyio.to_thread.run_sync(pack_folder, tree, packed, workdir)
            packed.seek(0)
            await self._engine.put(cell.container, packed)

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[DockerTemplate]:
        """Return the template of a built environment.

        Raises:
            SandboxError: the service no longer has its image.
        """
        if environment.image is None or await self._engine.image(environment.image) is None:
            raise SandboxError(f"the image of environment {environment.digest} is gone; build it again")
        yield DockerTemplate(self._engine, environment)


def _volume(config: Mapping[str, Any], workdir: str) -> str | None:
    volumes = config.get("Volumes") or {}
    return next((place for place in volumes if PurePosixPath(workdir).is_relative_to(place)), None)


@asynccontextmanager
async def open_docker(config: Docker, run: str, events: Events) -> AsyncIterator[DockerBackend]:
    """Return the backend; containers of dead processes are removed first.

    Raises:
        SandboxError: no service answers.
    """
    engine = Engine(config, run)
    try:
        await engine.connect()
        await engine.remove_left_over()
        if engine.local:
            report_withheld(events, mounted=True)
        else:
            events.emit(
                "note", "the container service is remote: set-up doesn't get this host's package settings"
            )
        yield DockerBackend(engine)
    finally:
        with anyio.CancelScope(shield=True):
            await engine.close()
