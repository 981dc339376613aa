"""Keeps when an issue was worked on: its stages and trajectories, one durable step per process."""

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache

import anyio
from pydantic import TypeAdapter, ValidationError

from swe_scale.errors import StoreError
from swe_scale.events import Event, Events
from swe_scale.records import Record
from swe_scale.store import Key, Readable, Store

_BEGINS = "started"
"""Text of the event of kind `trajectory` with which one begins."""
_Kept = tuple[tuple[str, str, float, float], ...]
_KEPT: TypeAdapter[_Kept] = TypeAdapter(_Kept)


class Span(Record):
    """Something that took time."""

    issue: str
    kind: str
    """`issue`, `stage` or `trajectory`."""
    step: str
    """Name of the stage, number of the trajectory; empty of an issue."""
    began: float
    """Seconds since 1970 (Unix time), by the clock as it was when the process began."""
    seconds: float
    """At least 0, whatever becomes of the clock meanwhile."""


@cache
def _origin() -> float:
    """Return what makes Unix time of the monotonic clock: a clock that is set later changes nothing."""
    return time.time() - time.monotonic()


@dataclass(slots=True)
class _Timeline:
    """Listens to what is reported of one issue."""

    issue: str
    began: float = field(default_factory=time.monotonic)
    stage: tuple[str, float] | None = None
    trajectories: dict[str, float] = field(default_factory=dict)
    spans: list[tuple[str, str, float, float]] = field(default_factory=list)

    def listen(self, event: Event) -> None:
        if event.kind == "stage" and event.step == self.issue:
            self._end_stage()
            self.stage = event.text, time.monotonic()
        elif event.kind == "trajectory" and event.step.startswith(f"{self.issue}/trajectory/"):
            number = event.step.rpartition("/")[2]
            if event.text == _BEGINS:
                self.trajectories[number] = time.monotonic()
            elif number in self.trajectories:
                self._add("trajectory", number, self.trajectories.pop(number))

    def close(self) -> None:
        """End what has not ended."""
        self._end_stage()
        for number, began in self.trajectories.items():
            self._add("trajectory", number, began)
        self._add("issue", "", self.began)

    def _end_stage(self) -> None:
        if self.stage is not None:
            self._add("stage", *self.stage)
            self.stage = None

    def _add(self, kind: str, step: str, began: float) -> None:
        seconds = round(time.monotonic() - began, 3)
        self.spans.append((kind, step, round(_origin() + began, 3), seconds))


@asynccontextmanager
async def keeping_time(store: Store, events: Events, issue: str) -> AsyncIterator[None]:
    """Record when an issue was worked on, once the context ends; nothing where nothing was done.

    Raises (on leaving):
        StoreError: it can't be recorded.
    """
    timeline = _Timeline(issue)
    events.listeners.append(timeline.listen)
    try:
        yield
    finally:
        events.listeners.remove(timeline.listen)
        if timeline.stage is not None:
            timeline.close()
            with anyio.CancelScope(shield=True):
                await store.put(_free(store, issue), timeline.spans)


def read_spans(store: Readable, issue: str) -> Iterator[Span]:
    """Yield when an issue was worked on, process by process.

    Raises:
        StoreError: what is recorded is damaged or of another version.
    """
    number = 1
    while (kept := store.get(_key(issue, number))) is not None:
        try:
            for kind, step, began, seconds in _KEPT.validate_python(kept):
                yield Span(issue=issue, kind=kind, step=step, began=began, seconds=seconds)
        except ValidationError as error:
            raise StoreError(
                f"what is recorded of {_key(issue, number).path} is damaged or of another version."
            ) from error
        number += 1


def _free(store: Readable, issue: str) -> Key:
    number = 1
    while store.get(_key(issue, number)) is not None:
        number += 1
    return _key(issue, number)


def _key(issue: str, number: int) -> Key:
    return Key(f"{issue}/timeline/{number}", "1")
