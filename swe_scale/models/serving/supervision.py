"""Keeps a server alive: waits until it answers, starts it again after a crash, and at last gives up."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskStatus

from swe_scale.errors import ModelError, unwrapped
from swe_scale.models.serving.health import Health, Served, reaching
from swe_scale.models.serving.launch import Launch, check_port
from swe_scale.models.serving.process import Server, last_words, running

__all__ = ["Say", "kept_alive"]

Say = Callable[[str], None]
"""Tells the user a line."""
_LONGEST_PAUSE = 60.0
_POLL = 0.25
"""Seconds between two looks at a server that starts."""
_LOOK = 5.0
"""Seconds between two looks at one that runs."""
_PATIENCE = 12
"""Looks in a row without an answer after which a server counts as hung: two minutes or more."""


@asynccontextmanager
async def kept_alive(launch: Launch, say: Say) -> AsyncIterator[Served]:
    """Start a server, and start it again whenever it crashes, as long as the context lasts.

    Raises:
        ModelError: its place is taken, it can't start, or it crashed too often in a row; what runs in the
            context is cancelled then.
    """
    check_port(launch)
    with unwrapped():
        async with anyio.create_task_group() as group:
            served = await group.start(_keep, launch, say)
            try:
                yield served
            finally:
                group.cancel_scope.cancel()


async def _keep(launch: Launch, say: Say, *, task_status: TaskStatus[Served]) -> None:
    crashes, healthy_once = 0, False
    while True:
        async with reaching(launch) as health, running(launch) as server:
            served, began = await _until_it_answers(server, health), anyio.current_time()
            if served is None:
                what = _why_not(server, launch)
            elif healthy_once:
                say(f"the server answers again at {served.base_url}")
            else:
                healthy_once = True
                task_status.started(served)
            if served is not None:
                what = await _until_it_fails(server, health)
                crashes = 0 if anyio.current_time() - began >= launch.steady else crashes
        crashes += 1
        if not healthy_once or crashes > launch.restarts:
            often = f"; that was crash {crashes} in a row" if healthy_once else ""
            raise ModelError(f"the server {what}{often}.\n{last_words(launch)}")
        pause = min(_LONGEST_PAUSE, launch.pause * 2 ** (crashes - 1))
        say(f"the server {what}; starting it again in {pause:g} s ({crashes} of {launch.restarts})")
        await anyio.sleep(pause)


async def _until_it_answers(server: Server, health: Health) -> Served | None:
    with anyio.move_on_after(health.launch.start_seconds):
        while not server.ended:
            if await health.well() and (served := await health.served()):
                return served
            await anyio.sleep(_POLL)
    return None


def _why_not(server: Server, launch: Launch) -> str:
    if server.ended:
        return f"{server.fate} before it answered"
    return f"didn't answer within {launch.start_seconds:g} s; a large model may need more `start_seconds`"


async def _until_it_fails(server: Server, health: Health) -> str:
    """Return what happened to a server that ran well."""
    silent = 0
    while silent < _PATIENCE:
        with anyio.move_on_after(_LOOK):
            await server.process.wait()
        if server.ended:
            return server.fate
        well = await health.well()
        if well is False:
            return "says that it isn't well any more"
        silent = 0 if well else silent + 1
    return "no longer answers"
