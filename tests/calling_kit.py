"""Models that call tools, in a scripted conversation and over HTTP, and one that is refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chat_protocol import Fault, count
from solving_kit import RIGHT, Spoken

from swe_scale.errors import EndpointRefused
from swe_scale.records import Completion, Request, ToolCall

CHANGE = f"sed -i 's/^    return.*/{RIGHT.replace('/', chr(92) + '/')}/' stats.py; tail -1 stats.py"
"""The command that resolves the issue, and shows it."""


def call(name: str, arguments: str = "{}", id: str = "c") -> ToolCall:
    return ToolCall(id=id, name=name, arguments=arguments)


def called(command: str, id: str = "c") -> ToolCall:
    """Return a call that runs a command."""
    return call("bash", json.dumps({"command": command}), id)


SUBMIT = call("submit", id="end")


@dataclass
class Calling(Spoken):
    """A model that calls what is written for each step."""

    tools: bool = True
    calls: Mapping[str, Sequence[ToolCall]] = field(default_factory=dict)
    finish: str = "tool_calls"

    async def complete(self, request: Request) -> Completion:
        reply = await super().complete(request)
        calls = tuple(self.calls.get(request.step.partition("/")[2], ()))
        return reply.model_copy(update={"tool_calls": calls, "finish": self.finish})


@dataclass
class Refusing(Spoken):
    """A model whose endpoint no longer takes the key once the written replies are used up."""

    async def complete(self, request: Request) -> Completion:
        if request.step.partition("/")[2] not in self.replies:
            self.requests.append(request)
            raise EndpointRefused("the key is refused")
        return await super().complete(request)


Reply = Sequence[ToolCall] | str


def calling(*turns: Reply, **rest: Any) -> Calling:
    """Return a model that makes these calls in one trajectory, or says these texts."""
    steps = {f"trajectory/01/turn/{number:02}": turn for number, turn in enumerate(turns, start=1)}
    texts = {step: turn if isinstance(turn, str) else "" for step, turn in steps.items()}
    calls = {step: turn for step, turn in steps.items() if not isinstance(turn, str)}
    return Calling(texts, calls=calls, **rest)


def answer_with(*calls: ToolCall) -> Fault:
    """Return an answer of the chat protocol that calls tools."""
    functions = [{"name": one.name, "arguments": one.arguments} for one in calls]
    made = [
        {"id": one.id, "type": "function", "function": function}
        for one, function in zip(calls, functions, strict=True)
    ]
    message = {"role": "assistant", "content": None, "tool_calls": made}
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
    body = {"id": "x", "object": "chat.completion", "model": "scripted", "choices": [choice]}
    return Fault(body=json.dumps({**body, "usage": count(10, 5)}).encode())
