"""How tests ask a model over Anthropic's protocol."""

from typing import Any

from anthropic_server import AnthropicServer

from swe_scale.config import AnthropicEndpoint
from swe_scale.models import open_model
from swe_scale.records import Completion, Message, Request, Sampling, Tool

STEP = "pkg-12/trajectory/03/turn/05"
QUESTION = (Message(role="user", content="why?"),)
SHARED = "the files that all siblings see " * 200
"""1,600 tokens."""


def config(server: AnthropicServer, **fields: Any) -> AnthropicEndpoint:
    return AnthropicEndpoint(**{"base_url": server.base_url, "model": server.model, **fields})


def ask(*messages: Message, step: str = STEP, tools: tuple[Tool, ...] = (), **sampling: Any) -> Request:
    chosen = Sampling(**{"temperature": None, "max_tokens": 4096, **sampling})
    return Request(step=step, model="claude", messages=messages or QUESTION, sampling=chosen, tools=tools)


async def reply(server: AnthropicServer, request: Request | None = None, **fields: Any) -> Completion:
    async with open_model(config(server, **fields)) as model:
        return await model.complete(request or ask())


def user(text: str, shared: int = 0) -> Message:
    return Message(role="user", content=text, shared=shared)
