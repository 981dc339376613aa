"""Lets one task at a time, of this process or another, do what must not be done twice."""

import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

_PAUSE = 0.1
"""Seconds between two tries."""


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file while the context lasts; a process that dies lets go of it.

    Raises:
        OSError: the file can't be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as handle:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                await anyio.sleep(_PAUSE)
        yield
