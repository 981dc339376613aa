"""Measures how much of prompts real servers take from their caches."""

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from itertools import count, cycle
from typing import NamedTuple

import anyio
import anyio.to_thread
from construction import construction
from load import Load, Recorded, put
from openai import AsyncOpenAI
from vllm_kit import BLOCK, MODEL
from vllm_served import CACHED, PROMPT, Served
from warm import Begin, body

from swe_scale.config import OpenAIEndpoint, Pool
from swe_scale.models import Model, open_model
from swe_scale.records import Completion, Message, Request

NUMBERS = count(1, 1000)
"""Of the first issues of loads, no two of which share any text."""


class Taken(NamedTuple):
    """What servers did for some prompts, by their own figures."""

    prompt: float
    """Tokens."""
    cached: float
    """Of these, from the cache."""
    seconds: float

    @property
    def share(self) -> float:
        """Share of the tokens from the cache."""
        return self.cached / self.prompt

    @property
    def computed(self) -> float:
        """Tokens that were not."""
        return self.prompt - self.cached


@asynccontextmanager
async def taking(servers: Sequence[Served], into: list[Taken]) -> AsyncIterator[None]:
    """Append what the servers do while the context lasts."""

    def now() -> tuple[float, float]:
        found = [server.wait_until_idle() for server in servers]
        return sum(one[PROMPT] for one in found), sum(one[CACHED] for one in found)

    before, started = await anyio.to_thread.run_sync(now), anyio.current_time()
    yield
    seconds = anyio.current_time() - started
    after = await anyio.to_thread.run_sync(now)
    into.append(Taken(after[0] - before[0], after[1] - before[1], seconds))


def endpoint(server: Served, in_flight: int = 256) -> OpenAIEndpoint:
    """Return the configuration of a server."""
    return OpenAIEndpoint(base_url=server.base_url, model=MODEL, max_in_flight=in_flight)


def own_first(request: Request) -> Request:
    """Return a request in which what tells siblings apart comes first."""
    own = Message(role="system", content=f"This is attempt {request.step.split('/')[2]}.")
    return request.model_copy(update={"messages": (own, *request.messages)})


class Layout(NamedTuple):
    """How a load over one shared context fared."""

    taken: Taken
    possible: float
    """Tokens from the cache ÷ those that the construction allows; what exceeds that isn't counted."""


async def laid_out(server: Served, load: Load, arranged: Callable[[Request], Request]) -> Layout:
    """Return how a load fares when its requests are arranged in some way.

    Raises:
        RuntimeError: the replies tell other numbers of cached tokens than the server's own figures do.
    """
    found: list[Taken] = []
    async with open_model(endpoint(server)) as model:
        recorded = Recorded(model, load.seconds, arranged)
        async with taking([server], found):
            await put(recorded, load, next(NUMBERS))
    sent = recorded.in_order()
    told = sum(one.usage.cached_tokens for one in sent)
    if told != found[0].cached:
        raise RuntimeError(f"replies tell of {told} cached tokens, the server of {found[0].cached:g}")
    allowed = construction([tokens(server, one.request) for one in sent], BLOCK).allowed
    served = sum(min(one.usage.cached_tokens, most) for one, most in zip(sent, allowed, strict=True))
    return Layout(found[0], served / sum(allowed))


def tokens(server: Served, request: Request) -> Sequence[int]:
    """Return a prompt's tokens, as the server makes them."""
    messages = [{"role": one.role, "content": one.content} for one in request.messages]
    found: Mapping[str, Sequence[int]] = json.loads(
        server.ask("/tokenize", {"model": MODEL, "messages": messages})
    )
    return found["tokens"]


@dataclass
class RoundRobin:
    """Sends requests to one model after another, whatever they belong to."""

    models: Sequence[Model]

    def __post_init__(self) -> None:
        self.name = self.models[0].name
        self.context_length = self.models[0].context_length
        self.tools = False
        self._turn = cycle(self.models)

    async def complete(self, request: Request) -> Completion:
        return await next(self._turn).complete(request)


@asynccontextmanager
async def by_affinity(servers: Sequence[Served], in_flight: int) -> AsyncIterator[Model]:
    """Return our pool of the servers."""
    pool = Pool(endpoints=tuple(endpoint(server, in_flight) for server in servers))
    async with open_model(pool) as model:
        yield model


@asynccontextmanager
async def round_robin(servers: Sequence[Served], in_flight: int) -> AsyncIterator[Model]:
    """Return the servers, which take requests in turn."""
    async with AsyncExitStack() as stack:
        opened = (open_model(endpoint(server, in_flight)) for server in servers)
        yield RoundRobin([await stack.enter_async_context(model) for model in opened])


Way = Callable[[Sequence[Served], int], AbstractAsyncContextManager[Model]]


async def spread(servers: Sequence[Served], load: Load, way: Way, in_flight: int) -> Taken:
    """Return how a load fares over several servers."""
    found: list[Taken] = []
    async with way(servers, in_flight) as model, taking(servers, found):
        await put(Recorded(model, load.seconds), load, next(NUMBERS))
    return found[0]


async def held(server: Served, load: Load) -> int:
    """Return how many blocks a cache has after a load, if it forgets nothing."""
    async with open_model(endpoint(server)) as model:
        recorded = Recorded(model)
        await put(recorded, load, next(NUMBERS))
    return construction([tokens(server, one.request) for one in recorded.sent], BLOCK).blocks


async def begun(server: Served, begin: Begin, text: str, siblings: int, reply_tokens: int) -> Taken:
    """Return how siblings fare with a first message that is new to the server."""
    found: list[Taken] = []
    opened = AsyncOpenAI(base_url=server.base_url, api_key="none", max_retries=0)
    async with opened as client, taking([server], found):
        await begin(client, body(MODEL, f"{next(NUMBERS)} {text}", reply_tokens), siblings)
    return found[0]
