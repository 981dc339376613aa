"""Tools that a model calls in place of writing blocks, and the way from calls to a strategy's text form."""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, Field, ValidationError
from pydantic_core import from_json

from swe_scale.prompts import fenced
from swe_scale.records import Completion, Tool, ToolCall
from swe_scale.trajectory.grammar import Malformed

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
"""What the usual protocols take as the name of a tool."""
_SHOWN = 60
_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool that a strategy offers, and what a call of it would be in the strategy's text form."""

    tool: Tool
    written: Callable[[str], str]
    """From a call's arguments; raises `Malformed` where they can't be read."""


class _Arguments(BaseModel):
    command: Annotated[str, Field(strict=True)]
    seconds: Annotated[float, Field(gt=0)] | None = None


def _written_command(arguments: str) -> str:
    try:
        given = _Arguments.model_validate_json(arguments)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "".join(f"{part}: " for part in first["loc"])
        raise Malformed(f'bash takes a JSON object {{"command": "…"}}: {place}{first["msg"]}') from None
    if not given.command.strip():
        raise Malformed("bash was called without a command")
    bound = "" if given.seconds is None else f"# seconds: {min(given.seconds, _DAY):.3f}\n"
    return fenced(bound + given.command, "bash")


def _written_submission(_: str) -> str:
    return "<submit/>"


BASH_AND_SUBMIT = (
    Offered(
        Tool(
            name="bash",
            description="Run commands by bash at the root of the repository, in a fresh shell.",
            parameters={
                "type": "object",
                "properties": {
                    "command": {"type": "string", "description": "The commands."},
                    "seconds": {"type": "number", "description": "Time after which they are stopped."},
                },
                "required": ["command"],
            },
        ),
        _written_command,
    ),
    Offered(
        Tool(
            name="submit",
            description="End your work: the changes are right and complete.",
            parameters={"type": "object", "properties": {}},
        ),
        _written_submission,
    ),
)
"""What an agent may call."""


def said(completion: Completion, offered: Sequence[Offered]) -> str:
    """Return a reply in the text form of a strategy: its first call, or its text where it calls nothing.

    Raises:
        Malformed: the first call is of another tool, or its arguments can't be read.
    """
    if not offered or not completion.tool_calls:
        return completion.text
    call = completion.tool_calls[0]
    for one in offered:
        if one.tool.name == call.name:
            return one.written(call.arguments)
    known = ", ".join(one.tool.name for one in offered)
    raise Malformed(f"there is no tool {call.name[:_SHOWN]!r}; there are: {known}")


def returned(calls: Sequence[ToolCall]) -> tuple[ToolCall, ...]:
    """Return calls as they can be sent back: servers refuse a conversation for a malformed one.

    Each has an id of its own, a name of the usual letters, and a JSON object as its arguments.
    """
    ids = [call.id for call in calls]
    if len(set(ids) - {""}) < len(ids):
        ids = [f"call_{number}" for number in range(1, len(ids) + 1)]
    return tuple(
        ToolCall(id=own, name=_named(call.name), arguments=_object(call.arguments))
        for own, call in zip(ids, calls, strict=True)
    )


def _named(name: str) -> str:
    return name if _NAME.fullmatch(name) else re.sub(r"[^A-Za-z0-9_-]", "_", name)[:64] or "_"


def _object(arguments: str) -> str:
    if not arguments.strip():
        return "{}"
    try:
        # As bytes: of a text with halves of characters it says that its type is wrong.
        raw = arguments.encode("utf-8", "surrogatepass")
        if isinstance(from_json(raw, allow_inf_nan=False), dict):
            return arguments
    except ValueError:
        pass
    return json.dumps({"unreadable": arguments}, ensure_ascii=False)
