"""Makes of what an agent asks what its endpoint is asked: one model, bounded, and nothing done elsewhere."""

import json
from dataclasses import dataclass, replace
from typing import Any

from pydantic_core import from_json

from swe_scale.config import AnthropicEndpoint, OpenAIEndpoint
from swe_scale.models.gateway.connection import Rejected
from swe_scale.models.gateway.elsewhere import all_text, refuse_elsewhere
from swe_scale.models.gateway.kinds import Kind

__all__ = ["Body", "by_newer_name", "prepared"]

_OVERHEAD = 1024
"""Tokens in which a server explains how tools are called, at most, in those that we know of."""
_LONGEST = 1 << 20
"""Tokens that any model takes, where nobody said how many this one does."""
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

    textual: bool
    """Whether the prompt is text alone."""

    def prompt(self, longest: int | None) -> int:
        """Return the tokens of the prompt, at most, given those that the model takes, if they are known."""
        if self.textual:
            # No tokenizer makes more tokens than bytes.
            return len(self.content) + _OVERHEAD
        # An image of a few bytes may be large, and a document hold both its text and its pages.
        return longest or _LONGEST


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
    refuse_elsewhere(fields, kind)
    fields = {name: value for name, value in fields.items() if name in kind.fields}
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
    return Body(fields, _written(fields), length, streamed, hidden, all_text(fields))


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
