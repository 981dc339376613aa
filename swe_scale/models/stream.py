"""Puts a reply together that comes in pieces, as server-sent events; every piece is doubted."""

from dataclasses import dataclass, field
from typing import Any

from swe_scale.models.pieces import piece_of
from swe_scale.models.reply import Answer, Malformed, Refusal, numbers_of
from swe_scale.records import ToolCall

__all__ = ["Pieces", "gathered"]

_MOST_CALLS = 128
"""Tool calls of one reply; a server that numbers more is broken."""


def gathered(text: str) -> Answer:
    """Return the answer in a stream that was read as a whole.

    Raises:
        Refusal: an error came in it.
        Malformed: it broke off, or is no such stream.
    """
    pieces = Pieces()
    for line in text.splitlines():
        pieces.add(line)
    return pieces.answer()


@dataclass(slots=True)
class _Call:
    id: str = ""
    name: str = ""
    arguments: list[str] = field(default_factory=list)

    def record(self) -> ToolCall:
        return ToolCall(id=self.id, name=self.name, arguments="".join(self.arguments))


@dataclass(slots=True)
class Pieces:
    """The pieces of a reply so far."""

    begun: bool = False
    """Whether anything of the reply itself has come."""
    ended: bool = False
    """Whether the server said that no more will come."""
    _content: list[str] = field(default_factory=list)
    _reasoning: list[str] = field(default_factory=list)
    _refusal: list[str] = field(default_factory=list)
    _calls: dict[int, _Call] = field(default_factory=dict)
    _logprobs: list[float] = field(default_factory=list)
    _finish: str | None = None
    _usage: object = None
    _chunks: int = 0

    def add(self, line: str) -> None:
        """Take over one line of the stream.

        Raises:
            Refusal: it is an error.
            Malformed: it is nothing that belongs there.
        """
        if line.startswith("data:") and line[5:].strip() == "[DONE]":
            self.ended = True
            return
        chunk = piece_of(line)
        if chunk is None:
            return
        if chunk.get("error"):
            raise Refusal(chunk["error"])
        self._chunks += 1
        self._take(chunk)

    def answer(self) -> Answer:
        """Return the whole.

        Raises:
            Malformed: the stream broke off, or held no reply.
        """
        if not self._chunks:
            raise Malformed("answered with a stream that holds nothing")
        if self._finish is None and not self.ended:
            raise Malformed("broke the stream off in the middle of the reply")
        calls = [self._calls[index] for index in sorted(self._calls)]
        return Answer(
            content="".join(self._content) if self._content or not self._refusal else None,
            reasoning="".join(self._reasoning),
            refusal="".join(self._refusal),
            tool_calls=tuple(one.record() for one in calls),
            finish=self._finish,
            usage=self._usage,
            logprobs=tuple(self._logprobs) or None,
        )

    def _take(self, chunk: dict[str, Any]) -> None:
        if chunk.get("usage"):
            self._usage = chunk["usage"]
        choices = chunk.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, dict):
            return
        self.begun = True
        if isinstance(choice.get("finish_reason"), str):
            self._finish = choice["finish_reason"]
        delta = choice.get("delta")
        if isinstance(delta, dict):
            _append(self._content, delta.get("content"))
            _append(self._reasoning, delta.get("reasoning_content") or delta.get("reasoning"))
            _append(self._refusal, delta.get("refusal"))
            self._take_calls(delta.get("tool_calls"))
        if choice.get("logprobs"):
            self._logprobs += numbers_of(choice["logprobs"])

    def _take_calls(self, pieces: object) -> None:
        for piece in pieces if isinstance(pieces, list) else ():
            index = piece.get("index") if isinstance(piece, dict) else None
            if not isinstance(index, int) or not 0 <= index < _MOST_CALLS:
                raise Malformed("sent a tool call in an unknown form")
            call = self._calls.setdefault(index, _Call())
            function = piece.get("function")
            if isinstance(piece.get("id"), str):
                call.id = piece["id"]
            if isinstance(function, dict):
                call.name += function["name"] if isinstance(function.get("name"), str) else ""
                _append(call.arguments, function.get("arguments"))


def _append(pieces: list[str], piece: object) -> None:
    if isinstance(piece, str) and piece:
        pieces.append(piece)
