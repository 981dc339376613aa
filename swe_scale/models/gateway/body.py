"""Makes of what an agent asks what its endpoint is asked: one model, bounded, and nothing done elsewhere."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from swe_scale.config import AnthropicEndpoint, OpenAIEndpoint
from swe_scale.models.gateway.connection import Rejected
from swe_scale.models.gateway.kinds import Kind

__all__ = ["Body", "by_newer_name", "prepared"]

_OVERHEAD = 1024
"""Tokens in which a server explains how tools are called, at most, in those that we know of."""
_LEFT_OUT = ("service_tier", "speed", "background", "metadata", "user", "safety_identifier", "mcp_servers")
"""Fields that make a call dearer, keep it elsewhere, or say who asks."""
_ELSEWHERE = ("previous_response_id", "conversation", "prompt_id", "web_search_options", "container")
"""Fields that bring in what this request doesn't hold."""
_OWN_TOOLS = ("function", "custom", "local_shell", "shell", "apply_patch", "namespace")
"""Types of tools that a client carries out by itself."""
_OWN_TOOLS_NATIVE = ("bash_", "text_editor_", "computer_", "memory_")
_LINKED = ("url", "image_url", "file_url")
_LEAST_THOUGHT = 1024
"""Tokens; Anthropic's service takes no smaller budget for thinking."""


@dataclass(frozen=True, slots=True)
class Body:
    """What the endpoint is asked."""

    fields: dict[str, Any]
    content: bytes
    """The same, as it is sent."""
    most: int
    """Tokens of the reply, at most."""
    streamed: bool
    hidden_counts: bool
    """Whether the stream's last piece, which tells the tokens, wasn't asked for by the client."""

    @property
    def prompt(self) -> int:
        """Tokens of the prompt, at most: no tokenizer makes more tokens than bytes."""
        return len(self.content) + _OVERHEAD


def prepared(raw: bytes, kind: Kind, config: OpenAIEndpoint | AnthropicEndpoint, most: int) -> Body:
    """Return what the endpoint is asked.

    Args:
        raw: what the client sent.
        kind: of its request.
        config: the endpoint's.
        most: tokens of a reply, at most.

    Raises:
        Rejected: it is no request of this kind, or wants something that isn't to be had.
    """
    fields = _object(raw)
    _refuse_elsewhere(fields, kind)
    for name in _LEFT_OUT:
        fields.pop(name, None)
    if kind.path == "responses":
        fields["store"] = False
    fields |= {"model": config.model, **config.extra_body}
    fields["model"] = config.model
    length = _bounded(fields, kind, most)
    streamed = fields.get("stream") is True
    options = fields.get("stream_options") if isinstance(fields.get("stream_options"), dict) else {}
    asked = bool(options and options.get("include_usage"))
    if streamed and kind.counts_on_wish:
        fields["stream_options"] = {**(options or {}), "include_usage": True}
    hidden = streamed and kind.counts_on_wish and not asked
    return Body(fields, _written(fields), length, streamed, hidden)


def by_newer_name(body: Body) -> Body:
    """Return the same with the reply's bound under the name that alone some models know."""
    if "max_tokens" not in body.fields:
        return body
    fields = {
        "max_completion_tokens" if name == "max_tokens" else name: one for name, one in body.fields.items()
    }
    return replace(body, fields=fields, content=_written(fields))


def _written(fields: dict[str, Any]) -> bytes:
    try:
        return json.dumps(fields, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (ValueError, RecursionError):
        raise Rejected(400, "the request holds something that is no JSON") from None


def _object(raw: bytes) -> dict[str, Any]:
    try:
        fields = from_json(raw, allow_inf_nan=False)
    except ValueError:
        raise Rejected(400, "the request's body is no JSON") from None
    if not isinstance(fields, dict):
        raise Rejected(400, "the request's body is no JSON object")
    return fields


def _bounded(fields: dict[str, Any], kind: Kind, most: int) -> int:
    """Bound the reply, and return its bound."""
    for name in ("n", "best_of"):
        if fields.get(name, 1) not in (1, None):
            raise Rejected(400, f"{name}: one reply is given to each request")
    if kind.path == "completions" and not _one_prompt(fields.get("prompt")):
        raise Rejected(400, "prompt: it must be one text")
    given = [name for name in kind.lengths if fields.get(name) is not None]
    for name in given or kind.lengths[:1]:
        wish = fields.get(name)
        fields[name] = max(1, min(wish, most)) if type(wish) is int else most
    length = max(fields[name] for name in (given or kind.lengths[:1]))
    thinking = fields.get("thinking")
    if kind.native and isinstance(thinking, dict) and type(thinking.get("budget_tokens")) is int:
        budget = min(thinking["budget_tokens"], length - 1)
        if budget < _LEAST_THOUGHT:
            del fields["thinking"]
        else:
            fields["thinking"] = {**thinking, "budget_tokens": budget}
    return int(length)


def _one_prompt(prompt: object) -> bool:
    if isinstance(prompt, list):
        return all(type(one) is int for one in prompt)
    return isinstance(prompt, str)


def _refuse_elsewhere(fields: dict[str, Any], kind: Kind) -> None:
    """Refuse what the service would fetch, look up or run by itself: the network beyond the model."""
    for name in _ELSEWHERE:
        if fields.get(name):
            raise Rejected(400, f"{name} can't be used here: an agent reaches its model endpoint alone")
    if isinstance(fields.get("prompt"), dict):
        raise Rejected(400, "a stored prompt can't be used here: an agent reaches its model endpoint alone")
    tools = fields.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if not _is_own(tool, kind):
            name = str(tool.get("type"))[:60] if isinstance(tool, dict) else "a tool of unknown form"
            raise Rejected(400, f"{name}: tools that the service runs by itself can't be used here")
    if any(map(_is_link, _parts(fields))):
        raise Rejected(400, "files and images must be in the request: the service fetches none by itself")


def _is_own(tool: object, kind: Kind) -> bool:
    if not isinstance(tool, dict):
        return False
    said = tool.get("type")
    if kind.native:
        return said in (None, "custom") or str(said).startswith(_OWN_TOOLS_NATIVE)
    return said in _OWN_TOOLS


def _parts(fields: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the parts of messages, of what tools said among them; what tools were called with is no part."""
    waiting = [fields.get("messages"), fields.get("input"), fields.get("system")]
    while waiting:
        one = waiting.pop()
        if isinstance(one, list):
            waiting += one
        elif isinstance(one, dict):
            yield one
            waiting += [one.get(name) for name in ("content", "output", "source", *_LINKED)]


def _is_link(part: dict[str, Any]) -> bool:
    if part.get("file_id"):
        return True
    links = [part.get(name) for name in _LINKED]
    return any(isinstance(link, str) and not link.startswith("data:") for link in links)
