"""Reads and writes amounts of disk space."""

import re
from typing import Final

from swe_scale.errors import UsageError

_UNITS: Final = {"": 1, "K": 1000, "M": 1000**2, "G": 1000**3, "T": 1000**4}
_BINARY: Final = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_FORM = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(i?)B?", re.IGNORECASE | re.ASCII)


def parse_size(text: str) -> int:
    """Return the bytes of an amount such as `50GB`, `500 MB` or `10GiB`.

    Raises:
        UsageError: it isn't one.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None or (match[3] and not match[2]):
        raise UsageError(f"{text!r} is no amount of disk space; write one such as 50GB, 500MB or 10GiB.")
    units = _BINARY if match[3] else _UNITS
    return int(float(match[1]) * units[match[2].upper()])


def size(count: int) -> str:
    """Return an amount of bytes in three digits and a unit, as `parse_size` reads it."""
    for unit, factor in reversed(_UNITS.items()):
        if count >= factor and unit:
            amount = count / factor
            return f"{amount:.0f} {unit}B" if amount >= 10 else f"{amount:.1f} {unit}B"
    return f"{count} B"
