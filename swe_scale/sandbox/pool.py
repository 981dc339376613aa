"""Keeps boxes at hand, so that a cell need not wait for one to be made."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import TaskGroup

from swe_scale.background import background
from swe_scale.errors import SandboxError
from swe_scale.sandbox.box import Box, Size


class Make(Protocol):
    """Makes boxes of one kind."""

    async def __call__(self, size: Size, shown: Mapping[str, Path | str] | None = None) -> Box:
        """Return a new box.

        Args:
            size: what it is held to.
            shown: path inside to folder of this host, or name of a volume, to be seen read-only.

        Raises:
            SandboxError: it can't be made.
        """
        ...


class Pool:
    """Boxes of one template, by what they are held to."""

    def __init__(self, make: Make, tasks: TaskGroup, *, ahead: int) -> None:
        """Make a pool.

        Args:
            make: returns a new box.
            tasks: where boxes are made and ended out of anybody's way.
            ahead: boxes that are made before they are asked for, each for one cell. 0: boxes are used
                for one cell after the other.
        """
        self.make = make
        self._tasks = tasks
        self._ahead = ahead
        self._ready: defaultdict[Size, list[Box]] = defaultdict(list)
        self._coming: defaultdict[Size, int] = defaultdict(int)
        self._open = True

    @asynccontextmanager
    async def lease(self, size: Size) -> AsyncIterator[Box]:
        """Return a box that nobody else uses.

        Raises:
            SandboxError: none can be made.
        """
        box = self._ready[size].pop() if self._ready[size] else await self.make(size)
        self._refill(size)
        returned = False
        try:
            yield box
            returned = self._open and not self._ahead and box.fit and not box.lost
        finally:
            if returned:
                self._ready[size].append(box)
            elif box.lost:
                await end_box(box)
            else:
                self._tasks.start_soon(end_box, box)

    def _refill(self, size: Size) -> None:
        while self._open and len(self._ready[size]) + self._coming[size] < self._ahead:
            self._coming[size] += 1
            self._tasks.start_soon(self._add, size)

    async def _add(self, size: Size) -> None:
        try:
            box = await self.make(size)
        except SandboxError:
            # Whoever asks next makes one in vain and is told why.
            return
        finally:
            self._coming[size] -= 1
        if self._open:
            self._ready[size].append(box)
        else:
            await end_box(box)

    async def close(self) -> None:
        """End all boxes that nobody uses; those in use end when they are given back."""
        self._open = False
        async with anyio.create_task_group() as tasks:
            for boxes in self._ready.values():
                while boxes:
                    tasks.start_soon(end_box, boxes.pop())


@asynccontextmanager
async def pooled(make: Make, *, ahead: int) -> AsyncIterator[Pool]:
    """Return a pool, whose boxes have all ended when the context does; arguments as of `Pool`."""
    async with background() as tasks:
        pool = Pool(make, tasks, ahead=ahead)
        try:
            yield pool
        finally:
            with anyio.CancelScope(shield=True):
                await pool.close()


async def end_box(box: Box) -> None:
    """End a box, whatever is being cancelled."""
    with anyio.CancelScope(shield=True):
        await box.close()
