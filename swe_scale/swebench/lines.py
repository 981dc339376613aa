"""Reads JSON Lines one by one: a file of any size needs no more memory than its longest row."""

import json
from collections.abc import Iterator
from typing import Any, BinaryIO

from swe_scale.swebench.rows import Found, projected

LONGEST = 1 << 25
"""Bytes of a row; a longer one is left out and said to be."""
_MARK = b"\xef\xbb\xbf"


def read_lines(file: BinaryIO, columns: frozenset[str]) -> Iterator[Found]:
    """Yield what stands on each line that isn't blank, with the columns that are asked for.

    Raises:
        OSError: the file can't be read.
    """
    number = 0
    while line := file.readline(LONGEST):
        number += 1
        place = f"line {number}"
        if len(line) == LONGEST and not line.endswith(b"\n"):
            _skip(file)
            yield Found(place, fault=f"longer than {LONGEST >> 20} MiB")
            continue
        line = line.removeprefix(_MARK) if number == 1 else line
        if line.strip():
            yield parsed(place, line, columns)


def parsed(place: str, data: bytes, columns: frozenset[str]) -> Found:
    """Return the row that JSON spells, or what is wrong with it."""
    try:
        value: Any = json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return Found(place, fault=f"not JSON: {error}")
    return projected(place, value, columns)


def _skip(file: BinaryIO) -> None:
    while (rest := file.readline(1 << 16)) and not rest.endswith(b"\n"):
        pass
