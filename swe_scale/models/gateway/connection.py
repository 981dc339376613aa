"""Reads one request of a client that nobody trusts, and answers it: HTTP/1.1, one request per connection."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

import anyio
import h11
from anyio.abc import ByteStream

from swe_scale.background import beside

__all__ = ["Asked", "Connection", "Rejected"]

_HEAD = 16 * 1024
_BODY = 16 << 20
"""Bytes, at most."""
_HEAD_SECONDS, _BODY_SECONDS = 15.0, 120.0
_CHUNK = 64 * 1024
_JSON = "application/json"
_SEND_SECONDS = 30.0
"""In which the client takes a piece of its answer."""
_GOODBYE_SECONDS = 1.0


class Rejected(Exception):
    """A request that is not passed on; carries the HTTP status and a reason that an agent can show."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """The head of a request."""

    method: str
    target: str
    headers: Mapping[str, str]
    """Names in lower case; of several with one name, the last."""

    @property
    def path(self) -> str:
        """The target without its query, of which nothing is needed."""
        return self.target.partition("?")[0]


class Connection:
    """One connection, from its request to the end of its answer."""

    def __init__(self, stream: ByteStream) -> None:
        self._stream = stream
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=_HEAD)
        self._bodiless = False

    async def head(self) -> Asked:
        """Return the request without its body.

        Raises:
            Rejected: it is none, or too long, or didn't come in time.
            EndOfStream: nobody asked for anything.
        """
        try:
            with anyio.fail_after(_HEAD_SECONDS):
                event = await self._next()
        except TimeoutError:
            raise Rejected(408, "the request didn't arrive in time") from None
        if not isinstance(event, h11.Request):
            raise anyio.EndOfStream
        self._bodiless = event.method == b"HEAD"
        # Names come in lower case.
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
        return Asked(event.method.decode("ascii"), event.target.decode("ascii", "replace"), headers)

    async def body(self) -> bytes:
        """Return the request's body.

        Raises:
            Rejected: it is too long, or didn't come in time.
        """
        found = bytearray()
        try:
            with anyio.fail_after(_BODY_SECONDS):
                if self._http.they_are_waiting_for_100_continue:
                    await self._send(h11.InformationalResponse(status_code=100, headers=[]))
                while isinstance(event := await self._next(), h11.Data):
                    found += event.data
                    if len(found) > _BODY:
                        raise Rejected(413, f"the request is longer than {_BODY >> 20} MiB")
        except TimeoutError:
            raise Rejected(408, "the request didn't arrive in time") from None
        return bytes(found)

    async def gone(self) -> None:
        """Return as soon as the client has left; what it still sends is thrown away."""
        try:
            while await self._stream.receive(_CHUNK):
                pass
        except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
            return

    async def while_there(self, work: Callable[[], Awaitable[None]]) -> bool:
        """Do something until it is done or the client has left; return whether it was done."""
        async with beside() as tasks:
            with anyio.CancelScope() as scope:

                async def left() -> None:
                    await self.gone()
                    scope.cancel()

                tasks.start_soon(left)
                await work()
        return not scope.cancelled_caught

    async def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send a whole answer, of JSON, but for its end."""
        await self.begin(status, {"Content-Length": str(len(body)), **(headers or {})})
        await self.send(body)

    async def begin(self, status: int, headers: Mapping[str, str]) -> None:
        """Send the head of an answer."""
        named = {"Content-Type": _JSON, **headers, "Connection": "close"}
        await self._send(h11.Response(status_code=status, headers=list(named.items())))

    async def send(self, piece: bytes) -> None:
        """Send a piece of its body, which an answer to HEAD has none of."""
        if piece and not self._bodiless:
            await self._send(h11.Data(data=piece))

    async def end(self) -> None:
        """Send its end."""
        await self._send(h11.EndOfMessage())
        await self._stream.send_eof()
        # What is still unread would make the kernel drop the answer.
        with anyio.move_on_after(_GOODBYE_SECONDS):
            await self.gone()

    async def _next(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            try:
                event = self._http.next_event()
            except h11.RemoteProtocolError as error:
                raise Rejected(error.error_status_hint, f"the request is malformed: {error}") from None
            if event is not h11.NEED_DATA:
                assert not isinstance(event, type) or event is h11.PAUSED
                return event
            try:
                data = await self._stream.receive(_CHUNK)
            except anyio.EndOfStream:
                data = b""
            try:
                self._http.receive_data(data)
            except RuntimeError:
                raise anyio.EndOfStream from None

    async def _send(self, event: h11.Event) -> None:
        data = self._http.send(event)
        if not data:
            return
        try:
            with anyio.fail_after(_SEND_SECONDS):
                await self._stream.send(data)
        except TimeoutError:
            # Whoever doesn't read would hold a place at the endpoint. A `TimeoutError` is the endpoint's.
            raise anyio.BrokenResourceError from None
