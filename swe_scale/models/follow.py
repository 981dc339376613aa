"""Follows a server's own figures while it works, so that the requests in flight fit what it can take."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

import anyio
import httpx2

from swe_scale.models.admission import Admission
from swe_scale.models.metrics import LARGEST, Load, read

__all__ = ["described", "follow", "server_root"]

_EVERY: Final = 1.0
"""Seconds between two looks: a step of the server takes tens of milliseconds, a reply some seconds."""
_PATIENCE: Final = 5.0
"""Seconds for one look."""
_SELDOM: Final = 60.0
"""Seconds until a server without figures is asked again: it may have been replaced by one with them."""
_TELL: Final = 5.0
"""Seconds between two lines for the user, at least."""
_KINDS = ("text/plain", "application/openmetrics-text")

_Nothing = Literal["none", "silence"]
"""`none`: the server answers without figures. `silence`: it doesn't answer, or is in trouble."""


def server_root(base_url: str) -> str:
    """Return the address below which a server answers beside its API: without `/v1` and what follows it."""
    parts = urlsplit(base_url)
    return parts._replace(path=parts.path.rstrip("/").removesuffix("/v1"), query="", fragment="").geturl()


def described(before: Load, now: Load, seconds: float) -> str:
    """Return a line on what a server does, from its figures at both ends of some seconds."""
    parts = [f"{now.running:,} running", f"{now.waiting:,} waiting"]
    if now.kv_usage is not None:
        parts.append(f"KV {now.kv_usage:.0%}".replace("%", " %"))
    queries, hits = now.prefix_queries - before.prefix_queries, now.prefix_hits - before.prefix_hits
    if 0 <= hits <= queries and queries:
        parts.append(f"prefix hits {hits / queries:.0%}".replace("%", " %"))
    # Fewer than before: it started again meanwhile.
    tokens = now.generation_tokens - before.generation_tokens
    if tokens >= 0 and seconds > 0:
        parts.append(f"{tokens / seconds:,.0f} tokens/s")
    return ", ".join(parts)


async def follow(
    base_url: str, client: httpx2.AsyncClient, admission: Admission, report: Callable[[str], None]
) -> None:
    """Report a server's figures to its admission, and a line now and then; ends only when it is cancelled.

    While no request is in flight the server is left alone. One without figures is noted once.

    Args:
        base_url: the endpoint's; the figures are at `/metrics` beside `/v1`.
        client: asks for them; no key is sent.
        admission: of this endpoint.
        report: gets the lines.
    """
    address = f"{server_root(base_url)}/metrics"
    teller = _Teller(report)
    silence, noted = 0, False
    while True:
        if not admission.in_flight:
            teller.rest()
            await admission.used()
        found = await _look(client, address)
        match found:
            case Load():
                silence = 0
                admission.observe(found)
                teller.tell(found, time.monotonic())
                pause = _EVERY
            case "none":
                if not noted:
                    report("no /metrics: requests in flight follow its answers alone")
                    noted = True
                pause = _SELDOM
            case "silence":
                silence += 1
                pause = min(_EVERY * 2.0 ** min(silence, 8), _SELDOM)
        await anyio.sleep(pause)


@dataclass(slots=True)
class _Teller:
    """Says how a server does when that has changed."""

    report: Callable[[str], None]
    _since: tuple[Load, float] | None = None
    _told: tuple[float, ...] = ()

    def rest(self) -> None:
        """Forget the figures: the time until the next ones is no time of work."""
        self._since = None

    def tell(self, load: Load, now: float) -> None:
        """Take over new figures."""
        if self._since is None:
            self._since = load, now
            return
        before, then = self._since
        if now - then < _TELL:
            return
        self._since = load, now
        figures = (
            load.running,
            load.waiting,
            100 * (load.kv_usage or 0.0),
            (load.generation_tokens - before.generation_tokens) / (now - then),
        )
        if not self._told or any(map(_differ, figures, self._told)):
            self._told = figures
            self.report(described(before, load, now - then))


def _differ(one: float, other: float) -> bool:
    """Return whether a reader would want to know: by more than two, and by more than a fifth."""
    return abs(one - other) > max(2.0, max(one, other) / 5)


async def _look(client: httpx2.AsyncClient, address: str) -> Load | _Nothing:
    try:
        with anyio.fail_after(_PATIENCE):
            return await _asked(client, address)
    except (TimeoutError, OSError, ValueError, httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError):
        return "silence"


async def _asked(client: httpx2.AsyncClient, address: str) -> Load | _Nothing:
    # Not packed: a small answer could unpack to a large one.
    headers = {"Accept": "text/plain", "Accept-Encoding": "identity"}
    async with client.stream("GET", address, headers=headers) as answer:
        if answer.status_code >= 500:
            return "silence"
        if answer.status_code != 200 or not answer.headers.get("content-type", "").startswith(_KINDS):
            return "none"
        raw = bytearray()
        async for piece in answer.aiter_raw():
            raw += piece
            if len(raw) > LARGEST:
                return "none"
    return read(raw.decode("utf-8", "replace")) or "none"
