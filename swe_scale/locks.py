"""Lets one task at a time, of this process or another, do what must not be done twice."""

import fcntl
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import anyio

_PAUSE = 0.1
"""Seconds between two tries."""


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file while the context lasts; a process that dies lets go of it.

    Raises:
        OSError: the file can't be made.
    """
    while True:
        if (handle := taken(path)) is not None:
            break
        await anyio.sleep(_PAUSE)
    with handle:
        yield


def taken(path: Path, how: int = fcntl.LOCK_EX) -> IO[bytes] | None:
    """Return a lock file, open and locked until it is closed; None while somebody else holds it.

    Args:
        path: of the file, which is made if it isn't there.
        how: `fcntl.LOCK_EX`, or `LOCK_SH` for a lock that several may hold.

    Raises:
        OSError: the file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle = path.open("ab")
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
        # Whoever clears stale files away may have taken this one while it was waited for.
        if path.stat().st_ino == os.fstat(handle.fileno()).st_ino:
            return handle
        handle.close()
    except (BlockingIOError, FileNotFoundError):
        handle.close()
    except OSError:
        handle.close()
        raise
    return None
