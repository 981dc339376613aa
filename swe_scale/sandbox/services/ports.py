"""Ports that several commands of this host may want, one at a time."""

from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager

from swe_scale.config import cache_folder
from swe_scale.sandbox.preparation import locked


@asynccontextmanager
async def taking(ports: Iterable[int]) -> AsyncIterator[None]:
    """Hold ports against every other command, of this process and of others, while the context lasts.

    Raises:
        SandboxError: it can't be told who holds them.
    """
    async with AsyncExitStack() as held:
        # In one order, so that nobody waits for who waits for him.
        for port in sorted(ports):
            await held.enter_async_context(locked(cache_folder() / "ports" / f"{port}.lock"))
        yield
