"""The protocols over which a model may be asked, and how things go wrong in each."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import messages_protocol
import pytest
from anthropic_server import AnthropicServer
from chat_protocol import Fault, error
from scripted_server import ScriptedServer

from swe_scale.config import AnthropicEndpoint, OpenAIEndpoint
from swe_scale.errors import Interrupted
from swe_scale.models import Model, open_model
from swe_scale.records import Completion, Message, Request, Sampling
from swe_scale.retry import retrying

STEP = "pkg-12/trajectory/03/turn/05"
Event = Mapping[str, object]


def lines(*events: Event) -> bytes:
    return "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()


def piece(text: str, finish: str | None = None) -> Event:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": finish}]}


@dataclass(frozen=True)
class Backend:
    """One protocol, and how things go wrong in it."""

    serve: Callable[..., ScriptedServer]
    endpoint: Callable[..., OpenAIEndpoint | AnthropicEndpoint]
    refuse: Callable[[int, str], Fault]
    half: bytes
    """A stream that has begun."""
    overloaded: bytes
    """An event that tells an error."""
    empty: str
    """A reply, whole, that is none."""

    def open(self, server: ScriptedServer, **fields: Any) -> Any:
        return open_model(self.endpoint(**{"base_url": server.base_url, "model": server.model, **fields}))


CHAT = Backend(
    ScriptedServer,
    OpenAIEndpoint,
    error,
    lines(piece("ha")),
    lines({"error": {"message": "Overloaded", "code": 529}}),
    '{"choices": []}',
)
MESSAGES = Backend(
    AnthropicServer,
    AnthropicEndpoint,
    messages_protocol.fault,
    messages_protocol.sent((messages_protocol.started(), {"type": "ping"})),
    messages_protocol.sent((messages_protocol.trouble("overloaded_error", "Overloaded"),)),
    '{"type": "message"}',
)


BACKENDS = [pytest.param(CHAT, id="openai"), pytest.param(MESSAGES, id="anthropic")]


def ask(step: str = STEP, prompt: str = "why?") -> Request:
    messages = (Message(role="system", content="be brief"), Message(role="user", content=prompt))
    chosen = Sampling(temperature=None, max_tokens=64)
    return Request(step=step, model="", messages=messages, sampling=chosen)


async def reply(
    backend: Backend, server: ScriptedServer, request: Request | None = None, **fields: Any
) -> Completion:
    async with backend.open(server, **fields) as model:
        return await asked(model, request)


async def asked(model: Model, request: Request | None = None) -> Completion:
    named = (request or ask()).model_copy(update={"model": model.name})
    # As the ledger does, with a reservation for each.
    done: Completion = await retrying(0, Interrupted)(model.complete, named)
    return done
