"""Makes this process fit for its work, whoever started it."""

import os
import resource
import sys
from contextlib import suppress
from pathlib import Path

__all__ = ["allow_descriptors", "prepare_streams"]

_DESCRIPTORS = 65_536
"""At most: some programs that are started walk through all that they might have."""


def prepare_streams() -> None:
    """Make the standard streams fit for any text, and open those that are closed.

    Otherwise a file of ours would take the number of a closed one, and what is printed would go there.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
        elif mode == "w":
            stream.reconfigure(errors="replace")


def allow_descriptors() -> None:
    """Let this process open as many files and connections as the system lets it, up to a bound.

    The usual 1,024 are too few for many agents beside one another, each with connections of its own.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _DESCRIPTORS if hard == resource.RLIM_INFINITY else min(hard, _DESCRIPTORS)
    if soft != resource.RLIM_INFINITY and soft < most:
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
