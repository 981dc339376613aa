"""A proxy that lets hostile code reach the hosts it may, and no other."""

from contextlib import AsyncExitStack, suppress
from http import HTTPStatus

import anyio
from anyio.abc import ByteStream, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from swe_scale.sandbox.network.allowed import Refused
from swe_scale.sandbox.network.request import MOST, Request, parse_head
from swe_scale.sandbox.network.upstream import Upstream, Ways
from swe_scale.sandbox.network.visits import Visits

_HEAD_SECONDS = 15.0
_IDLE_SECONDS = 600.0
"""Without a byte in either direction."""
_CHUNK = 64 * 1024
_GONE = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream)


class Proxy:
    """Answers CONNECT, and requests for full `http://` addresses: one per connection."""

    def __init__(self, ways: Ways, visits: Visits) -> None:
        self._ways = ways
        self._visits = visits

    async def serve(self, client: SocketStream) -> None:
        """Answer one connection; whatever it sends, only this connection suffers."""
        # Either side may leave at any time.
        with suppress(*_GONE):
            async with client:
                await self._answered(client)

    async def _answered(self, client: SocketStream) -> None:
        try:
            await self._exchange(client)
        except Refused as refused:
            await client.send(_answer(refused))
            # What is still unread would make the kernel drop the answer.
            with anyio.move_on_after(1):
                await client.send_eof()
                while await client.receive(_CHUNK):
                    pass

    async def _exchange(self, client: SocketStream) -> None:
        head, early = await _read_head(client)
        request = parse_head(head)
        if not request.tunnel and len(early) > request.length:
            raise Refused(400, "one request per connection is answered")
        async with AsyncExitStack() as stack:
            upstream = await self._opened(request, stack)
            if request.tunnel:
                await client.send(b"HTTP/1.1 200 Connection established\r\n\r\n" + upstream.early)
            else:
                await upstream.stream.send(upstream.head(request))
            if early:
                await upstream.stream.send(early)
            await _joined(client, upstream, None if request.tunnel else request.length - len(early))

    async def _opened(self, request: Request, stack: AsyncExitStack) -> Upstream:
        try:
            upstream = await self._ways.open(request, stack)
        except Refused as refused:
            self._visits.refuse(str(request.authority), refused.reason)
            raise
        self._visits.reach(str(request.authority))
        return upstream


async def _read_head(client: ByteStream) -> tuple[bytes, bytes]:
    """Return the head of a request, and what came after it."""
    reader = BufferedByteReceiveStream(client)
    try:
        with anyio.fail_after(_HEAD_SECONDS):
            head = await reader.receive_until(b"\r\n\r\n", MOST)
    except TimeoutError as error:
        raise Refused(408, "the request didn't arrive in time") from error
    except anyio.DelimiterNotFound as error:
        raise Refused(431, f"the request's head is longer than {MOST} bytes") from error
    except anyio.IncompleteRead as error:
        raise Refused(400, "the request ends in its head") from error
    return head, reader.buffer


async def _joined(client: ByteStream, upstream: Upstream, most: int | None) -> None:
    """Pass bytes both ways until the server has ended, or nobody speaks any more.

    Args:
        client: who asks.
        upstream: who answers.
        most: bytes of the request's body still to come. None: a tunnel.
    """
    async with anyio.create_task_group() as tasks:
        tasks.cancel_scope.deadline = anyio.current_time() + _IDLE_SECONDS

        async def upward() -> None:
            await _copied(client, upstream.stream, tasks.cancel_scope, most)
            if most is None:
                with suppress(*_GONE):
                    await upstream.stream.send_eof()

        tasks.start_soon(upward)
        await _copied(upstream.stream, client, tasks.cancel_scope, None)
        if most is not None:
            tasks.cancel_scope.cancel()
        with suppress(*_GONE):
            await client.send_eof()


async def _copied(source: ByteStream, sink: ByteStream, scope: anyio.CancelScope, most: int | None) -> None:
    left = most
    try:
        while left is None or left > 0:
            data = await source.receive(_CHUNK if left is None else min(left, _CHUNK))
            scope.deadline = anyio.current_time() + _IDLE_SECONDS
            await sink.send(data)
            left = None if left is None else left - len(data)
    except anyio.EndOfStream:
        return
    except _GONE:
        scope.cancel()


def _answer(refused: Refused) -> bytes:
    body = f"{refused.reason}\n".encode()
    head = (
        f"HTTP/1.1 {refused.status} {HTTPStatus(refused.status).phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
