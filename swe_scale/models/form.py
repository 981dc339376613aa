"""What a chat server has turned out to want, learned from what it refuses."""

import re
from collections.abc import Set
from dataclasses import dataclass, replace
from typing import Final

from openai import APIStatusError

__all__ = ["Form", "adapted"]

_SCHEMA: Final = "response_format"
"""The protocol's name of what holds a reply to a schema."""
_OPTIONAL = {
    "temperature", "top_p", "top_k", "min_p", "seed", "reasoning_effort", "logprobs", "stream_options",
    _SCHEMA,
}  # fmt: skip
"""Fields without which a call still makes sense; reasoning models refuse some of them."""
_CODES = ("unsupported_parameter", "unsupported_value", "unknown_parameter")

_LOOKED_AT: Final = 1000
"""Characters of a refusal; what follows is more likely the prompt, sent back."""

# There is no code for a schema that isn't taken: some servers name the field, some what they make of it.
_OF_SCHEMA = re.compile(
    r"response_format|json[ _-]?schema|structured[ _-]?output|guided[ _]decoding|\bgrammar\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Form:
    """What a server wants."""

    length: str = "max_tokens"
    """Its name of the longest reply."""
    dropped: frozenset[str] = frozenset()
    """Fields that it refuses."""


def adapted(form: Form, error: APIStatusError, sent: Set[str]) -> Form:
    """Return the form without what the server doesn't take; the same where that isn't what is wrong.

    Args:
        form: what was known of the server.
        error: its refusal, with status 400 or 422.
        sent: the names of the fields that it got.
    """
    named = error.param if isinstance(error.param, str) else ""
    if error.code in _CODES:
        if named == form.length == "max_tokens":
            # OpenAI's reasoning models know the limit by its newer name only; most servers by the older.
            return replace(form, length="max_completion_tokens")
        # What is inside of a field is named too: `response_format.json_schema`.
        if (field := named.partition(".")[0]) in _OPTIONAL:
            return replace(form, dropped=form.dropped | {field})
    if _SCHEMA in sent and _OF_SCHEMA.search(str(error.body)[:_LOOKED_AT]):
        return replace(form, dropped=form.dropped | {_SCHEMA})
    return form
