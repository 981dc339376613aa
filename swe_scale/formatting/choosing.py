"""Which files a formatter is for; the patterns come from the repository and may be made to never end."""

import re
from collections.abc import Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import anyio
import anyio.to_process

from swe_scale.house import Formatter

_SECONDS = 10.0
"""For the regular expressions of one formatter."""
_LONGEST = 2_000
_TRIES = 2
"""Since a worker that was stopped a moment ago may be taken for one that is free."""


async def files_for(formatter: Formatter, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that a formatter is for; none where its regular expressions can't be used."""
    named = [
        path
        for path in paths
        if any(fnmatchcase(PurePosixPath(path).name, one) for one in formatter.patterns)
    ]
    if not named or not (formatter.files or formatter.exclude):
        return tuple(named)
    # In a process of its own: an expression that backtracks without end can't be stopped in this one.
    with anyio.move_on_after(_SECONDS):
        for _ in range(_TRIES):
            with suppress(anyio.BrokenWorkerProcess):
                return await anyio.to_process.run_sync(
                    matching, formatter.files, formatter.exclude, named, cancellable=True
                )
    return ()


def matching(files: str, exclude: Sequence[str], paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that one expression finds and none of the others does; none where one is malformed."""
    if any(len(one) > _LONGEST for one in (files, *exclude)):
        return ()
    try:
        wanted = re.compile(files)
        unwanted = [re.compile(one) for one in exclude]
    except (re.error, RecursionError, OverflowError):
        return ()
    return tuple(
        path for path in paths if wanted.search(path) and not any(one.search(path) for one in unwanted)
    )
