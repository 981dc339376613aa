"""What the scripted server says to whom, and the record of what it was asked."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TextIO

from chat_protocol import Fault, count

from swe_scale.errors import ModelError
from swe_scale.models.scripted import open_replies

Source = Mapping[str, str] | Path | Callable[[str, dict[str, Any]], str]
"""Replies by step, a folder or file as the scripted model reads it, or a function of step and body."""

ANY = "*"
"""In `faults`: whatever the step."""
LISTING = "/models"
"""In `faults`: the list of models."""


@dataclass(frozen=True)
class Call:
    """One chat call, as it ended."""

    step: str
    outcome: Literal["finished", "fault", "dropped"]
    status: int
    began: float
    ended: float
    body: dict[str, Any]
    headers: dict[str, str]
    """Names in lower case."""


@dataclass
class Script:
    """What a server says to whom, and what it was asked."""

    replies: Source
    model: str = "scripted"
    max_model_len: int | None = 131_072
    key: str | None = None
    """If set, calls without it get 401."""
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    """By step, `ANY` or `LISTING`; each meets one call, in order."""
    usage: Callable[[int, int], object] | None = count
    """Of prompt and completion tokens (a token is four bytes)."""
    delay: float = 0.0
    """Seconds before every reply."""
    row: Mapping[str, object] = field(default_factory=dict)
    """What the list says of the model beside its name and length."""
    pages: Mapping[str, object] = field(default_factory=dict)
    """What it answers at other addresses."""
    check: Callable[[dict[str, Any], int], Fault | None] = lambda body, prompt: None
    """What it finds wrong with a call, going by its body and the tokens of its prompt."""
    path: str = "/v1"
    port: int = 0
    log: TextIO | None = None

    def __post_init__(self) -> None:
        self.calls: list[Call] = []
        self.in_flight = 0
        self.max_in_flight = 0
        self.changed = threading.Condition()
        if isinstance(self.replies, Path):
            written = open_replies(self.replies)
            self._reply: Callable[[str, dict[str, Any]], str] = lambda step, _: written.text(step)
        elif isinstance(self.replies, Mapping):
            texts = self.replies
            self._reply = lambda step, _: texts[step]
        else:
            self._reply = self.replies

    def count(self, outcome: str) -> Counter[str]:
        """Return how many calls ended so, by step."""
        with self.changed:
            return Counter(call.step for call in self.calls if call.outcome == outcome)

    def wait_until(self, true: Callable[[], bool], seconds: float = 20.0) -> None:
        """Wait for a state of the server; fail if it doesn't come."""
        with self.changed:
            assert self.changed.wait_for(true, seconds), "the server never came into the awaited state"

    def reply(self, step: str, body: dict[str, Any]) -> str:
        """Return the written reply.

        Raises:
            LookupError: there is none.
        """
        try:
            return self._reply(step, body)
        except (KeyError, ModelError):
            raise LookupError(f"no reply is written for step {step!r}") from None

    def fault(self, step: str) -> Fault:
        """Take the next fault of a step."""
        with self.changed:
            queue = self.faults.get(step) or self.faults.get(ANY if step != LISTING else LISTING) or []
            if not queue:
                return Fault(delay=self.delay)
            return queue[0] if queue[0].always else queue.pop(0)

    def began(self) -> None:
        """Count a call in."""
        with self.changed:
            self.in_flight += 1
            self.max_in_flight = max(self.max_in_flight, self.in_flight)
            self.changed.notify_all()

    def ended(self, call: Call) -> None:
        """Count a call out, and log it."""
        with self.changed:
            self.in_flight -= 1
            self.calls.append(call)
            if self.log:
                line = asdict(call)
                line["headers"].pop("authorization", None)
                self.log.write(json.dumps(line) + "\n")
                self.log.flush()
            self.changed.notify_all()
