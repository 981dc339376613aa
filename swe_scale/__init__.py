"""swe-scale turns compute into fixed issues."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from swe_scale.config import RunConfig
    from swe_scale.means import Means
    from swe_scale.pipeline import solve
    from swe_scale.records import (
        Candidate,
        Check,
        Context,
        Decision,
        Environment,
        Execution,
        Issue,
        Ranked,
        Solution,
        Trajectory,
        Turn,
        Usage,
        Verdict,
    )

    __version__: str

__all__ = [
    "Candidate",
    "Check",
    "Context",
    "Decision",
    "Environment",
    "Execution",
    "Issue",
    "Means",
    "Ranked",
    "RunConfig",
    "Solution",
    "Trajectory",
    "Turn",
    "Usage",
    "Verdict",
    "__version__",
    "solve",
]

_ELSEWHERE = {"Means": "means", "RunConfig": "config", "solve": "pipeline"}
"""Exported names that aren't records, each with its module."""


def __getattr__(name: str) -> Any:
    # Exported names are looked up on first use, so that importing the package costs nothing.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name == "__version__":
        return import_module("importlib.metadata").version("swe-scale")
    return getattr(import_module(f"{__name__}.{_ELSEWHERE.get(name, 'records')}"), name)


def __dir__() -> list[str]:
    return __all__
