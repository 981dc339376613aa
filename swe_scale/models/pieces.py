"""Reads one line of a reply that comes as server-sent events."""

import json
from typing import Any

from swe_scale.models.reply import Malformed

__all__ = ["piece_of"]


def piece_of(line: str) -> dict[str, Any] | None:
    """Return the data of a line; None where it holds none.

    Lines without data are empty, comments that keep the connection alive, or names of events, which the
    data name once more.

    Raises:
        Malformed: it is nothing that belongs there.
    """
    if not line.startswith("data:"):
        return None
    data = line[5:].strip()
    try:
        piece = json.loads(data)
    except (ValueError, RecursionError):
        raise Malformed(f"sent a piece of a reply that isn't JSON ({data[:60]!r})") from None
    if not isinstance(piece, dict):
        raise Malformed("sent a piece of a reply in an unknown form")
    return piece
