"""Three ways to begin many conversations with one long text that the server has not read yet."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import anyio
from openai import AsyncOpenAI

from swe_scale.models.warming import FirstAlone

_PATIENCE = 600.0
"""Seconds."""

Begin = Callable[[AsyncOpenAI, Mapping[str, Any], int], Awaitable[None]]
"""Asks for some first replies to one request."""


async def at_once(client: AsyncOpenAI, request: Mapping[str, Any], siblings: int) -> None:
    """Send all requests at once."""
    async with anyio.create_task_group() as tasks:
        for _ in range(siblings):
            tasks.start_soon(_reply, client, request, _nothing)


async def first_alone(client: AsyncOpenAI, request: Mapping[str, Any], siblings: int) -> None:
    """Send one request, and the others when it has begun to be answered."""
    ahead = FirstAlone(_PATIENCE)

    async def one() -> None:
        async with ahead.turn("prefix") as begin:
            await _reply(client, request, begin)

    async with anyio.create_task_group() as tasks:
        for _ in range(siblings):
            tasks.start_soon(one)


async def samples(client: AsyncOpenAI, request: Mapping[str, Any], siblings: int) -> None:
    """Send one request for as many replies."""
    await _reply(client, {**request, "n": siblings}, _nothing)


async def _reply(client: AsyncOpenAI, request: Mapping[str, Any], begin: Callable[[], None]) -> None:
    ended = 0
    async for chunk in await client.chat.completions.create(**request, stream=True):
        for choice in chunk.choices:
            if choice.delta.content:
                begin()
            ended += choice.finish_reason is not None
    if ended != request.get("n", 1):
        raise RuntimeError(f"{ended} replies of {request.get('n', 1)} came to their end")


def _nothing() -> None:
    """Stand for the message that nobody waits for."""


WAYS: Mapping[str, Begin] = {
    "all at once": at_once,
    "the first alone until it is answered": first_alone,
    "n samples in one request": samples,
}


def body(model: str, text: str, tokens: int) -> Mapping[str, Any]:
    """Return a request for a reply of so many tokens to a text, without a seed."""
    messages: Sequence[Mapping[str, str]] = [{"role": "user", "content": text}]
    return {"model": model, "messages": messages, "max_tokens": tokens, "extra_body": {"ignore_eos": True}}
