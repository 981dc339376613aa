"""Asks an endpoint with its key, and gives what it says on, line by line, without that key."""

import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import anyio
import httpx2
from pydantic_core import from_json

from swe_scale.config import AnthropicEndpoint
from swe_scale.errors import ModelError
from swe_scale.models.faults import broken, refused
from swe_scale.models.gateway.kinds import Kind
from swe_scale.models.place import Place
from swe_scale.models.reply import Malformed

__all__ = ["Refused", "Reply", "asked", "client_for", "passed_on"]

_CONNECT_SECONDS = 30.0
_MOST_ERROR = 64 * 1024
_MOST_LINE = 8 << 20
_MOST_REPLY = 64 << 20
"""Bytes."""
_VERSION = "2023-06-01"
"""Of Anthropic's protocol, where the client names none."""
_DEAR = ("context-1m", "mcp-", "files-api", "code-execution", "skills", "fast-mode", "web-")
"""Beginnings of the names of trials that cost more, or reach further."""


def client_for(place: Place) -> httpx2.AsyncClient:
    """Return what an endpoint is asked with."""
    # Redirects are refused: they would carry prompt and key to where the user didn't point.
    return httpx2.AsyncClient(
        trust_env=not place.endpoint.local,
        follow_redirects=False,
        timeout=httpx2.Timeout(None, connect=min(_CONNECT_SECONDS, place.config.timeout)),
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """What an endpoint answers with success."""

    place: Place
    streamed: bool
    _response: httpx2.Response

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines of a stream, each with its end.

        Raises:
            Malformed: no more come, or they are too long.
        """
        held, total = bytearray(), 0
        async for piece in self._unstalled():
            total += len(piece)
            held += piece
            *whole, rest = bytes(held).split(b"\n")
            held = bytearray(rest)
            if total > _MOST_REPLY or len(held) > _MOST_LINE:
                raise Malformed("sent a reply that is too long")
            for line in whole:
                yield self._clean(line + b"\n")
        if held:
            yield self._clean(bytes(held))

    async def whole(self) -> bytes:
        """Return the body of a reply that comes at once.

        Raises:
            Malformed: it breaks off, or is too long.
        """
        return self._clean(await read(self._bytes(), _MOST_REPLY))

    async def _unstalled(self) -> AsyncIterator[bytes]:
        pieces, seconds, stall = self._bytes(), math.inf, self.place.config.stall
        while True:
            try:
                with anyio.fail_after(seconds):
                    piece = await anext(pieces)
            except StopAsyncIteration:
                return
            except TimeoutError:
                raise Malformed(f"stopped in the middle of the reply: no word for {stall:g} s") from None
            seconds = stall
            yield piece

    async def _bytes(self) -> AsyncIterator[bytes]:
        try:
            async for piece in self._response.aiter_bytes():
                yield piece
        except httpx2.HTTPError as error:
            raise Malformed("broke the connection off in the middle of the reply") from error

    def _clean(self, said: bytes) -> bytes:
        return without_key(said, self.place)


def without_key(said: bytes, place: Place) -> bytes:
    """Return an endpoint's words without its key, which careless servers repeat."""
    text = said.decode("utf-8", "surrogateescape")
    return place.endpoint.without_key(text).encode("utf-8", "surrogateescape")


async def read(pieces: AsyncIterator[bytes], most: int) -> bytes:
    """Return all pieces together.

    Raises:
        Malformed: they are more than that.
    """
    found = bytearray()
    async for piece in pieces:
        found += piece
        if len(found) > most:
            raise Malformed("sent a reply that is too long")
    return bytes(found)


@asynccontextmanager
async def asked(
    http: httpx2.AsyncClient, place: Place, kind: Kind, content: bytes, headers: Mapping[str, str]
) -> AsyncIterator[Reply]:
    """Ask an endpoint.

    Args:
        http: what it is asked with.
        place: which; the caller holds a place there.
        kind: of the request.
        content: its body.
        headers: what goes along, beside what this adds.

    Raises (on entry):
        ModelError: it can't be reached, or broke off.
        Refused: it refuses.
    """
    request = http.build_request("POST", _address(place, kind), content=content, headers={
        "Content-Type": "application/json", "Accept-Encoding": "identity", **headers, **_keyed(place)
    })  # fmt: skip
    try:
        response = await http.send(request, stream=True)
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        late = isinstance(error, httpx2.TimeoutException)
        raise _caused(error, place, late=late) from None
    try:
        if not response.is_success:
            raise await _refusal(response, place)
        kinds = response.headers.get("content-type", "")
        yield Reply(place, "event-stream" in kinds, response)
    finally:
        with anyio.CancelScope(shield=True):
            await response.aclose()


class Refused(Exception):
    """An endpoint's refusal, as it told it."""

    def __init__(self, status: int, told: bytes, fault: ModelError, retry_after: str) -> None:
        super().__init__(str(fault))
        self.status = status
        self.told = told
        """Its own words, without the key."""
        self.fault = fault
        self.retry_after = retry_after

    @property
    def names(self) -> str:
        """The field that it finds fault with, if it says so."""
        error = _error(self.told)
        return str(error.get("param") or "") if isinstance(error, dict) else ""


def _caused(error: Exception, place: Place, *, late: bool) -> ModelError:
    wrapping = RuntimeError(str(error))
    wrapping.__cause__ = error
    return broken(wrapping, place.endpoint, late=late)


async def _refusal(response: httpx2.Response, place: Place) -> Refused:
    try:
        told = without_key(await read(response.aiter_bytes(), _MOST_ERROR), place)
    except (Malformed, httpx2.HTTPError):
        told = b""
    fault = refused(response.status_code, _error(told), response.headers, place.endpoint)
    wish = response.headers.get("retry-after", "")
    return Refused(response.status_code, told, fault, wish if wish.isascii() and wish.isdecimal() else "")


def _error(told: bytes) -> Any:
    try:
        body = from_json(told)
    except ValueError:
        return told.decode("utf-8", "replace")
    return body.get("error", body) if isinstance(body, dict) else body


def _address(place: Place, kind: Kind) -> str:
    base = place.config.base_url.rstrip("/")
    if isinstance(place.config, AnthropicEndpoint):
        base = f"{base.removesuffix('/v1')}/v1"
    return f"{base}/{kind.path}"


def _keyed(place: Place) -> dict[str, str]:
    key = place.endpoint.key
    if not key:
        return {}
    both = {"X-Api-Key": key} if isinstance(place.config, AnthropicEndpoint) else {}
    return {"Authorization": f"Bearer {key}", **both}


def passed_on(headers: Mapping[str, str], kind: Kind, step: str) -> dict[str, str]:
    """Return what of a client's headers goes along, and the address of the call."""
    found = {
        "X-Request-Id": quote(step, safe="/:@+,=~"),
        "X-Session-Id": quote(step.partition("/")[0], safe="/:@+,=~"),
    }
    if kind.native:
        version = headers.get("anthropic-version", "")
        found["Anthropic-Version"] = version if _plain(version) else _VERSION
        trials = [one.strip() for one in headers.get("anthropic-beta", "").split(",")]
        kept = [one for one in trials if _plain(one) and not one.startswith(_DEAR)]
        if kept:
            found["Anthropic-Beta"] = ",".join(kept[:20])
    return found


def _plain(name: str) -> bool:
    return 0 < len(name) <= 60 and name.isascii() and name.replace("-", "").isalnum()
