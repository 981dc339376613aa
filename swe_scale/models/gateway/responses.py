"""Reads replies of OpenAI's Responses protocol, as if they were chat replies; all of it is doubted."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from swe_scale.models.gateway.completions import object_of
from swe_scale.models.pieces import piece_of
from swe_scale.models.reply import Answer, Malformed, Refusal
from swe_scale.records import ToolCall

__all__ = ["Pieces", "parse"]

_ENDS = {"response.completed", "response.incomplete", "response.failed"}
_CALLS = {"function_call": "arguments", "custom_tool_call": "input", "local_shell_call": "action"}
"""What a tool is called with, by the type of the item."""


@dataclass(slots=True)
class Pieces:
    """The reply, which the last event of a stream holds as a whole."""

    _whole: dict[str, Any] = field(default_factory=dict)

    def add(self, line: str) -> None:
        """Take over one line of the stream.

        Raises:
            Refusal: it is an error.
            Malformed: it is nothing that belongs there.
        """
        if line.startswith("data:") and line[5:].strip() == "[DONE]":
            return
        event = piece_of(line)
        if event is None:
            return
        if event.get("type") == "error":
            raise Refusal(event.get("error") or event)
        response = event.get("response")
        if event.get("type") in _ENDS and isinstance(response, dict):
            self._whole = response

    def answer(self) -> Answer:
        """Return the whole.

        Raises:
            Refusal: it is an error.
            Malformed: the stream broke off.
        """
        if not self._whole:
            raise Malformed("broke the stream off in the middle of the reply")
        return _answer(self._whole)


def parse(raw: bytes) -> Answer:
    """Return the answer in a body that came whole.

    Raises:
        Refusal: it is an error.
        Malformed: it is neither.
    """
    return _answer(object_of(raw))


def _answer(body: dict[str, Any]) -> Answer:
    if body.get("error"):
        raise Refusal(body["error"])
    output = body.get("output")
    if not isinstance(output, list):
        raise Malformed("answered in an unknown form (output: it is no list)")
    items = [item for item in output if isinstance(item, dict)]
    return Answer(
        content="".join(_texts(items, "message", "content")),
        reasoning="\n".join(_texts(items, "reasoning", "summary")),
        tool_calls=tuple(_call(item) for item in items if item.get("type") in _CALLS),
        finish="length" if body.get("status") == "incomplete" else "stop",
        usage=_counts(body.get("usage")),
    )


def _texts(items: list[dict[str, Any]], kind: str, name: str) -> Iterator[str]:
    for item in items:
        parts = item.get(name) if item.get("type") == kind else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str):
                yield part["text"]


def _call(item: dict[str, Any]) -> ToolCall:
    kind = str(item["type"])
    return ToolCall(
        id=str(item.get("call_id") or item.get("id") or ""),
        name=str(item.get("name") or kind),
        arguments=str(item.get(_CALLS[kind]) or ""),
    )


def _counts(usage: object) -> object:
    """Return the counts as the chat protocol names them."""
    if not isinstance(usage, dict):
        return None
    return {
        "prompt_tokens": usage.get("input_tokens"),
        "completion_tokens": usage.get("output_tokens"),
        "prompt_tokens_details": usage.get("input_tokens_details"),
        "completion_tokens_details": usage.get("output_tokens_details"),
    }
