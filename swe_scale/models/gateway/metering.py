"""Reads along in a reply that is passed on, to know what was said and what it cost."""

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from pydantic_core import from_json

from swe_scale.models.gateway.body import Body
from swe_scale.models.gateway.kinds import Kind
from swe_scale.models.reply import Answer, Malformed, Refusal, completion_of
from swe_scale.records import Completion, Message

__all__ = ["Meter"]

T = TypeVar("T")


class Meter:
    """Reads one reply; what it can't read is passed on all the same."""

    def __init__(self, kind: Kind, body: Body) -> None:
        self.fault = ""
        """Why the reply can't be read."""
        self._kind = kind
        self._body = body
        self._pieces = kind.pieces()

    def line(self, raw: bytes) -> bool:
        """Take over one line of a stream, and return whether the client is to have it."""
        text = raw.decode("utf-8", "replace").rstrip("\r\n")
        if not self.fault:
            self._tried(lambda: self._pieces.add(text))
        return not (self._body.hidden_counts and _counts_alone(text))

    def ended(self, seconds: float) -> Completion | None:
        """Return the reply of a stream that has ended; None where it can't be read."""
        answer = None if self.fault else self._tried(self._pieces.answer)
        return self._completion(answer, seconds)

    def whole(self, raw: bytes, seconds: float) -> Completion | None:
        """Return a reply that came at once; None where it can't be read."""
        return self._completion(self._tried(lambda: self._kind.whole(raw)), seconds)

    def _completion(self, answer: Answer | None, seconds: float) -> Completion | None:
        if answer is None:
            return None
        # Where the server counts no tokens, the bytes of what was sent bound them.
        sent = (Message(role="user", content=self._body.content.decode("utf-8", "replace")),)
        return self._tried(lambda: completion_of(answer, sent, seconds))

    def _tried(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Malformed as malformed:
            self.fault = str(malformed)
        except Refusal as refusal:
            self.fault = f"an error under the status of a success: {str(refusal.error)[:300]}"
        return None


def _counts_alone(line: str) -> bool:
    """Return whether a line of a chat stream holds the tokens and nothing else."""
    if not line.startswith("data:") or '"usage"' not in line:
        return False
    with suppress(ValueError):
        chunk = from_json(line[5:].strip())
        return isinstance(chunk, dict) and chunk.get("choices") == [] and bool(chunk.get("usage"))
    return False
