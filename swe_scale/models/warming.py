"""Lets the first request with a prefix go ahead of its siblings, where that fills the server's cache."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import anyio

__all__ = ["FirstAlone"]


class FirstAlone:
    """Knows which prefixes a server has read.

    A server that can use a prefix again only once it has begun to answer reads it anew for every request
    that comes before; so the first one goes alone until then. Where it fails, the next one is the first.
    """

    def __init__(self, patience: float) -> None:
        """Begin with no prefix read; who waited for `patience` seconds goes in any case."""
        self._patience = patience
        self._read: set[str] = set()
        self._gates: dict[str, anyio.Semaphore] = {}
        """Of prefixes that nobody has read yet."""

    @asynccontextmanager
    async def turn(self, prefix: str) -> AsyncIterator[Callable[[], None]]:
        """Begin when the prefix has been read, or when this is the one to read it.

        Return what is to be called when the server begins to answer; a context that ends without an error
        says so, too. One that ends with an error, or is cancelled before, leaves it to the next.

        Args:
            prefix: stands for the text that siblings share, and for the endpoint.
        """
        gate = await self._first(prefix)
        if gate is None:
            yield _nothing
            return
        begun = False

        def begin() -> None:
            nonlocal begun
            if not begun:
                begun = True
                self._read.add(prefix)
                self._gates.pop(prefix, None)
                gate.release()

        try:
            yield begin
        except BaseException:
            if not begun:
                gate.release()
            raise
        begin()

    async def _first(self, prefix: str) -> anyio.Semaphore | None:
        """Return the gate, held, to who is the first; None when there is nothing more to wait for."""
        if prefix in self._read:
            return None
        gate = self._gates.setdefault(prefix, anyio.Semaphore(1))
        with anyio.move_on_after(self._patience) as scope:
            await gate.acquire()
        if scope.cancelled_caught:
            return None
        if prefix in self._read:
            gate.release()
            return None
        return gate


def _nothing() -> None:
    """Stand for the message that nobody waits for."""
