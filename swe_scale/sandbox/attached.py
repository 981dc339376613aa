"""The standard streams of a container's first process, as one stream of bytes."""

import socket
import ssl
from collections.abc import Callable
from typing import Any

import anyio
from anyio.abc import ByteStream

from swe_scale.errors import SandboxError
from swe_scale.sandbox.process import Output

_CHUNK = 1 << 16
_HEAD = 8
_STDERR = 2


def own_socket(attached: Any) -> socket.socket:
    """Return a socket of our own to what the SDK attached to, which is closed.

    Raises:
        SandboxError: the service is reached in a way that has no plain socket.
    """
    raw = getattr(attached, "_sock", attached)
    try:
        if isinstance(raw, ssl.SSLSocket) or not isinstance(raw, socket.socket):
            raise SandboxError("the container service is reached over a channel that can't be attached to")
        mine = raw.dup()
        mine.setblocking(False)
        return mine
    finally:
        # The SDK keeps the connection here, and closes it nowhere.
        if (answer := getattr(attached, "_response", None)) is not None:
            answer.close()
        attached.close()


class Attached(ByteStream):
    """Writes to standard input, reads from standard output; standard error is kept for who asks why."""

    def __init__(self, mine: socket.socket) -> None:
        self._socket = mine
        self._said = Output(2048)
        self._kind = 0
        self._left = 0

    @property
    def said(self) -> str:
        """What the process said on standard error."""
        return self._said.text.strip()

    async def send(self, item: bytes) -> None:
        """Send all of some bytes."""
        rest = memoryview(item)
        while rest:
            try:
                rest = rest[self._socket.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(self._socket)
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def receive(self, max_bytes: int = _CHUNK) -> bytes:
        """Return some bytes of standard output."""
        while True:
            while not self._left:
                head = await self._exactly(_HEAD)
                self._kind, self._left = head[0], int.from_bytes(head[4:], "big")
            part = await self._some(min(self._left, max_bytes))
            self._left -= len(part)
            if self._kind != _STDERR:
                return part
            self._said.add(part)

    async def _exactly(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            found += await self._some(size - len(found))
        return found

    async def _some(self, most: int) -> bytes:
        found = await self._waiting(lambda: self._socket.recv(most))
        if not found:
            raise anyio.EndOfStream
        return found

    async def _waiting(self, read: Callable[[], bytes]) -> bytes:
        while True:
            try:
                return read()
            except BlockingIOError:
                await anyio.wait_readable(self._socket)
            except OSError as error:
                raise anyio.BrokenResourceError from error

    async def send_eof(self) -> None:
        """Close standard input."""
        self._socket.shutdown(socket.SHUT_WR)

    async def aclose(self) -> None:
        """Hang up; the service closes standard input then."""
        self._socket.close()
