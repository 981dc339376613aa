"""Answers connections to a Unix socket that is shown to a sandbox, whoever comes there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol

import anyio
from anyio.abc import SocketListener, SocketStream, TaskGroup

from swe_scale.background import background
from swe_scale.errors import SandboxError

_GRACE, _PAUSE = 1.0, 0.1
"""Seconds: for connections to end by themselves, and before another is taken after a failure."""


class Server(Protocol):
    """Something that answers connections."""

    async def serve(self, client: SocketStream) -> None:
        """Answer one connection, and close it; whatever it sends, only this connection suffers."""
        ...


class _Door:
    """Lets connections in, so many at a time."""

    def __init__(self, listener: SocketListener, server: Server, most: int) -> None:
        self._listener = listener
        self._server = server
        self._most = most
        self._slots = anyio.Semaphore(most)

    async def open(self, tasks: TaskGroup, scope: anyio.CancelScope) -> None:
        """Take connections until the scope is cancelled; nothing else ends it."""
        with scope:
            while True:
                await self._slots.acquire()
                client = await self._next()
                if client is not None:
                    tasks.start_soon(self._served, client)

    async def _next(self) -> SocketStream | None:
        try:
            return await self._listener.accept()
        except BaseException as error:
            self._slots.release()
            if not isinstance(error, OSError):
                raise
        # There are no descriptors left, for instance.
        await anyio.sleep(_PAUSE)
        return None

    async def _served(self, client: SocketStream) -> None:
        try:
            await self._server.serve(client)
        finally:
            self._slots.release()

    async def empty(self) -> None:
        """Wait for the last connection to end, but not for long."""
        with anyio.move_on_after(_GRACE):
            for _ in range(self._most):
                await self._slots.acquire()


@asynccontextmanager
async def serving(socket: Path, server: Server, connections: int) -> AsyncIterator[None]:
    """Answer connections to a Unix socket, which is made, while the context lasts.

    Args:
        socket: where it is made.
        server: who answers.
        connections: at a time; more wait. Each takes a descriptor of this process, and whoever asks for
            them may be hostile.

    Raises:
        SandboxError: it can't be made.
    """
    try:
        # Its folder decides who may come; inside, whoever runs may have any user id.
        listener = await anyio.create_unix_listener(socket, mode=0o666)
    except (OSError, ValueError) as error:
        raise SandboxError(
            f"the socket {socket} can't be made: {error}; set TMPDIR to another folder"
        ) from error
    door, taking = _Door(listener, server, connections), anyio.CancelScope()
    async with listener, background() as tasks:
        tasks.start_soon(door.open, tasks, taking)
        try:
            yield
        finally:
            taking.cancel()
            # Who asked has ended, so that connections end by themselves.
            with anyio.CancelScope(shield=True):
                await door.empty()
            tasks.cancel_scope.cancel()
