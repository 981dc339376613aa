"""Notes when an environment was last used, and keeps one that is in use from being removed."""

import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path

import anyio

from swe_scale.config import cache_folder
from swe_scale.locks import taken

_PAUSE = 0.1
SUFFIX = ".used"


def _stamp(backend: str, digest: str) -> Path:
    return cache_folder() / "environments" / backend / f"{digest}{SUFFIX}"


@asynccontextmanager
async def used(backend: str, digest: str) -> AsyncIterator[None]:
    """Use an environment while the context lasts: until then, also by a process that is killed, it stays."""
    handle = None
    # Where nothing can be written, the worst is that it looks less recently used than it is.
    with suppress(OSError):
        while True:
            if (handle := taken(_stamp(backend, digest), fcntl.LOCK_SH)) is not None:
                break
            await anyio.sleep(_PAUSE)
        os.utime(handle.fileno())
    try:
        yield
    finally:
        if handle is not None:
            handle.close()


def touch(backend: str, digest: str) -> None:
    """Note that something was used just now."""
    stamp = _stamp(backend, digest)
    with suppress(OSError):
        stamp.parent.mkdir(parents=True, exist_ok=True)
        stamp.touch()


def last_used(backend: str, digest: str) -> float | None:
    """Return when something was last used, in seconds since the epoch; None: nobody wrote it down."""
    with suppress(OSError):
        return _stamp(backend, digest).stat().st_mtime
    return None


def is_used(backend: str, digest: str) -> bool:
    """Return whether a process uses something now."""
    stamp = _stamp(backend, digest)
    with suppress(OSError):
        if stamp.exists():
            handle = taken(stamp, fcntl.LOCK_EX)
            if handle is None:
                return True
            handle.close()
    return False


@contextmanager
def reserved(backend: str, digest: str) -> Iterator[bool]:
    """Keep others from using something while the context lasts, and forget its last use then.

    Gives False where it is in use.

    Raises:
        OSError: that can't be found out.
    """
    stamp = _stamp(backend, digest)
    handle = taken(stamp, fcntl.LOCK_EX)
    if handle is None:
        yield False
        return
    with handle:
        yield True
        stamp.unlink(missing_ok=True)
