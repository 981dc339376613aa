"""Carries one request of an agent to its endpoint, and the reply back piece by piece."""

from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import anyio
import httpx2

from swe_scale.errors import ModelError
from swe_scale.models.faults import Unavailable, Unreachable
from swe_scale.models.gateway.body import Body, by_newer_name
from swe_scale.models.gateway.connection import Connection
from swe_scale.models.gateway.kinds import Kind
from swe_scale.models.gateway.metering import Meter
from swe_scale.models.gateway.upstream import Refused, Reply, asked, client_for
from swe_scale.models.place import Place
from swe_scale.models.reply import Malformed
from swe_scale.records import Completion, Usage

__all__ = ["Clients", "Passage"]

_STREAM = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache"}


@dataclass(slots=True)
class Clients:
    """What endpoints are asked with, one for each address."""

    _open: dict[str, httpx2.AsyncClient] = field(default_factory=dict)
    _stack: AsyncExitStack = field(default_factory=AsyncExitStack)

    def of(self, place: Place) -> httpx2.AsyncClient:
        """Return that of an endpoint."""
        if place.config.base_url not in self._open:
            made = self._open[place.config.base_url] = client_for(place)
            self._stack.push_async_callback(made.aclose)
        return self._open[place.config.base_url]

    async def close(self) -> None:
        """Let go of all connections."""
        await self._stack.aclose()


@dataclass(slots=True)
class Passage:
    """One request on its way."""

    connection: Connection
    clients: Clients
    step: str
    kind: Kind
    headers: dict[str, str]
    body: Body
    begun: bool = False
    """Whether the client has got the beginning of a reply."""
    usage: Usage | None = field(default_factory=Usage)
    """What is known of its tokens. None: it was sent, and nothing is known."""
    completion: Completion | None = None
    fault: str = ""

    async def carry(self, places: tuple[Place, ...]) -> None:
        """Ask the first place that can be reached.

        Raises:
            Refused: it refuses.
            ModelError: none can be reached, or the reply broke off or came too late.
        """
        *others, last = places
        for place in others:
            try:
                await self._placed(place)
                return
            except Unreachable:
                continue
            except Refused as refused:
                if refused.status != 401:
                    raise
        await self._placed(last)

    async def _placed(self, place: Place) -> None:
        async with place.admission.place(self.step):
            try:
                await self._tried(place)
            except Refused as refused:
                newer = by_newer_name(self.body)
                if refused.status != 400 or refused.names != "max_tokens" or newer == self.body:
                    raise
                # Some models know the reply's bound by its newer name alone, most servers by the older.
                self.body = newer
                await self._tried(place)

    async def _tried(self, place: Place) -> None:
        self.usage, began = None, anyio.current_time()
        try:
            with anyio.fail_after(place.config.timeout):
                async with asked(
                    self.clients.of(place), place, self.kind, self.body.content, self.headers
                ) as reply:
                    await self._back(reply, began)
        except TimeoutError:
            self.fault = f"gave no reply within {place.config.timeout:g} s"
            raise ModelError(place.endpoint.says(self.fault), charged=True) from None
        except Malformed as malformed:
            self.fault = place.endpoint.quoted(str(malformed))
            raise ModelError(place.endpoint.says(self.fault), charged=True) from None
        except Refused as refused:
            self._refused(refused.fault, place)
            raise
        except ModelError as error:
            self._refused(error, place)
            raise
        place.admission.answered(anyio.current_time() - began)

    def _refused(self, fault: ModelError, place: Place) -> None:
        self.fault = str(fault)
        self.usage = None if fault.charged else Usage()
        if isinstance(fault, Unavailable):
            place.admission.refused(fault.retry_after)

    async def _back(self, reply: Reply, began: float) -> None:
        meter = Meter(self.kind, self.body)
        if reply.streamed:
            self.begun = True
            await self.connection.begin(200, _STREAM)
            async for line in reply.lines():
                if meter.line(line):
                    await self.connection.send(line)
            self.completion = meter.ended(anyio.current_time() - began)
        else:
            raw = await reply.whole()
            self.completion = meter.whole(raw, anyio.current_time() - began)
            self.begun = True
            await self.connection.begin(200, {"Content-Length": str(len(raw))})
            await self.connection.send(raw)
        self.fault = meter.fault
        self.usage = self.completion.usage if self.completion else None
