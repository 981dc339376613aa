"""The one way from an agent that isn't ours to its model: every request is bounded, paid for and noted."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol, runtime_checkable

import anyio
import h11
from anyio.abc import SocketStream, TaskGroup

from swe_scale.background import beside
from swe_scale.errors import BudgetExceeded, EndpointRefused, ModelError, StoreError, UsageError
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.models.gateway.allowance import Allowance, Spending, TooMany
from swe_scale.models.gateway.body import by_newer_name, prepared
from swe_scale.models.gateway.connection import Asked, Connection, Rejected
from swe_scale.models.gateway.kinds import KINDS, Kind, failure
from swe_scale.models.gateway.listing import LISTED, listing
from swe_scale.models.gateway.notes import Notes
from swe_scale.models.gateway.passage import Clients, Passage
from swe_scale.models.gateway.transcript import Transcript
from swe_scale.models.gateway.upstream import Refused, passed_on
from swe_scale.models.gateway.watch import Watch
from swe_scale.models.place import Place
from swe_scale.records import Usage

__all__ = ["Gateway", "open_gateway"]

_AT_A_TIME = 8
"""Requests whose bodies are held at a time."""
_GRACE = 20.0
"""Seconds for an agent to end by itself once it may ask nothing more."""
_GONE = (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, h11.ProtocolError)


@runtime_checkable
class Served(Protocol):
    """A model behind a network protocol."""

    name: str

    def places(self, step: str) -> tuple[Place, ...]:
        """Return the servers at which a call may be made, the best first."""
        ...


class Gateway:
    """Answers the requests of one agent. Made by `open_gateway`."""

    def __init__(
        self, model: Served, ledger: Ledger, path: str, allowance: Allowance, tasks: TaskGroup
    ) -> None:
        self.spending = Spending(allowance)
        self.transcript = Transcript()
        self.over: BudgetExceeded | None = None
        """Why it may ask nothing more."""
        self.fault: ModelError | None = None
        """What was wrong with the endpoint last."""
        self.refused: EndpointRefused | None = None
        """Set where the endpoint refuses the key: nothing will work."""
        self._model = model
        self._ledger = ledger
        self._path = path
        self._tasks = tasks
        self._watch = Watch()
        self._notes = Notes(ledger.events, path)
        self._clients = Clients()
        self._turns = anyio.Semaphore(_AT_A_TIME)
        self._newer = False

    @property
    def ended(self) -> anyio.Event:
        """Set when the agent is to be ended."""
        return self._watch.ended

    async def serve(self, client: SocketStream) -> None:
        """Answer one connection, and close it; whatever it sends, only this connection suffers."""
        try:
            async with client:
                connection = Connection(client)
                await self._answered(connection)
                await connection.end()
        except _GONE:
            return
        except StoreError:
            raise
        except Exception as error:
            # What one connection brings about must not end the issue, whose other agents go on.
            self._notes.fault(error)

    async def close(self) -> None:
        """Let go of the connections to the endpoint."""
        await self._clients.close()

    async def _answered(self, connection: Connection) -> None:
        kind = None
        try:
            asked = await connection.head()
            kind = KINDS.get(asked.path)
            if asked.method == "GET" and asked.path == "/end":
                await self._watch.hold(connection)
            elif asked.method in ("GET", "HEAD") and (found := LISTED.fullmatch(asked.path)):
                await connection.answer(200, listing(self._model.name, alone=bool(found["one"])))
            else:
                async with self._turns:
                    await self._exchanged(connection, asked, self._checked(asked, kind))
        except Rejected as rejected:
            await connection.answer(rejected.status, failure(rejected.status, rejected.reason, kind))

    def _checked(self, asked: Asked, kind: Kind | None) -> Kind:
        if not asked.target.startswith("/"):
            self._notes.host(asked.target)
            raise Rejected(
                403, "this leads to the model alone: an agent reaches its model endpoint and no other host"
            )
        if kind is None:
            known = ", ".join(KINDS)
            raise Rejected(404, f"there is nothing at {asked.path[:200]}; there are {known} and /v1/models")
        if asked.method != "POST":
            raise Rejected(405, f"{asked.path} wants POST")
        if asked.headers.get("content-encoding", "identity") != "identity":
            raise Rejected(415, "the request's body must come as it is, not compressed")
        return kind

    async def _exchanged(self, connection: Connection, asked: Asked, kind: Kind) -> None:
        raw = await connection.body()
        if self.over is not None:
            raise self._spent(self.over)
        places = self._model.places(self._path)
        if not places:
            raise Rejected(503, "no endpoint of the model answers at present")
        body = prepared(raw, kind, places[0].config, self.spending.allowance.reply_tokens)
        try:
            step = f"{self._path}/request/{self.spending.count():03}"
        except TooMany as error:
            raise self._spent(error) from None
        headers = passed_on(asked.headers, kind, step)
        body = by_newer_name(body) if self._newer and kind.path == "chat/completions" else body
        passage = Passage(connection, self._clients, step, kind, headers, body)
        if not await connection.while_there(partial(self._paid, passage, places)):
            raise anyio.EndOfStream

    async def _paid(self, passage: Passage, places: tuple[Place, ...]) -> None:
        name, sent = self._model.name, passage.body
        prompt = max(sent.prompt(place.longest) for place in places)
        bound = self._ledger.bound(name, prompt, sent.most)
        cost = Usage()
        try:
            await self.spending.hold(bound)
            try:
                async with self._ledger.paying(passage.step, bound) as bill:
                    bill.usage = cost
                    try:
                        await self._carried(passage, places)
                    finally:
                        known = passage.usage
                        cost = bill.usage = bound if known is None else self._priced(known)
            finally:
                self.spending.book(bound, cost)
                self.transcript.add(passage.step, passage.body, passage.completion, passage.fault)
                self._newer = self._newer or passage.body is not sent
        except BudgetExceeded as error:
            raise self._spent(error) from None
        self._ledger.events.emit("turn", "request", passage.step)

    def _priced(self, usage: Usage) -> Usage:
        return self._ledger.priced(self._model.name, usage) if usage.calls else usage

    async def _carried(self, passage: Passage, places: tuple[Place, ...]) -> None:
        """Carry a request; of what goes wrong before the reply has begun, the client is told."""
        try:
            await passage.carry(places)
        except Refused as refused:
            self.fault = refused.fault
            if refused.status == 401 and isinstance(refused.fault, EndpointRefused):
                # The key is ours: nothing that this agent does can mend it.
                self.refused = refused.fault
                self.ended.set()
            status = refused.status if 400 <= refused.status < 600 else 502
            wish = {"Retry-After": refused.retry_after} if refused.retry_after else {}
            told = refused.told if refused.told.lstrip()[:1] == b"{" else b""
            said = told or failure(status, str(refused.fault), passage.kind)
            await passage.connection.answer(status, said, wish)
        except ModelError as error:
            self.fault = error
            if passage.begun:
                # A reply that breaks off is no whole one.
                raise anyio.EndOfStream from None
            raise Rejected(502, str(error)) from None

    def _spent(self, error: BudgetExceeded) -> Rejected:
        """Return the answer to a request for which nothing is left; soon the agent is ended."""
        if self.over is None:
            self.over = error
            self._tasks.start_soon(self._end_soon)
        return Rejected(402, f"{error}: no further request is answered")

    async def _end_soon(self) -> None:
        # What is under way is paid for.
        await self.spending.idle()
        await anyio.sleep(_GRACE)
        self.ended.set()


@asynccontextmanager
async def open_gateway(
    model: Model, ledger: Ledger, path: str, allowance: Allowance
) -> AsyncIterator[Gateway]:
    """Return what answers an agent's requests, to be served where the agent can reach it.

    It takes the usual requests of OpenAI's and Anthropic's protocols, and passes them on to the model's
    endpoint: with the endpoint's key, its model, a bound for the reply, and none of the client's headers.
    A request is a call of the ledger, under `PATH/request/NNN`, and takes its place at the endpoint like all.

    Args:
        model: whom the requests are for.
        ledger: of the issue.
        path: address of the trajectory.
        allowance: what the agent may ask.

    Raises (on entry):
        UsageError: the model is behind no network protocol.
    """
    if not isinstance(model, Served):
        raise UsageError(
            f"{model.name} answers from files: an agent of strategy kind `exec` needs an endpoint.\n"
            "Give --base-url and --model, or name an endpoint in the configuration."
        )
    async with beside() as tasks:
        gateway = Gateway(model, ledger, path, allowance, tasks)
        try:
            yield gateway
        finally:
            with anyio.CancelScope(shield=True):
                await gateway.close()
