"""What a row of a dataset looks like on its way in: only the columns that were asked for, as they stood."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

LONGEST_LIST = 1 << 25
"""Characters of a list that is written as a JSON string."""

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,148}[A-Za-z0-9_]|[A-Za-z0-9_]")


class RowFault(Exception):
    """A row that can't be used, and why."""


@dataclass(frozen=True, slots=True)
class Found:
    """What stands at one place of a dataset: a row, or what is wrong there."""

    place: str
    """Where, in words that follow the dataset's name: `line 3`."""
    row: Mapping[str, Any] = field(default_factory=dict)
    """The columns that were asked for, as far as the row has them."""
    names: frozenset[str] = frozenset()
    """All of its columns; what the others hold was never kept."""
    fault: str = ""
    """Why there is no row here. Empty: there is one."""


def projected(place: str, value: Any, columns: frozenset[str]) -> Found:
    """Return a parsed value as a row of the wanted columns."""
    if not isinstance(value, dict):
        return Found(place, fault="not an object")
    kept = {name: value[name] for name in columns & value.keys()}
    return Found(place, kept, frozenset(value))


def text_of(row: Mapping[str, Any], *names: str) -> str:
    """Return the first of some columns that holds a text; empty where none does."""
    for name in names:
        value = row.get(name)
        if isinstance(value, str) and value.strip():
            return value
    return ""


def strings_of(row: Mapping[str, Any], *names: str) -> tuple[str, ...]:
    """Return the first of some columns that is there, as a list of texts, also where JSON spells it.

    Raises:
        RowFault: it is something else.
    """
    for name in names:
        value = row.get(name)
        if value is not None:
            return _strings(value, name)
    return ()


def _strings(value: Any, name: str) -> tuple[str, ...]:
    if isinstance(value, str):
        if len(value) > LONGEST_LIST:
            raise RowFault(f"{name} is too long: {len(value)} characters")
        try:
            value = json.loads(value) if value.strip() else []
        except (ValueError, RecursionError) as error:
            raise RowFault(f"{name} is not a list, nor JSON of one") from error
    if not isinstance(value, list | tuple) or not all(isinstance(one, str) for one in value):
        raise RowFault(f"{name} is not a list of strings")
    return tuple(value)


def id_of(row: Mapping[str, Any]) -> str:
    """Return the id of a row; predictions are matched by it, so it stays as it is.

    Raises:
        RowFault: it is missing, or can't name a folder or a step.
    """
    name = row.get("instance_id")
    if not isinstance(name, str) or not name.strip():
        raise RowFault("instance_id missing or empty")
    if not _ID.fullmatch(name):
        raise RowFault(f"instance_id {name[:100]!r}: use letters, digits, `.`, `_` and `-`, up to 150")
    return name
