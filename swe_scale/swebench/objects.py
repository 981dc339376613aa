"""Reads rows out of one JSON document, an array or an object of rows, without holding more than one."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from swe_scale.swebench.lines import LONGEST, parsed
from swe_scale.swebench.rows import Found

_CHUNK = 1 << 18
_LONGEST_KEY = 1 << 10
_OUTSIDE = re.compile(rb'["{}\[\]]')
_INSIDE = re.compile(rb'["\\]')


def read_objects(file: BinaryIO, columns: frozenset[str]) -> Iterator[Found]:
    """Yield the rows of `[{…}, {…}]`, or of `{"id": {…}, …}`, where the key is the id of a row without one.

    A row that isn't JSON is left out alone; where brackets don't match, the rest is.

    Raises:
        OSError: the file can't be read.
    """
    scanner, number = _Scanner(), 0
    while chunk := file.read(_CHUNK):
        for data in scanner.fed(chunk):
            number += 1
            place = f"row {number}"
            found = (
                Found(place, fault=f"longer than {LONGEST >> 20} MiB")
                if data is None
                else parsed(place, data, columns)
            )
            yield found if found.fault else _keyed(found, scanner.key)
        if scanner.fault:
            break
    if reason := scanner.fault or scanner.unfinished:
        yield Found(f"byte {scanner.position}", fault=f"not JSON: {reason}; the rest is not read")


def _keyed(found: Found, key: bytes) -> Found:
    if "instance_id" in found.names or not key:
        return found
    try:
        name = json.loads(key)
    except ValueError:
        return found
    return Found(found.place, {**found.row, "instance_id": name}, found.names | {"instance_id"})


@dataclass(slots=True)
class _Scanner:
    """Follows brackets and strings; it doesn't parse, so that each row is parsed once and alone."""

    depth: int = 0
    quoted: bool = False
    position: int = 0
    """Bytes that have been looked at."""
    fault: str = ""
    key: bytes = b""
    """The last string of the first level, quotes and all: the key of the row that follows."""
    _row: bytearray = field(default_factory=bytearray)
    _string: bytearray = field(default_factory=bytearray)
    _keyed: bool = False
    """Whether it is an object of rows."""
    _escaped: bool = False
    _too_long: bool = False

    @property
    def unfinished(self) -> str:
        """What is missing if nothing follows."""
        return "it ends in the middle" if self.depth or self.quoted else ""

    def fed(self, chunk: bytes) -> Iterator[bytes | None]:
        """Yield the rows that end in a chunk; None for one that is too long."""
        start = 0
        while start < len(chunk) and not self.fault:
            inside = self.quoted
            stop = self._step(chunk, start)
            self._keep(chunk[start:stop], inside or self.quoted)
            self.position += stop - start
            start = stop
            if self.depth == 1 and self._row:
                yield None if self._too_long else bytes(self._row)
                self._row.clear()
                self.key, self._too_long = b"", False

    def _step(self, chunk: bytes, start: int) -> int:
        """Take the next mark of a chunk into account; return where it ends."""
        if self._escaped:
            self._escaped = False
            return start + 1
        found = (_INSIDE if self.quoted else _OUTSIDE).search(chunk, start)
        if found is None:
            return len(chunk)
        self._mark(found[0])
        return found.end()

    def _mark(self, mark: bytes) -> None:
        if mark == b"\\":
            self._escaped = True
        elif mark == b'"':
            self.quoted = not self.quoted
            if self.depth == 1 and self.quoted:
                self._string.clear()
        elif mark in b"{[":
            self.depth += 1
            self._keyed = mark == b"{" if self.depth == 1 else self._keyed
            if self.depth == 2:
                self._row.clear()
                self.key = bytes(self._string) if self._keyed else b""
                self._string.clear()
        else:
            self.depth -= 1
            if self.depth < 0:
                self.fault = "a bracket closes that was never opened"

    def _keep(self, piece: bytes, quoted: bool) -> None:
        if self.depth >= 2 or (self.depth == 1 and self._row):
            self._row += piece[-1:] if not self._row else piece
            if len(self._row) > LONGEST:
                self._too_long = True
                del self._row[1:]
        elif self.depth == 1 and quoted and len(self._string) < _LONGEST_KEY:
            self._string += piece[-1:] if not self._string else piece
