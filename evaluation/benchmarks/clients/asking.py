"""Asks a server from 200 tasks at a time, with our client or with the bare one, and tells the CPU time.

Usage: asking.py SIDE BASE_URL whole|streamed CHARACTERS REQUESTS; SIDE is `ours` or `bare`. Both are given
their conversation ready made, send the same to the byte, and end up with the reply's text and its usage.
"""

import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
from openai import AsyncOpenAI

sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import texts
from instant import MODEL

from swe_scale.config import OpenAIEndpoint
from swe_scale.models import open_model
from swe_scale.records import Message, Request, Sampling

AT_ONCE = 200
_SAMPLING: dict[str, Any] = {"temperature": 0.8, "seed": 1, "max_tokens": 4096}
_TURNS = 5

Ask = Callable[[str], Awaitable[tuple[str, int]]]
"""Sends the conversation for a step; returns the reply's text and its tokens."""


def conversation(characters: int) -> list[dict[str, str]]:
    """Return a conversation in which the user's first message has so many characters.

    A long one, as siblings share it, has five turns behind it.
    """
    line = "    total = sum(day.hours for day in month.days if not day.holiday)  # see calendar\n"
    shared = (line * (characters // len(line) + 1))[:characters]
    messages = [{"role": "system", "content": "You resolve issues."}, {"role": "user", "content": shared}]
    for turn in range(_TURNS if characters > len(texts.ISSUE) else 0):
        messages += [
            {"role": "assistant", "content": texts.reply(str(turn))},
            {"role": "user", "content": texts.output(str(turn))},
        ]
    return messages


@asynccontextmanager
async def ours(base_url: str, messages: list[dict[str, str]], stream: bool) -> AsyncIterator[Ask]:
    """Return our client, with its admission, its patience and its doubts."""
    records = tuple(Message.model_validate(one) for one in messages)
    sampling = Sampling(**_SAMPLING)
    async with open_model(OpenAIEndpoint(base_url=base_url, model=MODEL, stream=stream)) as model:

        async def ask(step: str) -> tuple[str, int]:
            reply = await model.complete(Request(step=step, model=MODEL, messages=records, sampling=sampling))
            return reply.text, reply.usage.completion_tokens

        yield ask


@asynccontextmanager
async def bare(base_url: str, messages: list[dict[str, str]], stream: bool) -> AsyncIterator[Ask]:
    """Return the official client as its documentation shows it."""
    async with AsyncOpenAI(base_url=base_url, api_key="none", max_retries=0) as client:
        given: dict[str, Any] = {"model": MODEL, "messages": messages, **_SAMPLING}

        async def ask(step: str) -> tuple[str, int]:
            reply = await client.chat.completions.create(**given, extra_headers=_headers(step))
            return reply.choices[0].message.content, reply.usage.completion_tokens

        async def ask_streamed(step: str) -> tuple[str, int]:
            pieces, tokens = [], 0
            streaming = {**given, "stream": True, "stream_options": {"include_usage": True}}
            async for chunk in await client.chat.completions.create(
                **streaming, extra_headers=_headers(step)
            ):
                if chunk.choices:
                    pieces.append(chunk.choices[0].delta.content or "")
                if chunk.usage:
                    tokens = chunk.usage.completion_tokens
            return "".join(pieces), tokens

        yield ask_streamed if stream else ask


def _headers(step: str) -> dict[str, str]:
    return {"X-Request-Id": step, "X-Session-Id": step.partition("/")[0]}


SIDES: dict[str, Callable[[str, list[dict[str, str]], bool], AbstractAsyncContextManager[Ask]]] = {
    "ours": ours,
    "bare": bare,
}


async def rounds(ask: Ask, first: int, each: int) -> None:
    """Let every task ask some times, one request after another."""

    async def work(task: int) -> None:
        for turn in range(first, first + each):
            text, tokens = await ask(f"bench-{task:03}/trajectory/01/turn/{turn:02}")
            if text != texts.reply(f"01_{turn:02}") or not tokens:
                raise RuntimeError(f"another reply was expected than {text!r}")

    async with anyio.create_task_group() as tasks:
        for task in range(AT_ONCE):
            tasks.start_soon(work, task)


async def measure(side: str, base_url: str, stream: bool, characters: int, each: int) -> float:
    """Return the milliseconds of CPU time per request, after a round that doesn't count."""
    async with SIDES[side](base_url, conversation(characters), stream) as ask:
        await rounds(ask, 0, 1)
        started = time.process_time()
        await rounds(ask, 1, each)
        return 1000 * (time.process_time() - started) / (AT_ONCE * each)


if __name__ == "__main__":
    chosen, url, way, size, count = sys.argv[1:]
    print(json.dumps({"ms": anyio.run(measure, chosen, url, way == "streamed", int(size), int(count))}))
