"""Packs what is recorded of one issue so that a file holds hundreds: each text once, deflated, in base64."""

import json
import zlib
from base64 import b64encode
from math import isfinite
from typing import Any

_SHORT = 24
"""Characters up to which a text stays where it is."""
_MARK = "$"


def packed(page: Any) -> str:
    """Return a JSON value as the text that the page's script unpacks; a number that is none becomes null."""
    texts: dict[str, int] = {}
    folded = _folded(page, texts)
    body = json.dumps({"texts": list(texts), "page": folded}, separators=(",", ":"), allow_nan=False)
    squeezed = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return b64encode(squeezed.compress(body.encode("ascii")) + squeezed.flush()).decode("ascii")


def _folded(value: Any, texts: dict[str, int]) -> Any:
    if isinstance(value, str):
        return value if len(value) <= _SHORT else {_MARK: texts.setdefault(value, len(texts))}
    if isinstance(value, dict):
        folded = {name: _folded(part, texts) for name, part in value.items()}
        # What only looks like a reference is put in a list, which a reference never holds.
        return {_MARK: [folded]} if folded.keys() == {_MARK} else folded
    if isinstance(value, list | tuple):
        return [_folded(part, texts) for part in value]
    return None if isinstance(value, float) and not isfinite(value) else value
