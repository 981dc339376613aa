"""What tests ask a real vLLM through our own client."""

from typing import Any

import anyio
from vllm_kit import MODEL
from vllm_served import Served

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import Interrupted
from swe_scale.models import Model, open_model
from swe_scale.records import Completion, Message, Request, Sampling

STEP = "pkg-1/trajectory/01/turn/01"


def endpoint(served: Served, **fields: Any) -> OpenAIEndpoint:
    """Return the configuration of a server."""
    return OpenAIEndpoint(**{"base_url": served.base_url, "model": MODEL, **fields})


def ask(prompt: str, step: str = STEP, **sampling: Any) -> Request:
    """Return a call; a random model seldom ends before `max_tokens`."""
    chosen = Sampling(**{"max_tokens": 24, "seed": 1, **sampling})
    return Request(step=step, model=MODEL, messages=(Message(role="user", content=prompt),), sampling=chosen)


async def reply(served: Served, request: Request, **fields: Any) -> Completion:
    """Return one reply of a server."""
    async with open_model(endpoint(served, **fields)) as model:
        return await model.complete(request)


async def replies(model: Model, requests: list[Request]) -> list[Completion]:
    """Return the replies to all these requests, made at a time."""
    found: dict[int, Completion] = {}

    async def one(number: int, request: Request) -> None:
        try:
            found[number] = await model.complete(request)
        except Interrupted:
            # A busy server may close a connection just as it is used again; the ledger asks once more, too.
            found[number] = await model.complete(request)

    async with anyio.create_task_group() as tasks:
        for number, request in enumerate(requests):
            tasks.start_soon(one, number, request)
    return [found[number] for number in range(len(requests))]
