"""Removes what runs left behind: those that died, at the start of the next one, or what a user asks for."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial

import anyio

from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.sandbox.engine import OWNER, RUN, Engine
from swe_scale.sandbox.left_over import Found, Left, owned, unowned
from swe_scale.sandbox.owner import forget_dead, gone, ours, owner, registered

_Remove = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Scope:
    """What of all that is left is meant."""

    run: str | None = None
    """Only what belongs to this run. None: to any, or to none."""
    living: bool = False
    """Also what processes of this user still use."""

    def takes(self, left: Left) -> bool:
        """Return whether something is meant. What a living process of another user made never is."""
        if self.run is not None and self.run not in left.runs:
            return False
        return not left.owner or gone(left.owner) or (self.living and in_use(left))


def in_use(left: Left) -> bool:
    """Return whether something belongs to a living process of this user, other than this one."""
    return left.owner != owner() and ours(left.owner)


@dataclass(slots=True)
class Cleaned:
    """What came of a cleaning."""

    removed: list[Left] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)


async def find(engine: Engine | None, *, also_unowned: bool = True) -> list[tuple[Left, _Remove]]:
    """Return what there is of this kind, whosever it is, each with what removes it.

    Args:
        engine: the container service to ask. None: only this host is looked at.
        also_unowned: whether to look for what bears nobody's name, too: locks, half-built environments.

    Raises:
        SandboxError: the service failed.
    """
    found: list[tuple[Left, _Remove]] = []
    if engine is not None:
        found += await _containers(engine)

    def look() -> list[Found]:
        return [*owned(), *(unowned() if also_unowned else ())]

    for one in await anyio.to_thread.run_sync(look):
        found.append((one.left, partial(anyio.to_thread.run_sync, one.remove)))
    return found


async def _containers(engine: Engine) -> list[tuple[Left, _Remove]]:
    found: list[tuple[Left, _Remove]] = []
    listed = await engine.call(lambda: engine.api.containers(all=True, filters={"label": OWNER}))
    for container in listed:
        labels, name = container["Labels"], next(iter(container.get("Names") or ()), container["Id"])
        # One that the user started from an image of ours has its label, which is empty, and is the user's.
        if not labels[OWNER]:
            continue
        runs = (labels[RUN],) if labels.get(RUN) else ()
        left = Left(kind="container", name=name.lstrip("/"), owner=labels[OWNER], runs=runs)
        found.append((left, partial(engine.remove, container["Id"])))
    return found


async def clean(engine: Engine | None, scope: Scope, *, also_unowned: bool = True) -> Cleaned:
    """Remove what a scope takes; one thing that can't be removed doesn't keep the others.

    Raises:
        SandboxError: the service failed before anything was removed.
    """
    cleaned, still = Cleaned(), set()
    for left, remove in await find(engine, also_unowned=also_unowned):
        if not scope.takes(left):
            still.add(left.owner)
            continue
        try:
            await remove()
        except SandboxError as error:
            still.add(left.owner)
            cleaned.failures.append(f"the {left.kind} {left.name} is still there: {error}")
        else:
            cleaned.removed.append(left)
    await anyio.to_thread.run_sync(forget_dead, still)
    return cleaned


@asynccontextmanager
async def tidied(run: str, events: Events, engine: Engine | None = None) -> AsyncIterator[None]:
    """Work on a run, once what dead processes left is removed.

    Raises:
        SandboxError: the service failed.
    """
    for failure in (await clean(engine, Scope(), also_unowned=False)).failures:
        events.emit("note", f"of a run that died, {failure}")
    with registered(run):
        yield
