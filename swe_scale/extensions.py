"""Finds what other packages offer by entry points: strategies, rules, policies, sandboxes, models."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Literal

from swe_scale.errors import ExtensionError, UsageError

Kind = Literal["strategy", "rule", "policy", "sandbox", "model"]
GROUPS: dict[Kind, str] = {
    "strategy": "swe_scale.strategies",
    "rule": "swe_scale.rules",
    "policy": "swe_scale.policies",
    "sandbox": "swe_scale.sandboxes",
    "model": "swe_scale.models",
}


def offered(kind: Kind, name: str, known: Iterable[str] = ()) -> EntryPoint:
    """Return what another package offers under a name.

    Args:
        kind: of what is looked for.
        name: under which it is offered.
        known: names that are known besides, for the message.

    Raises:
        UsageError: there is none of that name.
    """
    points = {point.name: point for point in entry_points(group=GROUPS[kind])}
    if name not in points:
        names = ", ".join(dict.fromkeys([*known, *sorted(points)]))
        raise UsageError(f"there is no {kind} {name!r}; known are: {names}")
    return points[name]


def loaded(kind: Kind, name: str, known: Iterable[str] = ()) -> Any:
    """Return the object that another package offers under a name: something that can be called.

    Raises:
        UsageError: there is none of that name.
        ExtensionError: it can't be imported, or can't be called.
    """
    point = offered(kind, name, known)
    try:
        found = point.load()
    except (Exception, SystemExit) as error:
        raise ExtensionError(
            f"the {kind} {name!r} ({point.value}) can't be loaded: {described(error)}."
        ) from error
    if not callable(found):
        raise ExtensionError(f"the {kind} {name!r} ({point.value}) can't be called: it is {found!r:.80}.")
    return found


def described(error: BaseException) -> str:
    """Return the kind and the text of a foreign error, in one line of bounded length."""
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}"[:300].removesuffix(": ")
