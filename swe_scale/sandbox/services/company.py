"""Starts the containers of services: each cell has fresh ones, since it may leave anything in them."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import anyio
from anyio.abc import TaskGroup

from swe_scale.background import background
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment, Service
from swe_scale.sandbox import helper
from swe_scale.sandbox.box import HELPER
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.pulling import obtain
from swe_scale.sandbox.services.companion import Companion, companion
from swe_scale.sandbox.services.declared import require_sound

_INSIDE = "/run/swe-scale-services"


@dataclass(frozen=True, slots=True)
class Started:
    """The services of one cell."""

    companions: tuple[Companion, ...]
    _held: AsyncExitStack

    @property
    def shown(self) -> Mapping[str, str]:
        """Path inside to name of the volume that is to be shown there."""
        return {f"{_INSIDE}/{one.service.name}": one.volume for one in self.companions}

    @property
    def before(self) -> tuple[str, ...]:
        """What comes before a command that is to find each at its port."""
        ways = ((str(one.service.port), f"{_INSIDE}/{one.service.name}/socket") for one in self.companions)
        return (HELPER, "join", *(word for way in ways for word in way), "--")

    async def close(self) -> None:
        """End them, whatever is being cancelled."""
        with anyio.CancelScope(shield=True):
            await self._held.aclose()


@dataclass(slots=True)
class Company:
    """The services of one environment: a fresh set for each cell."""

    engine: Engine
    services: tuple[Service, ...]
    images: Mapping[str, Any]
    programs: Mapping[str, bytes]
    """What carries bytes, by the name of the image in which it does."""
    tasks: TaskGroup
    ready: list[Started] = field(default_factory=list)
    """Sets that nobody has used."""
    _coming: int = 0
    _open: bool = True

    @asynccontextmanager
    async def lease(self) -> AsyncIterator[Started]:
        """Return services, in their first state, that nobody else reaches.

        Raises:
            SandboxError: one doesn't come up.
        """
        started = self.ready.pop() if self.ready else await self.start()
        if self._open and not self.ready and not self._coming:
            self._coming += 1
            self.tasks.start_soon(self._add)
        try:
            yield started
        finally:
            self.tasks.start_soon(started.close)

    async def start(self) -> Started:
        """Return a set that has come up.

        Raises:
            SandboxError: one doesn't.
        """
        async with AsyncExitStack() as held:
            companions = []
            for service in self.services:
                image = self.images[service.image]
                started = companion(self.engine, service, image, self.programs[service.image])
                companions.append(await held.enter_async_context(started))
            return Started(tuple(companions), held.pop_all())

    async def _add(self) -> None:
        try:
            started = await self.start()
        except SandboxError:
            # Whoever asks next starts one in vain and is told why.
            return
        finally:
            self._coming -= 1
        if self._open:
            self.ready.append(started)
        else:
            await started.close()

    async def close(self) -> None:
        """End all that nobody uses; those in use end when they are given back."""
        self._open = False
        while self.ready:
            await self.ready.pop().close()


@asynccontextmanager
async def open_company(
    engine: Engine, environment: Environment, events: Events
) -> AsyncIterator[Company | None]:
    """Return what starts the services of images, once it was tried; None where there are none.

    Raises:
        EnvironmentFailure: an image isn't there, or its service doesn't come up.
        SandboxError: the container service failed.
    """
    services = tuple(service for service in environment.services if service.image)
    if not services:
        yield None
        return
    images = {one.image: await obtain(engine, one.image, events) for one in services}
    programs = {name: await _program(image.attrs["Architecture"]) for name, image in images.items()}
    async with background() as tasks:
        company = Company(engine, services, images, programs, tasks)
        try:
            await _try(company)
            yield company
        finally:
            with anyio.CancelScope(shield=True):
                await company.close()


async def image_ids(engine: Engine, services: Sequence[Service], events: Events) -> tuple[str, ...]:
    """Return what names the content of services' images, pulled where they aren't here.

    Raises:
        EnvironmentFailure: one isn't there, or a service can't be run as it is declared.
        SandboxError: the container service failed.
    """
    require_sound(services, None)
    return tuple([str((await obtain(engine, one.image, events)).id) for one in services if one.image])


async def _program(architecture: str) -> bytes:
    return (await helper.provide(architecture)).read_bytes()


async def _try(company: Company) -> None:
    try:
        company.ready.append(await company.start())
    except SandboxError as error:
        raise EnvironmentFailure(str(error)) from error
