"""Isolation by containers of a Docker or Podman service.

Cells are namespaces in containers that live on, or containers of their own; what the kernel, the service
or a missing compiler refuses is said once, and the next best way is taken.
"""

import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from docker.types import Mount

from swe_scale.config import Docker, Limits, Network, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Recipe, Template
from swe_scale.sandbox.bounding import TOGETHER, require_bounds
from swe_scale.sandbox.boxed import BoxTemplate
from swe_scale.sandbox.boxes import Boxes, compile_inside
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.cleaning import tidied
from swe_scale.sandbox.container import ContainerTemplate
from swe_scale.sandbox.engine import OWNER, RUN, Engine
from swe_scale.sandbox.helper import provide
from swe_scale.sandbox.network.container import before_commands, open_container_way
from swe_scale.sandbox.packages import Packages, host_packages, report_withheld
from swe_scale.sandbox.placing import place, ready, rules
from swe_scale.sandbox.pool import pooled
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
    set_up_variables,
)
from swe_scale.sandbox.services import served
from swe_scale.sandbox.services.company import Company, image_ids, open_company
from swe_scale.sandbox.starting import Origins, python_of, volume_over, workdir_of
from swe_scale.sandbox.usage import used

USER = 1000
_HOMES = {0: "/root", USER: "/home/user"}
_ROOTS_OWN = re.compile(r"/root\b")
_LABEL = "swe-scale.environment"
_REPOSITORY = "swe-scale/environment"


class DockerBackend:
    """A container service."""

    name = "docker"

    def __init__(self, engine: Engine, events: Events, network: Network) -> None:
        self._engine = engine
        self._network = network
        self._events = events
        self._said: set[str] = set()
        self._origins = Origins(engine, events, network)

    async def identity(self, recipe: Recipe) -> str:
        """Return what names the image to start from (tags move) and all else that a build follows.

        An image that isn't here is pulled.

        Raises:
            EnvironmentFailure: there is no such image, or a service can't be run as it is declared.
            SandboxError: the service failed.
        """
        others = await image_ids(self._engine, recipe.services, self._events)
        start = await self._origins.identity(recipe)
        rights = ("root",) if self._engine.config.as_root else ()
        return " ".join((start, self._network.reach, *rights, *rules(recipe), *others))

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

    async def _build(self, recipe: Recipe, tree: Path, digest: str) -> Environment:
        start = await self._origins.find(recipe, tree, digest)
        name, base = next(iter(start.tags), start.id), start.attrs["Config"]
        workdir = recipe.workdir or (workdir_of(base) if recipe.build else WORK)
        if volume := volume_over(base, workdir):
            raise EnvironmentFailure(f"the image {name} keeps {volume} in a volume; choose another `workdir`")
        settings = dict(setting.partition("=")[::2] for setting in base.get("Env") or ())
        own = own_variables(recipe, settings.get("PATH") or PATH)
        local = self._engine.local
        packages = host_packages(mounted=True, direct=self._direct) if local else Packages({}, {})
        user = self._user(base)
        home = _HOMES[user]
        variables = set_up_variables(home) | dict(packages.variables) | own
        environment = environment_of(recipe, digest, workdir, own)
        environment = environment.model_copy(update={"image": f"{_REPOSITORY}:{digest}", "user": user})
        async with (
            open_container_way(self._network, recipe, self._events, local=local) as way,
            self._container(str(start.id), {**packages.mounts, **way.shown}) as container,
        ):
            outside = Cell(self._engine, container, "/", variables)
            if recipe.image is None and recipe.build is None:
                await self._compile(outside, start.attrs["Architecture"])
            await ready(outside, "layout", str(user), home, SCRATCH, "/tmp", "/var/tmp")  # noqa: S108
            await place(outside, tree, workdir, recipe)
            cell = Cell(self._engine, container, workdir, variables | dict(way.variables))
            before = await before_commands(way, cell, start.attrs["Architecture"])

            async def run(command: Sequence[str], limits: Limits) -> Execution:
                return await cell.run((*before, *command), limits)

            python = await python_of(outside, recipe, name)
            await set_up(recipe, run, (python, "-m", "venv", VENV), self._events)
            if user:
                await ready(outside, "own", str(user), workdir, home, VENV)
            labels = {_LABEL: environment.model_dump_json(), OWNER: "", RUN: ""}
            await self._engine.commit(container, _REPOSITORY, digest, labels)
        return environment

    @property
    def _direct(self) -> bool:
        return self._network.mode == "full"

    def _container(self, image: str, shown: Mapping[str, str | Path]) -> AbstractAsyncContextManager[Any]:
        """Return the container in which an image is set up, with places of this host shown in it."""
        mounts = [Mount(inside, str(host), "bind", read_only=True) for inside, host in shown.items()]
        options: dict[str, Any] = {"mem_limit": SETUP.memory, "pids_limit": SETUP.pids}
        if not self._direct:
            options["network_mode"] = "none"
        return self._engine.container(image, mounts=mounts, **options)

    async def _compile(self, cell: Cell, machine: str) -> None:
        """Have what runs in boxes compiled here if this host can't: the user's own base, still untouched.

        Later, or in an image that a repository names, its compiler could be anybody's.
        """
        with suppress(SandboxError):
            await provide(machine, partial(compile_inside, cell))

    def _user(self, base: Mapping[str, Any]) -> int:
        """Return who commands run as: root only where the image keeps what they need in root's own home."""
        own = any(_ROOTS_OWN.search(setting) for setting in base.get("Env") or ())
        return 0 if own or self._engine.config.as_root else USER

    @asynccontextmanager
    async def open(self, environment: Environment) -> AsyncIterator[Template]:
        """Return the template of a built environment.

        Raises:
            EnvironmentFailure: a service of it doesn't come up.
            SandboxError: its image is gone, or a limit can't be held and the user doesn't allow that.
        """
        async with (
            used(self.name, environment.digest),
            open_company(self._engine, environment, self._events) as company,
            self._opened(environment, company) as template,
            served(template, environment) as whole,
        ):
            yield whole

    @asynccontextmanager
    async def _opened(self, environment: Environment, company: Company | None) -> AsyncIterator[Template]:
        image = await self._engine.image(environment.image) if environment.image else None
        if image is None:
            raise SandboxError(f"the image of environment {environment.digest} is gone; build it again")
        home = _HOMES[environment.user]
        settings = dict(setting.partition("=")[::2] for setting in image.attrs["Config"].get("Env") or ())
        settings |= fixed_variables(home)
        strict = self._engine.config.mode == "strict"
        reason: str | None = ""
        for boxes in (Boxes(self._engine, environment, home, plain) for plain in (False, True)):
            ahead = self._engine.config.warm if strict or boxes.plain else 0
            async with pooled(boxes.make, ahead=ahead) as pool:
                template = BoxTemplate(environment, pool, boxes.plan(), settings, self._events, company)
                reason = await template.why_not()
                if reason is None:
                    yield template
                    return
                self._say(reason, "by the service's own commands" if boxes.plain else "a container each")
        if company is not None:
            raise SandboxError(f"services of images can't be reached here: {reason}")
        require_bounds([TOGETHER], str(reason), self._events, allowed=self._engine.config.allow_unbounded)
        yield ContainerTemplate(self._engine, environment, settings | dict(environment.variables))

    def _say(self, reason: str, way: str) -> None:
        text = f"cells are slower than they could be, {way}: {reason}"
        if text not in self._said:
            self._said.add(text)
            self._events.emit("note", text)


@asynccontextmanager
async def open_docker(
    config: Docker, run: str, events: Events, network: Network
) -> AsyncIterator[DockerBackend]:
    """Return the backend; containers of dead processes are removed first.

    Raises:
        SandboxError: no service answers, or it can't hold a limit and the user doesn't allow that.
    """
    engine = Engine(config, run)
    try:
        await engine.connect()
        mend = "mount the kernel's control groups where the service runs"
        require_bounds(await engine.unbounded(), mend, events, allowed=config.allow_unbounded)
        if engine.local:
            report_withheld(events, mounted=True, direct=network.mode == "full")
        else:
            events.emit(
                "note", "the container service is remote: set-up doesn't get this host's package settings"
            )
        async with tidied(run, events, engine):
            yield DockerBackend(engine, events, network)
    finally:
        with anyio.CancelScope(shield=True):
            await engine.close()
