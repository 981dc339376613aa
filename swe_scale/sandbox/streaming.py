"""Follows long answers of a container service line by line: the progress of a pull or a build."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from threading import Thread
from typing import IO, Any

import anyio
from docker.errors import create_api_error_from_http_exception
from requests.exceptions import HTTPError, RequestException

from swe_scale.events import Events
from swe_scale.sandbox.engine import Engine

EVERY = 5.0
"""Seconds between two reports of how far something is."""
_LOOK = 0.05
_CONNECT = 30.0
"""Seconds for the service itself to take the call."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request of the service's interface whose answer is a line of JSON per step."""

    path: str
    params: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)
    data: bytes | IO[bytes] | None = None
    silence: float = 600.0
    """Seconds without a word after which the service is given up."""


class Refused(RequestException):
    """The service broke off what it was doing, and said why in a line of its answer."""


class _Talk(Thread):
    """A thread that nobody has to wait for: until the first byte comes, a request can't be interrupted."""

    def __init__(self, api: Any, ask: Ask, use: Callable[[Mapping[str, Any]], None]) -> None:
        super().__init__(name=f"swe-scale {ask.path}", daemon=True)
        self._api, self._ask, self._use = api, ask, use
        self._response: Any = None
        self._given_up = False
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            self._follow()
        except Exception as error:
            self._error = error

    def _follow(self) -> None:
        api, ask = self._api, self._ask
        with closing(
            api.post(
                f"{api.base_url}/v{api.api_version}/{ask.path}",
                params=dict(ask.params),
                headers=dict(ask.headers),
                data=ask.data,
                stream=True,
                timeout=(_CONNECT, ask.silence),
            )
        ) as self._response:
            try:
                self._response.raise_for_status()
            except HTTPError as error:
                create_api_error_from_http_exception(error)
            for line in self._response.iter_lines():
                if self._given_up:
                    return
                if line.strip():
                    self._take(json.loads(line))

    def _take(self, line: Mapping[str, Any]) -> None:
        if wrong := line.get("error"):
            raise Refused(str((line.get("errorDetail") or {}).get("message") or wrong))
        self._use(line)

    def give_up(self) -> None:
        """Let the service know that nobody listens any more."""
        self._given_up = True
        with suppress(OSError, ValueError, AttributeError, RuntimeError):
            self._response.raw.shutdown()

    def outcome(self) -> None:
        """Raise what the thread met."""
        if self._error is not None:
            raise self._error


async def follow(
    engine: Engine, ask: Ask, use: Callable[[Mapping[str, Any]], None], report: Callable[[], None]
) -> None:
    """Send a request and read its answer to the end; ends at once where it is cancelled.

    Args:
        engine: the service.
        ask: the request.
        use: takes each line, in a thread of its own.
        report: called every `EVERY` seconds meanwhile, in this task.

    Raises:
        SandboxError: the service failed, refused, or said nothing for too long; its cause tells which.
    """
    talk = _Talk(engine.api, ask, use)
    talk.start()
    reported = time.monotonic()
    try:
        while talk.is_alive():
            await anyio.sleep(_LOOK)
            if time.monotonic() - reported >= EVERY:
                reported = time.monotonic()
                report()
    finally:
        if talk.is_alive():
            talk.give_up()
    await engine.call(talk.outcome)


@dataclass(slots=True)
class Progress:
    """Says how far something is, unless that is what it said last."""

    events: Events
    subject: str
    _said: str = ""

    def say(self, text: str) -> None:
        """Report a state."""
        if text and text != self._said:
            self._said = text
            self.events.emit("note", f"{self.subject}: {text}")
