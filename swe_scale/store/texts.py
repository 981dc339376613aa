"""Keeps every long text, and every part that several records have in common, once, by its hash."""

import base64
import hashlib
import json
import zlib
from collections.abc import Callable
from typing import Any

SHORT = 160
"""Characters up to which a text stays where it is."""
_SMALL = 1024
"""Characters up to which a part does."""
_PLAIN = 512
"""Characters up to which what is kept isn't compressed."""
_LARGEST = 1 << 30
"""Bytes of a text; a damaged record can't ask for more memory."""
PART, _PACKED, _END = "p", "z", ":"
"""What a key tells of what is kept under it, before `:` and the hash. Before version 2, keys told nothing."""
_MARK, _PART = "$text", "$part"
_MARKS = ({_MARK}, {_PART})
_FOLDED = (str, dict, list)

Keep = Callable[[str, str], None]
"""Takes the key of a text, and the text."""


def key_of(text: str, kind: str = "") -> str:
    """Return the key under which a text is kept, of its hash."""
    raw = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
    told = kind + (_PACKED if len(text) > _PLAIN else "")
    return told + _END + base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def packed(key: str, text: str) -> bytes:
    """Return what is kept of a text under its key."""
    raw = text.encode("utf-8", "surrogatepass")
    return zlib.compress(raw, 1) if _is_packed(key) else raw


def unpacked(key: str, body: bytes) -> str:
    """Return the text that is kept under a key.

    Raises:
        ValueError: it is damaged.
    """
    raw = body
    if _is_packed(key):
        try:
            raw = zlib.decompressobj().decompress(body, _LARGEST)
        except zlib.error as error:
            raise ValueError(f"a recorded text is damaged: {error}") from error
    return raw.decode("utf-8", "surrogatepass")


def _is_packed(key: str) -> bool:
    return _PACKED in key.partition(_END)[0] and _END in key


def compact(value: Any) -> str:
    """Return a JSON value without white space."""
    return json.dumps(value, separators=(",", ":"))


def fold(value: Any, keep: Keep) -> Any:
    """Return a JSON value with its long texts and parts replaced by references; each goes to `keep`.

    A part is a whole value, or an object in a list, such as a solution's trajectory.
    """
    return _apart(_fold(value, keep), keep)


def _fold(value: Any, keep: Keep) -> Any:
    if isinstance(value, str):
        if len(value) <= SHORT:
            return value
        key = key_of(value)
        keep(key, value)
        return {_MARK: key}
    if isinstance(value, dict):
        folded = {
            name: _fold(part, keep) if isinstance(part, _FOLDED) else part for name, part in value.items()
        }
        # What only looks like a reference is put in a list, which a reference never holds.
        return {_MARK: [folded]} if folded.keys() in _MARKS else folded
    if isinstance(value, list):
        return [_apart(_fold(part, keep), keep) for part in value]
    return value


def _apart(folded: Any, keep: Keep) -> Any:
    if not isinstance(folded, dict) or folded.keys() in _MARKS:
        return folded
    body = compact(folded)
    if len(body) <= _SMALL:
        return folded
    key = key_of(body, PART)
    keep(key, body)
    return {_PART: key}


def unfold(value: Any, find: Callable[[str], str]) -> Any:
    """Return the JSON value that `fold` was given."""
    if isinstance(value, dict):
        if value.keys() == {_PART}:
            value = json.loads(find(value[_PART]))
        elif value.keys() == {_MARK}:
            if isinstance(value[_MARK], str):
                return find(value[_MARK])
            value = value[_MARK][0]
        return {name: unfold(part, find) for name, part in value.items()}
    if isinstance(value, list):
        return [unfold(part, find) for part in value]
    return value
