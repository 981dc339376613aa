"""Keeps what an agent asked and was told, without what each request repeats of the one before."""

import json
from typing import Any

from swe_scale.models.gateway.body import Body
from swe_scale.records import Completion, Exchange, ToolCall

__all__ = ["Transcript", "cut"]

_EACH = 256 * 1024
_ALL = 32 << 20
"""Characters."""
_LISTS = ("messages", "input")


def cut(text: str, most: int = _EACH) -> str:
    """Return a text, or the head and tail of one that is longer than that, and how much is left out."""
    if len(text) <= most:
        return text
    half = max(0, most) // 2
    tail = text[len(text) - half :]
    return f"{text[:half]}\n[… {len(text) - 2 * half} characters …]\n{tail}"


class Transcript:
    """The exchanges so far."""

    def __init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._before: list[Any] = []
        self._size = 0

    def add(self, step: str, body: Body, completion: Completion | None, fault: str = "") -> None:
        """Note an exchange."""
        fields, shared = self._news(body.fields)
        asked = self._room(json.dumps(fields, ensure_ascii=False))
        said = None if completion is None else self._shortened(completion)
        made = Exchange(step=step, shared=shared, asked=asked, completion=said, fault=cut(fault, 2000))
        self.exchanges.append(made)

    def _news(self, fields: dict[str, Any]) -> tuple[dict[str, Any], int]:
        name = next((one for one in _LISTS if isinstance(fields.get(one), list)), None)
        if name is None:
            return fields, 0
        now, shared = fields[name], 0
        for old, new in zip(self._before, now, strict=False):
            if old != new:
                break
            shared += 1
        self._before = now
        return {**fields, name: now[shared:]}, shared

    def _shortened(self, completion: Completion) -> Completion:
        calls = tuple(
            ToolCall(id=one.id, name=one.name, arguments=self._room(one.arguments))
            for one in completion.tool_calls
        )
        texts = {"text": self._room(completion.text), "reasoning": self._room(completion.reasoning)}
        return completion.model_copy(update={**texts, "tool_calls": calls, "logprobs": None})

    def _room(self, text: str) -> str:
        kept = cut(text, max(0, min(_EACH, _ALL - self._size)))
        self._size += len(kept)
        return kept
