"""Reads replies of the older protocol without messages, as if they were chat replies; doubts all of it."""

from dataclasses import dataclass, field
from typing import Any

from pydantic_core import from_json

from swe_scale.models.pieces import piece_of
from swe_scale.models.reply import Answer, Malformed, Refusal

__all__ = ["Pieces", "parse"]


@dataclass(slots=True)
class Pieces:
    """The pieces of a reply so far."""

    _texts: list[str] = field(default_factory=list)
    _finish: str | None = None
    _usage: object = None

    def add(self, line: str) -> None:
        """Take over one line of the stream.

        Raises:
            Refusal: it is an error.
            Malformed: it is nothing that belongs there.
        """
        if line.startswith("data:") and line[5:].strip() == "[DONE]":
            self._finish = self._finish or "stop"
            return
        chunk = piece_of(line)
        if chunk is not None:
            self.take(chunk)

    def take(self, body: dict[str, Any]) -> None:
        """Take over a piece, or a reply that came at once.

        Raises:
            Refusal: it is an error.
        """
        if body.get("error"):
            raise Refusal(body["error"])
        self._usage = body.get("usage") or self._usage
        choices = body.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if isinstance(choice, dict):
            self._texts.append(text if isinstance(text := choice.get("text"), str) else "")
            finish = choice.get("finish_reason")
            self._finish = finish if isinstance(finish, str) else self._finish

    def answer(self) -> Answer:
        """Return the whole.

        Raises:
            Malformed: the stream broke off, or held no reply.
        """
        if self._finish is None:
            raise Malformed("broke the stream off in the middle of the reply")
        return Answer(content="".join(self._texts), finish=self._finish, usage=self._usage)


def parse(raw: bytes) -> Answer:
    """Return the answer in a body that came whole.

    Raises:
        Refusal: it is an error.
        Malformed: it is neither.
    """
    pieces = Pieces()
    pieces.take(object_of(raw))
    return pieces.answer()


def object_of(raw: bytes) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        Malformed: it is none.
    """
    try:
        body = from_json(raw)
    except ValueError:
        raise Malformed(f"answered with something that isn't JSON ({raw[:60]!r})") from None
    if not isinstance(body, dict):
        raise Malformed("answered in an unknown form")
    return body
