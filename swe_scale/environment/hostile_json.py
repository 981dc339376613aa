"""Reads the JSON of a hostile repository: in linear time, and without what no shell line can hold."""

import json
import re
from typing import Any

# Each takes what isn't closed to the end: starting anew behind every opening would take quadratic time.
_STRING = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?'
_STRING_OR_COMMENT = re.compile(rf"{_STRING}|//[^\n]*+|/\*.*?(?P<end>\*/|\Z)", re.DOTALL)
_UNSPEAKABLE = re.compile("[\0\ud800-\udfff]")
_STRING_OR_COMMA = re.compile(rf"{_STRING}|,(?=\s*+[}}\]])", re.DOTALL)


def parse_json(text: str) -> Any:
    """Return the value of JSON; null stands for strings with NUL or half a surrogate pair.

    Entries whose names hold such a thing are left out.

    Raises:
        ValueError: it isn't JSON, or is nested too deeply.
    """
    try:
        return _speakable(json.loads(text.removeprefix("\ufeff")))
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_jsonc(text: str) -> Any:
    """Return the value of JSON with comments and commas before a closing bracket, as `parse_json` does.

    Raises:
        ValueError: it isn't that.
    """
    plain = _STRING_OR_COMMENT.sub(_without_comment, text)
    return parse_json(_STRING_OR_COMMA.sub(lambda found: found[0] if found[0] != "," else "", plain))


def _without_comment(found: re.Match[str]) -> str:
    return found[0] if found[0].startswith('"') or found["end"] == "" else " "


def _speakable(value: Any) -> Any:
    if isinstance(value, str):
        return value if _is_speakable(value) else None
    if isinstance(value, list):
        return [_speakable(one) for one in value]
    if isinstance(value, dict):
        return {name: _speakable(one) for name, one in value.items() if _is_speakable(name)}
    return value


def _is_speakable(text: str) -> bool:
    return _UNSPEAKABLE.search(text) is None
