"""Remembers what came of a way to build an environment, so that no start pays twice for finding out."""

import time
from contextlib import suppress
from pathlib import Path

import anyio

from swe_scale.cached import read_cached, write_cached
from swe_scale.config import cache_folder
from swe_scale.records import Record
from swe_scale.sandbox import Recipe

_LASTS = 24 * 3600.0
"""Seconds for which a failure is believed."""
_AHEAD = 60.0
"""Seconds that clocks of one file system may be apart."""


class Attempt(Record):
    """What came of a way, by the digest of all that it follows."""

    failure: str
    """Why it can't be built as it is."""
    recipe: Recipe | None = None
    """What was made of it that works."""
    origin: str = "found by a model"
    """Who made it."""


def _file(identity: str) -> Path:
    return cache_folder() / "environments" / "attempts" / f"{identity}.json"


async def read_attempt(identity: str) -> Attempt | None:
    """Return what is known of a way; None where nothing is, or of another version, or a failure long ago."""
    place = _file(identity)
    known = await read_cached(place, Attempt)
    if known is not None and known.recipe is None:
        with suppress(OSError):
            # It may have been a registry's bad day.
            age = time.time() - (await anyio.Path(place).stat()).st_mtime
            # One from the future tells that the clock has jumped, not that it is fresh.
            if not -_AHEAD <= age <= _LASTS:
                return None
    return known


async def write_attempt(identity: str, attempt: Attempt) -> None:
    """Remember what came of a way. Where nothing can be written, the next start finds out anew."""
    await write_cached(_file(identity), attempt)


async def forget_attempt(identity: str) -> None:
    """Forget what came of a way."""
    with suppress(OSError):
        await anyio.Path(_file(identity)).unlink(missing_ok=True)
