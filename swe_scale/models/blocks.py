"""Reads what came over Anthropic's Messages protocol, whole or in pieces; all of it is doubted."""

import json
from dataclasses import dataclass, field
from typing import Any, Final

from swe_scale.models.pieces import piece_of
from swe_scale.models.reply import Answer, Malformed, Refusal
from swe_scale.records import ToolCall

__all__ = ["Blocks", "parse"]

_STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
"""The status that each type of error has, where it isn't told in the middle of a reply."""
_MOST_BLOCKS = 1024
"""Of one reply; a server that numbers more is broken."""
_FINISH = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "pause_turn": "length",
    "tool_use": "tool_calls",
}
_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")


@dataclass(slots=True)
class _Block:
    kind: str
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "".join(self.pieces)


@dataclass(slots=True)
class Blocks:
    """The blocks of a reply so far."""

    begun: bool = False
    """Whether anything of the reply itself has come."""
    ended: bool = False
    """Whether the server said that no more will come."""
    _blocks: dict[int, _Block] = field(default_factory=dict)
    _stop: str | None = None
    _explanation: str = ""
    _counts: dict[str, Any] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Take over one line of the stream.

        Raises:
            Refusal: it is an error.
            Malformed: it is nothing that belongs there.
        """
        event = piece_of(line)
        if event is not None:
            self._take(event)

    def message(self, message: dict[str, Any]) -> None:
        """Take over a message, whole or as it stands when it begins.

        Raises:
            Malformed: it is none.
        """
        content = message.get("content")
        if not isinstance(content, list):
            raise Malformed("answered in an unknown form (content: it is no list)")
        for index, block in enumerate(content):
            self._open(index, block)
        self._end(message)
        self._count(message.get("usage"))
        self.begun = True

    def answer(self) -> Answer:
        """Return the whole.

        Raises:
            Malformed: the stream broke off, or held no reply.
        """
        if not self.begun:
            raise Malformed("answered with a stream that holds nothing")
        if self._stop is None:
            raise Malformed("broke the stream off in the middle of the reply")
        blocks = [self._blocks[index] for index in sorted(self._blocks)]
        text = "".join(block.text for block in blocks if block.kind == "text")
        return Answer(
            # A reply without any block is a right one: the model found nothing to add.
            content=None if self._explanation and not text else text,
            reasoning="\n".join(block.text for block in blocks if block.kind == "thinking"),
            refusal=self._explanation,
            tool_calls=tuple(_call(block) for block in blocks if block.kind == "tool_use"),
            finish=_FINISH.get(self._stop, self._stop),
            usage=_usage(self._counts),
        )

    def _take(self, event: dict[str, Any]) -> None:
        match event.get("type"):
            case "error":
                raise refusal(event.get("error"))
            case "message_start":
                started = event.get("message")
                self.message(started if isinstance(started, dict) else {})
            case "content_block_start":
                self._open(event.get("index"), event.get("content_block"))
            case "content_block_delta":
                self._append(event.get("index"), event.get("delta"))
            case "message_delta":
                self._end(event.get("delta"))
                self._count(event.get("usage"))
            case "message_stop":
                self.ended = True
            case _:
                # Pings, the ends of blocks, and what later versions add.
                return

    def _open(self, index: object, block: object) -> None:
        if not isinstance(block, dict) or not isinstance(index, int) or not 0 <= index < _MOST_BLOCKS:
            raise Malformed("sent a block of a reply in an unknown form")
        kind, given = str(block.get("type")), block.get("input")
        made = _Block(kind, _text(block.get("id")), _text(block.get("name")))
        _append(made, block.get("text") or block.get("thinking"))
        if given:
            made.pieces.append(json.dumps(given))
        self._blocks[index] = made

    def _append(self, index: object, delta: object) -> None:
        block = self._blocks.get(index) if isinstance(index, int) else None
        if block is None or not isinstance(delta, dict):
            raise Malformed("sent a piece of a reply that belongs to no block")
        _append(block, delta.get("text") or delta.get("thinking") or delta.get("partial_json"))

    def _end(self, delta: object) -> None:
        if not isinstance(delta, dict):
            return
        if isinstance(delta.get("stop_reason"), str):
            self._stop = delta["stop_reason"]
        details = delta.get("stop_details")
        if self._stop == "refusal":
            said = details.get("explanation") if isinstance(details, dict) else None
            self._explanation = _text(said) or "The model refuses to answer."

    def _count(self, usage: object) -> None:
        """Take over counts; those at the end are of the whole reply."""
        if isinstance(usage, dict):
            self._counts |= {name: value for name, value in usage.items() if value is not None}


def parse(raw: bytes) -> Answer:
    """Return the answer in a body that came whole.

    Raises:
        Refusal: it is an error.
        Malformed: it is neither.
    """
    if raw.lstrip().startswith((b"event:", b"data:")):
        # A stream under another name.
        pieces = Blocks()
        for line in raw.decode("utf-8", "replace").splitlines():
            pieces.add(line)
        return pieces.answer()
    try:
        body = json.loads(raw)
    except (ValueError, RecursionError):
        raise Malformed(f"answered with something that isn't JSON ({raw[:60]!r})") from None
    if not isinstance(body, dict):
        raise Malformed("answered in an unknown form")
    if body.get("error"):
        raise refusal(body["error"])
    blocks = Blocks()
    blocks.message(body)
    return blocks.answer()


def refusal(error: object) -> Refusal:
    """Return the error that a server told under the status of a success."""
    made = Refusal(error)
    kind = error.get("type") if isinstance(error, dict) else None
    made.status = _STATUSES.get(str(kind), made.status)
    return made


def _call(block: _Block) -> ToolCall:
    return ToolCall(id=block.id, name=block.name, arguments=block.text or "{}")


def _usage(counts: dict[str, Any]) -> object:
    """Return the counts as the chat protocol has them: there, the prompt's hold those of the cache."""
    numbers = [counts.get(name, 0) for name in _COUNTS]
    if "input_tokens" not in counts or "output_tokens" not in counts:
        return None
    if not all(type(number) is int and number >= 0 for number in numbers):
        return None
    fresh, written, read, output = numbers
    details = counts.get("output_tokens_details")
    thought = details.get("thinking_tokens") if isinstance(details, dict) else None
    return {
        "prompt_tokens": fresh + written + read,
        "completion_tokens": output,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
        "completion_tokens_details": {"reasoning_tokens": thought if type(thought) is int else None},
    }


def _append(block: _Block, piece: object) -> None:
    if isinstance(piece, str) and piece:
        block.pieces.append(piece)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
