"""What Anthropic's service says, right and wrong: its rules, its replies, and its prompt cache."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chat_protocol import Fault, tokens

LATEST = "2026-10-21"
"""Version of the protocol that has no temperature any more."""
SAMPLED = ("temperature", "top_p", "top_k")
FIELDS = {
    "model", "messages", "max_tokens", "system", "tools", "stream", "thinking", "output_config", "metadata",
}  # fmt: skip
TYPES = {
    400: "invalid_request_error", 401: "authentication_error", 402: "billing_error", 403: "permission_error",
    404: "not_found_error", 413: "request_too_large", 429: "rate_limit_error", 500: "api_error",
    504: "timeout_error", 529: "overloaded_error",
}  # fmt: skip
STREAM = {"Content-Type": "text/event-stream"}
Blocks = list[dict[str, Any]]


@dataclass(frozen=True)
class Content:
    """A reply that is more than a text."""

    blocks: Blocks
    stop: str = "end_turn"
    details: object = None
    thought: int | None = None
    """Tokens."""


def trouble(kind: str, message: str = "on demand", code: str | None = None) -> dict[str, object]:
    """Return an error as it stands in a body or an event."""
    inner: dict[str, object] = {"type": kind, "message": message}
    if code:
        inner["details"] = {"error_code": code}
    return {"type": "error", "error": inner, "request_id": "req_1"}


def fault(status: int, message: str = "on demand", code: str | None = None, **headers: str) -> Fault:
    """Return a fault with an error body of the service's form."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(status, json.dumps(trouble(TYPES.get(status, "api_error"), message, code)).encode(), named)


def sent(events: Iterator[Mapping[str, object]] | tuple[Mapping[str, object], ...]) -> bytes:
    """Return events as they are sent."""
    return "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events).encode()


def started(model: str = "claude", usage: object = None) -> dict[str, object]:
    """Return the first event of a reply."""
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "content": []}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "usage": usage}}


def events(model: str, content: Content, usage: dict[str, Any]) -> Iterator[dict[str, object]]:
    """Yield the events of a whole reply, with a ping among them."""
    yield started(model, {**usage, "output_tokens": 1})
    yield {"type": "ping"}
    for index, block in enumerate(content.blocks):
        empty, deltas = pieces(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    delta = {"stop_reason": content.stop, "stop_sequence": None, "stop_details": content.details}
    yield {
        "type": "message_delta",
        "delta": delta,
        "usage": {"output_tokens": usage["output_tokens"], **_more(usage)},
    }
    yield {"type": "message_stop"}


def _more(usage: dict[str, Any]) -> dict[str, Any]:
    return {name: usage[name] for name in ("output_tokens_details",) if name in usage}


def pieces(block: dict[str, Any]) -> tuple[dict[str, Any], Blocks]:
    """Return a block as it starts, and what is added to it."""
    match block["type"]:
        case "text":
            return {**block, "text": ""}, [
                {"type": "text_delta", "text": part} for part in cut(block["text"])
            ]
        case "thinking":
            parts = [{"type": "thinking_delta", "thinking": part} for part in cut(block["thinking"])]
            return {**block, "thinking": ""}, [*parts, {"type": "signature_delta", "signature": "sig"}]
        case "tool_use":
            raw = json.dumps(block["input"])
            return {**block, "input": {}}, [
                {"type": "input_json_delta", "partial_json": part} for part in ("", *cut(raw))
            ]
    return block, []


def cut(text: str) -> list[str]:
    """Return a text in pieces."""
    return [text[start : start + 20] for start in range(0, len(text), 20)]


def prefix(body: dict[str, Any]) -> Blocks:
    """Return all blocks of a request, in the order in which they are read."""
    turns = [{**block, "role": one["role"]} for one in body["messages"] for block in one["content"]]
    return [*body.get("tools", ()), *body.get("system", ()), *turns]


def weight(block: dict[str, Any]) -> int:
    """Return a block's tokens."""
    return tokens(block["text"] if block.get("type") == "text" else json.dumps(block))


def wrong(body: dict[str, Any], version: str, samples: bool) -> str | None:
    """Return what the service finds wrong with a request."""
    for name in body:
        if name in SAMPLED and version != LATEST:
            if not samples:
                return f"`{name}` is deprecated for this model."
            if name == "temperature" and body[name] > 1:
                return "temperature: Input should be less than or equal to 1"
        elif name not in FIELDS:
            return f"{name}: Extra inputs are not permitted"
    if type(body.get("max_tokens")) is not int or body["max_tokens"] < 1:
        return "max_tokens: Field required"
    blocks = prefix(body)
    marks = sum("cache_control" in block for block in blocks)
    if marks > 4:
        return f"A maximum of 4 blocks with cache_control may be provided. Found {marks}."
    if any(block.get("type") == "text" and not block["text"].strip() for block in blocks):
        return "messages: text content blocks must contain non-whitespace text"
    return _order(body["messages"])


def _order(messages: Blocks) -> str | None:
    roles = [one["role"] for one in messages]
    if any(role != ("user", "assistant")[number % 2] for number, role in enumerate(roles)):
        return 'messages: roles must alternate between "user" and "assistant", and begin with "user"'
    if roles and roles[-1] == "assistant":
        return "This model does not support assistant message prefill."
    for one, answer in zip(messages[1::2], messages[2::2], strict=True):
        called = [block["id"] for block in one["content"] if block["type"] == "tool_use"]
        given = [block.get("tool_use_id") for block in answer["content"]][: len(called)]
        if called != given:
            return f"`tool_use` ids were found without `tool_result` blocks immediately after: {called}"
    return None


@dataclass
class PromptCache:
    """Keeps prefixes that are marked, as the service does."""

    minimum: int = 1024
    """Tokens of the shortest prefix that is kept."""
    life: float = 300.0
    """Seconds after its last use."""
    clock: Callable[[], float] = time.monotonic
    _until: dict[str, float] = field(default_factory=dict)

    def look(self, body: dict[str, Any]) -> tuple[dict[str, int], list[str]]:
        """Return the prompt's counts, and what is to be kept once the reply has begun."""
        keys, sizes, size = [], [], 0
        digest = hashlib.sha256(str(body["model"]).encode())
        for block in prefix(body):
            plain = {name: value for name, value in block.items() if name != "cache_control"}
            digest.update(json.dumps(plain, sort_keys=True).encode())
            size += weight(plain)
            keys.append(digest.hexdigest())
            sizes.append(size)
        marks = [number for number, block in enumerate(prefix(body)) if "cache_control" in block]
        read = max((self._found(mark, keys, sizes) for mark in marks), default=0)
        kept = [mark for mark in marks if sizes[mark] >= self.minimum]
        end = max([read, *(sizes[mark] for mark in kept)])
        counts = {"cache_read_input_tokens": read, "cache_creation_input_tokens": end - read}
        return {"input_tokens": size - end, **counts}, [keys[mark] for mark in kept]

    def begin(self, keys: list[str]) -> None:
        """Keep prefixes: the reply to the request that has them has begun."""
        self._until.update({key: self.clock() + self.life for key in keys})

    def _found(self, mark: int, keys: list[str], sizes: list[int]) -> int:
        for number in range(mark, max(-1, mark - 20), -1):
            if self._until.get(keys[number], 0.0) > self.clock():
                self._until[keys[number]] = self.clock() + self.life
                return sizes[number]
        return 0
