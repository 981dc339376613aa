"""Has the images of many issues here before they are needed, and keeps the disk from filling up with them."""

import shutil
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from swe_scale.background import beside
from swe_scale.errors import SandboxError, SweScaleError
from swe_scale.events import Events
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.inventory import data_of, untag
from swe_scale.sandbox.pulling import obtain
from swe_scale.sandbox.sizes import size
from swe_scale.sandbox.usage import reserved

AHEAD = 4
"""Images that are pulled before an issue needs them."""
_ENVIRONMENTS = "swe-scale/environment"

Note = Callable[[Sequence[str]], Awaitable[None]]
"""Is told which images the run has pulled and not removed, least recently used first."""


@dataclass(frozen=True, slots=True)
class Record:
    """Which images a run has pulled by itself, over all of its processes."""

    pulled: Sequence[str]
    note: Note


@dataclass(slots=True)
class Supply:
    """The images of a run's issues; made by `open_supply`."""

    engine: Engine
    events: Events
    keep_free: int | None
    """Bytes; None: nothing is ever removed."""
    note: Note
    wanted: Counter[str]
    """Of each image, how many issues that aren't finished need it; in the order in which they come."""
    pulled: list[str]
    """By the run itself, least recently used first: what it may remove."""
    place: Path | None = None
    """Where the service keeps its data."""
    _failures: dict[str, SweScaleError] = field(default_factory=dict)
    _locks: dict[str, anyio.Lock] = field(default_factory=dict)
    _begun: set[str] = field(default_factory=set)
    _moved: anyio.Event = field(default_factory=anyio.Event)
    _making_room: anyio.Lock = field(default_factory=anyio.Lock)

    @asynccontextmanager
    async def using(self, name: str) -> AsyncIterator[None]:
        """Have an image here while the context lasts; after its last issue it may be removed.

        Raises (on entry):
            EnvironmentFailure: it can't be had.
            SandboxError: the service failed.
        """
        self._begun.add(name)
        self._move()
        try:
            await self._have(name)
            yield
        finally:
            with anyio.CancelScope(shield=True):
                await self._finished(name)

    async def pull_ahead(self) -> None:
        """Pull images in their order, never more than `AHEAD` beyond those that are needed already."""
        for name in list(self.wanted):
            while self._ahead() >= AHEAD and name not in self._begun:
                await self._moved.wait()
            while not await self._room() and name not in self._begun:
                await self._moved.wait()
            if name not in self._begun and self.wanted[name]:
                try:
                    await self._have(name)
                except SweScaleError as error:
                    # Said by the issue that needs it.
                    self._failures[name] = error

    def _ahead(self) -> int:
        here = {*self._locks, *self._failures}
        return sum(1 for name in here if name not in self._begun and self.wanted[name])

    def _move(self) -> None:
        self._moved.set()
        self._moved = anyio.Event()

    async def _have(self, name: str) -> None:
        async with self._locks.setdefault(name, anyio.Lock()):
            if (failure := self._failures.pop(name, None)) is not None:
                raise failure
            if await self.engine.image(name) is not None:
                return
            await self._room()
            await obtain(self.engine, name, self.events)
            self.pulled.append(name)
            await self.note(self.pulled)

    async def _finished(self, name: str) -> None:
        self.wanted[name] -= 1
        if self.wanted[name] <= 0 and name in self.pulled:
            self.pulled.remove(name)
            self.pulled.append(name)
            await self.note(self.pulled)
        self._move()

    async def _room(self) -> bool:
        """Remove images of finished issues until enough is free; return whether it is."""
        async with self._making_room:
            while (free := self._short_of()) is not None:
                gone = next((name for name in self.pulled if self.wanted[name] <= 0), None)
                if gone is None:
                    self.events.emit("progress", f"only {size(free)} are free, and all images are in use")
                    return False
                self.pulled.remove(gone)
                try:
                    done = "removed" if await self._remove(gone) else "left, since it is in use,"
                    self.events.emit("note", f"{done} the image {gone}: {size(free)} were free")
                except (SandboxError, OSError) as error:
                    self.events.emit("note", f"the image {gone} can't be removed: {error}")
                await self.note(self.pulled)
        return True

    def _short_of(self) -> int | None:
        """Return the bytes that are free; None where they are enough."""
        if self.keep_free is None or self.place is None:
            return None
        free = shutil.disk_usage(self.place).free
        return free if free < self.keep_free else None

    async def _remove(self, name: str) -> bool:
        """Remove an image with the environments that were made of it; return whether it is gone."""
        image = await self.engine.image(name)
        if image is None:
            return False
        for tag in await self.engine.call(_made_of, self.engine.api, image.attrs):
            with reserved("docker", tag.rpartition(":")[2]) as free:
                if not free or not await self.engine.call(untag, self.engine.api, tag):
                    return False
        return await self.engine.call(untag, self.engine.api, name)


def _made_of(api: Any, image: Any) -> list[str]:
    """Return the names of the environments that begin with the layers of an image."""
    layers, found = image["RootFS"].get("Layers") or [], []
    for one in api.images(name=_ENVIRONMENTS):
        own = api.inspect_image(one["Id"])["RootFS"].get("Layers") or []
        if layers and own[: len(layers)] == layers:
            found += [tag for tag in one["RepoTags"] or () if tag.startswith(f"{_ENVIRONMENTS}:")]
    return found


@asynccontextmanager
async def open_supply(
    engine: Engine,
    events: Events,
    wanted: Iterable[str],
    record: Record,
    keep_free: int | None,
) -> AsyncIterator[Supply]:
    """Return the supply of images; those that come next are pulled while the context lasts.

    Args:
        engine: the container service.
        events: where it is reported what is pulled and removed.
        wanted: the image of each issue that isn't finished, in their order.
        record: what earlier processes of the run have pulled, and who is told what this one does.
        keep_free: bytes that stay free on the service's disk. None: nothing is ever removed.

    Raises (on entry):
        SandboxError: bytes are to stay free on a disk that can't be seen from here.
    """
    place = await data_of(engine) if keep_free is not None else None
    supply = Supply(engine, events, keep_free, record.note, Counter(wanted), list(record.pulled), place)
    async with beside() as tasks:
        tasks.start_soon(supply.pull_ahead)
        yield supply
