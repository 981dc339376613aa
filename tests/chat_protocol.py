"""What a chat server says, right and wrong: the bodies and faults that the scripted server sends."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """What goes wrong with a call: first the delay, then the rest."""

    status: int = 200
    body: bytes | None = None
    """None: the written reply."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds."""
    hang: bool = False
    """Never answer; wait until the client leaves."""
    close: bool = False
    """Close the connection in place of an answer."""
    stall: bool = False
    """Write what there is to write, then nothing more until the client leaves."""
    always: bool = False
    """Meets every call, not only one."""


def error(status: int, message: str = "on demand", **fields: object) -> Fault:
    """Return a fault with an error body of the usual form."""
    return Fault(status, json.dumps({"error": {"message": message, **fields}}).encode())


def plain(text: str, content_type: str = "application/json") -> Fault:
    """Return a fault that answers 200 with any text."""
    return Fault(body=text.encode(), headers={"Content-Type": content_type})


def count(prompt: int, completion: int) -> object:
    """Return the usual `usage` object."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def tokens(text: str) -> int:
    """Return how many tokens the servers of the tests see in a text: one per four bytes."""
    return -(-len(text.encode("utf-8", "replace")) // 4)


def whole(model: str, text: str, usage: object) -> bytes:
    """Return the body of a reply."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return json.dumps(
        {"id": "x", "object": "chat.completion", "model": model, "choices": [choice], "usage": usage}
    ).encode()


def streamed(model: str, text: str, usage: object) -> bytes:
    """Return the body of a reply as a stream of events."""
    pieces = [text[start : start + 20] for start in range(0, len(text), 20)]
    deltas: list[dict[str, object]] = [{"delta": {"role": "assistant", "content": ""}, "finish_reason": None}]
    deltas += [{"delta": {"content": piece}, "finish_reason": None} for piece in pieces]
    deltas += [{"delta": {}, "finish_reason": "stop"}]
    frame = {"id": "x", "object": "chat.completion.chunk", "model": model, "created": 0}
    chunks: list[dict[str, object]] = [{**frame, "choices": [{"index": 0, **delta}]} for delta in deltas]
    chunks.append({**frame, "choices": [], "usage": usage})
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join([*lines, "data: [DONE]\n\n"]).encode()
