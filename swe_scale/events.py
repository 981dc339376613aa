"""The channel on which lower modules report progress upward; the live view and the log listen."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from swe_scale.records import Usage

Kind = Literal[
    "stage",
    "turn",
    "trajectory",
    "candidate",
    "check",
    "verdict",
    "decision",
    "usage",
    "endpoint",
    "progress",
    "note",
]

_STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Controls, marks of writing direction, and surrogates."""


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, in a line that a person can read."""

    kind: Kind
    text: str
    step: str = ""
    """Address of what it is about, for instance `pkg-12/trajectory/03`; of kind `endpoint`, its own."""
    total: Usage | None = None
    """Of kind `usage`: what the run has spent so far."""


Listener = Callable[[Event], None]


def printable(text: str) -> str:
    """Return the text without what steers a terminal: of all control characters, line ends and tabs stay."""
    return _STEERING.sub("\ufffd", text)


@dataclass(slots=True)
class Events:
    """Passes every event on to every listener, in the order in which they came."""

    listeners: list[Listener] = field(default_factory=list)

    def emit(self, kind: Kind, text: str, step: str = "", total: Usage | None = None) -> None:
        """Report one event."""
        if not self.listeners:
            return
        event = Event(kind, text, step, total)
        for listener in self.listeners:
            listener(event)
