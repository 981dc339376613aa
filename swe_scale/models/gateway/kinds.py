"""The requests that are passed on, and what differs between them: addresses, fields, replies, errors."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from swe_scale.models import blocks, reply, stream
from swe_scale.models.gateway import completions, responses
from swe_scale.models.gateway.fields import CHAT, COMPLETIONS, MESSAGES, RESPONSES
from swe_scale.models.reply import Answer

__all__ = ["KINDS", "Gathering", "Kind", "failure"]


class Gathering(Protocol):
    """A reply that comes in pieces."""

    def add(self, line: str) -> None:
        """Take over one line of the stream.

        Raises:
            Refusal: it is an error.
            Malformed: it is nothing that belongs there.
        """

    def answer(self) -> Answer:
        """Return the whole.

        Raises:
            Malformed: the stream broke off, or held no reply.
        """


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of request."""

    path: str
    """Below the version."""
    lengths: tuple[str, ...]
    """Fields that bound the reply's tokens; the first is set where none is there."""
    fields: frozenset[str]
    """All that are passed on."""
    pieces: Callable[[], Gathering]
    whole: Callable[[bytes], Answer]
    """Reads a body that came at once; raises `Refusal` or `Malformed`."""
    counts_on_wish: bool = False
    """Whether a stream tells its tokens only where that is asked for."""
    native: bool = False
    """Whether it is Anthropic's own protocol."""


KINDS: Mapping[str, Kind] = {
    f"/v1/{kind.path}": kind
    for kind in (
        Kind(
            "chat/completions",
            ("max_tokens", "max_completion_tokens"),
            CHAT,
            stream.Pieces,
            reply.parse,
            counts_on_wish=True,
        ),
        Kind(
            "completions",
            ("max_tokens",),
            COMPLETIONS,
            completions.Pieces,
            completions.parse,
            counts_on_wish=True,
        ),
        Kind("responses", ("max_output_tokens",), RESPONSES, responses.Pieces, responses.parse),
        Kind("messages", ("max_tokens",), MESSAGES, blocks.Blocks, blocks.parse, native=True),
    )
}
"""By the address at which clients ask for them."""

_TYPES = {
    400: "invalid_request_error",
    402: "billing_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
}
"""Anthropic's names of errors."""


def failure(status: int, reason: str, kind: Kind | None) -> bytes:
    """Return the body of an error in the form that clients of a protocol can show."""
    if kind is not None and kind.native:
        inner: dict[str, Any] = {"type": _TYPES.get(status, "api_error"), "message": reason}
        return json.dumps({"type": "error", "error": inner}).encode()
    names = {"type": _TYPES.get(status, "server_error"), "param": None, "code": None}
    return json.dumps({"error": {"message": reason, **names}}).encode()
