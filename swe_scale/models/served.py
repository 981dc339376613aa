"""What all models behind a network protocol have in common: their places, their patience, their failures."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext, suppress
from typing import NamedTuple, Protocol
from urllib.parse import quote

import anyio
import httpx2

from swe_scale.config import AnthropicEndpoint, OpenAIEndpoint
from swe_scale.errors import Interrupted, ModelError
from swe_scale.models.admission import Admission
from swe_scale.models.endpoint import Endpoint
from swe_scale.models.faults import Unavailable, Unreachable, refused
from swe_scale.models.place import Place
from swe_scale.models.reply import Answer, Malformed, Refusal, completion_of
from swe_scale.models.tokens import Counted, Counter
from swe_scale.models.warming import FirstAlone
from swe_scale.records import Completion, Message, Request, digest
from swe_scale.retry import pause, retrying

__all__ = ["Asked", "ServedModel", "address", "gather", "unbroken"]

_END_SECONDS = 1.0
"""For what follows the end of a streamed reply."""


class Asked(NamedTuple):
    """What a server said, and what it was not told because it wouldn't take it."""

    answer: Answer
    dropped: tuple[str, ...] = ()
    """Settings of the sampling."""


class Gathering(Protocol):
    """A reply that comes in pieces."""

    begun: bool
    ended: bool

    def add(self, line: str) -> None:
        """Take over one line of the stream."""


class ServedModel(ABC):
    """One model at one endpoint; a protocol adds how it is asked, and what its client's errors mean."""

    foreign: type[Exception]
    """What the protocol's client library raises."""
    ahead: FirstAlone | None = None
    """Lets the first request with a prefix go ahead of its siblings. None: they go together."""
    longest: int | None = None
    """Tokens that the server takes, at most, be `context_length` less. None: nobody said."""
    counter: Counter | None = None
    """Counts tokens. None: there is no way to."""

    def __init__(
        self, config: OpenAIEndpoint | AnthropicEndpoint, endpoint: Endpoint, context_length: int, places: int
    ) -> None:
        self.name = config.model
        self.context_length = context_length
        self.tools = config.tools
        self.endpoint = endpoint
        self.admission = Admission(places, sleep=pause)
        self._limits = config

    @abstractmethod
    async def _ask(self, request: Request, begun: Callable[[], None]) -> Asked:
        """Return what the server says, and call `begun` once it begins to.

        Raises:
            Refusal: it is an error.
            Malformed: it is no reply.
        """

    @abstractmethod
    def _ours(self, error: Exception) -> ModelError:
        """Return our error for one of the client library's."""

    async def count_tokens(self, texts: Sequence[str]) -> Counted | None:
        """Return how many tokens each text has; None where nothing counts them."""
        return await self.counter.count(texts) if self.counter else None

    def places(self, step: str) -> tuple[Place, ...]:  # noqa: ARG002 - there is one for all
        """Return the servers at which a call may be made, the best first."""
        return (Place(self._limits, self.endpoint, self.admission, self.longest),)

    async def complete(self, request: Request) -> Completion:
        """Return the reply; what may pass and cost nothing is tried again, each try in the configured time.

        Back-off takes nobody's place at the endpoint.

        Raises:
            ContextExceeded: the prompt no longer fits.
            EndpointRefused: key, model or address are wrong.
            Interrupted: the try that broke off may have been charged; `again` is the configured `retries`.
            ModelError: the endpoint failed for good, or for longer than it was tried.
        """
        try:
            return await retrying(self._limits.retries, (Unavailable, Unreachable))(self.attempt, request)
        except Interrupted as error:
            error.again = self._limits.retries
            raise

    async def attempt(self, request: Request) -> Completion:
        """Return the reply of one try, in a place of its own at the endpoint.

        Raises:
            Unavailable: the endpoint is busy, or restarts; it charged nothing.
            Unreachable: nothing was sent.
            ModelError: as `complete`.
        """
        async with self._turn(request) as begun, self.admission.place(request.step):
            start = anyio.current_time()
            asked = await self._tried(request, begun)
            seconds = anyio.current_time() - start
            self.admission.answered(seconds)
        try:
            reply = completion_of(asked.answer, request.messages, seconds)
        except Malformed as malformed:
            raise self._malformed(malformed) from None
        return reply.model_copy(update={"dropped": asked.dropped}) if asked.dropped else reply

    def _turn(self, request: Request) -> AbstractAsyncContextManager[Callable[[], None]]:
        prefix = _shared(request.messages)
        return self.ahead.turn(prefix) if self.ahead and prefix else nullcontext(_nothing)

    async def _tried(self, request: Request, begun: Callable[[], None]) -> Asked:
        try:
            with anyio.fail_after(self._limits.timeout):
                return await self._ask(request, begun)
        except TimeoutError:
            raise self._late() from None
        except self.foreign as error:
            raise self._heeded(self._ours(error)) from None
        except Refusal as refusal:
            raise self._heeded(self._refused(refusal)) from None
        except Malformed as malformed:
            raise self._malformed(malformed) from None

    def _heeded(self, error: ModelError) -> ModelError:
        if isinstance(error, Unavailable):
            self.admission.refused(error.retry_after)
        return error

    def _refused(self, refusal: Refusal) -> ModelError:
        fault = refused(refusal.status, refusal.error, {}, self.endpoint)
        if isinstance(fault, Unavailable):
            return Interrupted(str(fault))
        fault.charged = True
        return fault

    def _malformed(self, malformed: Malformed) -> ModelError:
        what = self.endpoint.quoted(str(malformed))
        return Interrupted(self.endpoint.says(what, "See the server's log."))

    def _late(self) -> ModelError:
        what = f"gave no reply within {self._limits.timeout:g} s"
        return ModelError(
            self.endpoint.says(what, "Raise timeout, or ask for shorter replies."), charged=True
        )


@contextmanager
def unbroken() -> Iterator[None]:
    """Translate what the HTTP library raises while a body is read, which the client libraries let through."""
    try:
        yield
    except httpx2.HTTPError as error:
        raise Malformed("broke the connection off in the middle of the reply") from error


async def gather(
    lines: AsyncIterator[str], reply: Gathering, stall: float, begun: Callable[[], None]
) -> None:
    """Put a reply together from the lines of its stream.

    Args:
        lines: of the stream.
        reply: takes them.
        stall: seconds without any line after which a reply that has begun is given up.
        begun: called for every line from where the reply has begun.

    Raises:
        Malformed: no more came.
    """
    with anyio.CancelScope() as scope, unbroken():
        async for line in lines:
            reply.add(line)
            if reply.ended:
                break
            if reply.begun:
                begun()
                scope.deadline = anyio.current_time() + stall
    if reply.ended:
        # A connection is used again only when its reply was read to the end, where nothing is left as a rule.
        with anyio.move_on_after(_END_SECONDS), suppress(httpx2.HTTPError):
            async for _ in lines:
                pass
    elif scope.cancelled_caught:
        raise Malformed(f"stopped in the middle of the reply: no word for {stall:g} s")


def address(request: Request) -> dict[str, str]:
    """Return the headers that say what a request is for."""
    return {
        "X-Request-Id": quote(request.step, safe="/:@+,=~"),
        # A router in front of replicas keeps together what says the same here.
        "X-Session-Id": quote(request.issue, safe="/:@+,=~"),
    }


def _shared(messages: tuple[Message, ...]) -> str:
    """Return what stands for the text that siblings share; empty if there is none."""
    last = max((number for number, one in enumerate(messages) if one.shared), default=None)
    if last is None:
        return ""
    return digest(*(one.content for one in messages[:last]), messages[last].content[: messages[last].shared])


def _nothing() -> None:
    """Stand for the message that nobody waits for."""
