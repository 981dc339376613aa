"""Understands what reader models answer; a reply speaks of the files that were asked about, and no other."""

import json
from collections.abc import Mapping
from typing import Any

from swe_scale.records import Record

READ: Mapping[str, Any] = {
    "type": "object",
    "properties": {
        "relevant": {"type": "boolean"},
        "note": {"type": "string"},
        "summary": {"type": "string"},
    },
    "required": ["relevant", "note", "summary"],
    "additionalProperties": False,
}
"""Schema of what is said of one file."""
SUMMARISED: Mapping[str, Any] = {
    "type": "object",
    "properties": {"summary": {"type": "string"}},
    "required": ["summary"],
    "additionalProperties": False,
}
"""Schema of what is said of one file where there is no issue."""
_LONGEST = 100_000
"""Characters of a reply that are looked at."""
_NOTE, _SUMMARY = 400, 200
"""Characters that are kept."""
_TRIES = 200
"""Places in a reply at which an object is looked for."""


class Judgement(Record):
    """What a reader said of a file."""

    relevant: bool
    note: str = ""
    """Why, on one line."""
    summary: str = ""
    """What the file is for, whatever the issue, on one line."""


def numbers_schema(name: str) -> Mapping[str, Any]:
    """Return the schema of a reply that lists numbers under a name."""
    return {
        "type": "object",
        "properties": {name: {"type": "array", "items": {"type": "integer"}}},
        "required": [name],
        "additionalProperties": False,
    }


def read_judgement(reply: str) -> Judgement | None:
    """Return what a reply says of the file that it is about; None where that can't be made out."""
    found = _object(reply, "relevant")
    relevant = found.get("relevant")
    if isinstance(relevant, str) and relevant.strip().lower() in ("true", "false"):
        relevant = relevant.strip().lower() == "true"
    if not isinstance(relevant, bool):
        return None
    return Judgement(
        relevant=relevant,
        note=one_line(found.get("note"), _NOTE),
        summary=one_line(found.get("summary"), _SUMMARY),
    )


def read_summary(reply: str) -> str:
    """Return what a reply says that a file is for, on one line; empty where that can't be made out."""
    return one_line(_object(reply, "summary").get("summary"), _SUMMARY)


def read_numbers(reply: str, name: str, count: int) -> tuple[int, ...]:
    """Return the numbers that a reply lists, each once, those from 1 to `count` only."""
    listed = _object(reply, name).get(name)
    found = listed if isinstance(listed, list) else []
    fit = (one for one in found if isinstance(one, int) and not isinstance(one, bool) and 1 <= one <= count)
    return tuple(dict.fromkeys(fit))


def one_line(text: object, longest: int) -> str:
    """Return a text on one line, without characters that can't be seen, cut where it is long; else nothing.

    What can't be seen steers terminals and the direction of writing, or hides words from a person.
    """
    if not isinstance(text, str):
        return ""
    seen = "".join(one if one.isprintable() else " " for one in text[: 8 * longest])
    flat = " ".join(seen.split())
    return flat if len(flat) <= longest else f"{flat[: longest - 1].rstrip()}…"


def _object(reply: str, name: str) -> dict[str, Any]:
    """Return a reply's last JSON object that has a name, whatever stands around it; {} where none has."""
    text = reply[-_LONGEST:]
    decoder, end, found = json.JSONDecoder(), 0, dict[str, Any]()
    for start in [at for at, one in enumerate(text) if one == "{"][-_TRIES:]:
        if start < end:
            continue
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            continue
        found = value if name in value else found
    return found
