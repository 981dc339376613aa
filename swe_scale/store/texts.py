"""Keeps every long text once, by its hash, so that growing conversations don't fill the disk."""

import hashlib
from collections.abc import Callable
from typing import Any

SHORT = 160
"""Characters up to which a text stays where it is."""
_MARK = "$text"
_FOLDED = (str, dict, list)


def text_hash(text: str) -> str:
    """Return the key under which a text is kept."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def fold(value: Any, keep: Callable[[str, str], None]) -> Any:
    """Return a JSON value with its long texts replaced by references; each goes to `keep(hash, text)`."""
    if isinstance(value, str):
        if len(value) <= SHORT:
            return value
        key = text_hash(value)
        keep(key, value)
        return {_MARK: key}
    if isinstance(value, dict):
        folded = {
            name: fold(part, keep) if isinstance(part, _FOLDED) else part for name, part in value.items()
        }
        # What only looks like a reference is put in a list, which a reference never holds.
        return {_MARK: [folded]} if folded.keys() == {_MARK} else folded
    if isinstance(value, list):
        return [fold(part, keep) for part in value]
    return value


def unfold(value: Any, find: Callable[[str], str]) -> Any:
    """Return the JSON value that `fold` was given."""
    if isinstance(value, dict):
        if value.keys() == {_MARK}:
            if isinstance(value[_MARK], str):
                return find(value[_MARK])
            value = value[_MARK][0]
        return {name: unfold(part, find) for name, part in value.items()}
    if isinstance(value, list):
        return [unfold(part, find) for part in value]
    return value
