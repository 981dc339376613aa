"""Chooses the Python of an environment among the versions that a project allows."""

import re
import sys
from collections.abc import Sequence

from swe_scale.errors import EnvironmentFailure
from swe_scale.sandbox.python import find_python, find_version

_USUAL = "3.11"
"""Taken for what an image has whose name doesn't tell."""
_TAGGED = re.compile(r"(?:[\w.:-]+/)*python:(3\.\d+)\b.*")


def python_for(allowed: Sequence[str], sandbox: str, basis: str) -> str:
    """Return the version to ask for; empty where the one that is there anyway will do.

    On this host an allowed one that it has comes before those that it hasn't.

    Args:
        allowed: versions such as `3.9`, the best first; empty: any.
        sandbox: name of the backend.
        basis: its base image; on this host an interpreter, empty: the one that runs swe-scale.
    """
    if not allowed:
        return ""
    if sandbox == "docker":
        tagged = _TAGGED.fullmatch(basis)
        return "" if (tagged[1] if tagged else _USUAL) in allowed else allowed[0]
    if _own(basis) in allowed:
        return ""
    return next((version for version in allowed if _is_here(version, basis)), allowed[0])


def _own(basis: str) -> str:
    if not basis:
        return f"{sys.version_info.major}.{sys.version_info.minor}"
    try:
        version = find_python(basis).version.rpartition(" ")[2]
    except EnvironmentFailure:
        # Whoever builds with it says so.
        return ""
    return ".".join(version.split(".")[:2])


def _is_here(version: str, basis: str) -> bool:
    try:
        find_version(version, basis or None)
    except EnvironmentFailure:
        return False
    return True
