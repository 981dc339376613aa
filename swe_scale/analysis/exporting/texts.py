"""Makes values valid JSON and back: patches of files in other encodings hold halves of surrogate pairs."""

import base64
import math
import re
from typing import Any

MARK = "swe-scale:base64:"
"""Begins a text that is written as the base64 of its UTF-8 bytes, halves of surrogate pairs among them."""
_HALF = re.compile("[\ud800-\udfff]")


def encoded(value: Any) -> Any:
    """Return a value as valid JSON: texts are Unicode, numbers that are not finite texts such as `inf`.

    `decoded` makes texts what they were.
    """
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, str):
        if not _HALF.search(value) and not value.startswith(MARK):
            return value
        return MARK + base64.b64encode(value.encode("utf-8", "surrogatepass")).decode("ascii")
    if isinstance(value, dict):
        return {encoded(name): encoded(part) for name, part in value.items()}
    return [encoded(part) for part in value] if isinstance(value, list) else value


def decoded(value: Any) -> Any:
    """Return the JSON value that `encoded` was given.

    Raises:
        ValueError: a text is marked, and isn't base64 of UTF-8.
    """
    if isinstance(value, str):
        if not value.startswith(MARK):
            return value
        raw = base64.b64decode(value.removeprefix(MARK), validate=True)
        return raw.decode("utf-8", "surrogatepass")
    if isinstance(value, dict):
        return {decoded(name): decoded(part) for name, part in value.items()}
    return [decoded(part) for part in value] if isinstance(value, list) else value
