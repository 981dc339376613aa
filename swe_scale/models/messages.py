"""What is sent over Anthropic's Messages protocol, with the places up to which a prefix is to be kept."""

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from swe_scale.models.chat import sendable
from swe_scale.records import Message, Request, Sampling, ToolCall

__all__ = ["OPTIONAL", "SAMPLED", "Abilities", "Body", "body_of"]

SAMPLED = ("top_k", "top_p", "temperature")
"""Settings that the protocol had until its version of 2026-10-21, and that newer models refuse."""
OPTIONAL = (*SAMPLED, "effort", "thinking", "format")
"""What a call makes sense without, in the order in which it is given up."""
_UNKNOWN = ("min_p", "seed", "logprobs")
"""What the protocol never had."""
_SHARES = {"low": 0.25, "medium": 0.5, "high": 0.75}
"""Of the longest reply, for models that are told a number of tokens to think with."""
_LEAST_BUDGET = 1024
_MOST_TEMPERATURE = 1.0
_SHARED_MARKS = 2
"""Of the four places that a request may name; the others move with the conversation."""

_Block = dict[str, Any]
_MARK: _Block = {"cache_control": {"type": "ephemeral"}}
"""Up to the end of the block that has it, the prefix is kept for five minutes after its last use."""


class Abilities(NamedTuple):
    """What the service says that a model takes; None where it says nothing."""

    efforts: frozenset[str] | None = None
    adaptive: bool | None = None
    """Whether it decides itself how much to think."""
    budget: bool | None = None
    """Whether it can be told how many tokens to think with."""
    longest: int | None = None
    """Tokens of a reply, at most."""
    schemas: bool | None = None
    """Whether it can be held to a JSON schema."""


class Body(NamedTuple):
    """A request's body, and the settings that are not in it."""

    fields: dict[str, Any]
    dropped: tuple[str, ...]


def body_of(request: Request, abilities: Abilities, refused: frozenset[str] = frozenset()) -> Body:
    """Return a request's body.

    Args:
        request: what is asked.
        abilities: of the model.
        refused: of `OPTIONAL`, what it has turned out not to take.
    """
    longest = min(request.sampling.max_tokens, abilities.longest or request.sampling.max_tokens)
    turns = _turns(request.messages)
    system = [block for one in request.messages if one.role == "system" for block in _texts(one)]
    _mark(system, turns)
    fields: dict[str, Any] = {"model": request.model, "max_tokens": longest, "messages": turns}
    if system:
        fields["system"] = system
    if request.tools:
        fields["tools"] = [
            {"name": one.name, "description": one.description, "input_schema": dict(one.parameters)}
            for one in request.tools
        ]
    fields |= _thinking(request, longest, abilities, refused)
    if request.reply_schema is not None and abilities.schemas is not False and "format" not in refused:
        held = {"type": "json_schema", "schema": dict(request.reply_schema)}
        fields["output_config"] = {**fields.get("output_config", {}), "format": held}
    fields |= _sampled(request.sampling, refused, thinks="thinking" in fields)
    return Body(fields, _dropped(request, fields))


def _sampled(sampling: Sampling, refused: frozenset[str], thinks: bool) -> dict[str, Any]:
    wanted = {name: getattr(sampling, name) for name in SAMPLED if name not in refused and not thinks}
    found = {name: value for name, value in wanted.items() if value is not None}
    if found.get("temperature", 0.0) > _MOST_TEMPERATURE:
        # The most that there is happens to be what is taken where none is sent.
        del found["temperature"]
    return found


def _thinking(
    request: Request, longest: int, abilities: Abilities, refused: frozenset[str]
) -> dict[str, Any]:
    effort = request.sampling.effort
    if effort is None or "effort" in refused:
        return {}
    if abilities.efforts is None or effort in abilities.efforts:
        asked: dict[str, Any] = {"output_config": {"effort": effort}}
        if abilities.adaptive and "thinking" not in refused:
            asked["thinking"] = {"type": "adaptive", "display": "summarized"}
        return asked
    budget = int(_SHARES.get(effort, 0.0) * longest)
    # With tools, this kind of thinking wants its earlier thoughts back, signed; they are not kept.
    if abilities.efforts or not abilities.budget or request.tools or budget < _LEAST_BUDGET:
        return {}
    return {} if "thinking" in refused else {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _dropped(request: Request, fields: dict[str, Any]) -> tuple[str, ...]:
    sampling, output = request.sampling, fields.get("output_config", {})
    asked = {name: getattr(sampling, name) for name in (*SAMPLED, *_UNKNOWN)}
    wanted = {name for name, value in asked.items() if value is not None and value is not False}
    if sampling.effort is not None and "effort" not in output and "thinking" not in fields:
        wanted.add("effort")
    if request.reply_schema is not None and "format" not in output:
        wanted.add("response_format")
    return tuple(sorted(wanted - fields.keys()))


def _turns(messages: Iterable[Message]) -> list[dict[str, Any]]:
    """Return the conversation; what one side says in several messages becomes one turn, as it must."""
    turns: list[dict[str, Any]] = []
    for one in messages:
        blocks = [] if one.role == "system" else _blocks(one)
        role = "assistant" if one.role == "assistant" else "user"
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    return turns


def _blocks(message: Message) -> list[_Block]:
    if message.role != "tool":
        return _shown(message) + _texts(message) + [_call(call) for call in message.tool_calls]
    result: _Block = {"type": "tool_result", "tool_use_id": message.answers}
    return [{**result, "content": sendable(message.content)} if message.content.strip() else result]


def _shown(message: Message) -> list[_Block]:
    return [
        {"type": "image", "source": {"type": "base64", "media_type": one.media_type, "data": one.data}}
        for one in message.pictures
    ]


def _texts(message: Message) -> list[_Block]:
    """Return a message's text, what siblings share apart and marked; blank texts are refused, so left out."""
    parts = (message.content[: message.shared], message.content[message.shared :])
    blocks: list[_Block] = [{"type": "text", "text": sendable(part)} for part in parts if part.strip()]
    if parts[0].strip():
        blocks[0] |= _MARK
    return blocks


def _call(call: ToolCall) -> _Block:
    try:
        given = json.loads(call.arguments or "{}")
    except (ValueError, RecursionError):
        given = None
    # Only an object can be sent back; what isn't one is at least shown.
    arguments = given if isinstance(given, dict) else {"unreadable": sendable(call.arguments)}
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": arguments}


def _mark(system: list[_Block], turns: list[dict[str, Any]]) -> None:
    """Mark the ends of this turn and the last too, and keep to the number of marks that there may be.

    A prefix is found again within 20 blocks before a mark; the last turn's end is marked because a turn
    with many tool calls is longer than that.
    """
    blocks = system + [block for turn in turns for block in turn["content"]]
    for block in [block for block in blocks if "cache_control" in block][:-_SHARED_MARKS]:
        del block["cache_control"]
    for turn in [turn for turn in turns if turn["role"] == "user"][-2:]:
        turn["content"][-1] |= _MARK
