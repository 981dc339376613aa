"""How large the binary content is that a patch puts in place, found out without unpacking it."""

import base64
import re
import zlib

from swe_scale.errors import PatchError

_PART = re.compile(r"^GIT binary patch\r?\n", re.MULTILINE)
_HUNK = re.compile(r"(literal|delta) ([^\r\n]*)\r?\n((?:[^\r\n]+\r?\n)*)(?:\r?\n)?")
_NUMBER = re.compile(r"\d{1,18}")
_HEADER = 20
"""Bytes that the two lengths at the beginning of a delta take at most."""


def binary_size(patch: str) -> int:
    """Return how many bytes of binary content a patch puts in place, by what it says itself.

    A delta says how large it makes a file in its first bytes: a few hundred can stand for gigabytes.

    Raises:
        PatchError: a binary part doesn't say how large it is.
    """
    total = 0
    for part in _PART.finditer(patch):
        at = part.end()
        # There and back again.
        for _ in range(2):
            if (hunk := _HUNK.match(patch, at)) is None:
                break
            at = hunk.end()
            total += _size(hunk[1], hunk[2], hunk[3])
    return total


def _size(kind: str, number: str, lines: str) -> int:
    if _NUMBER.fullmatch(number) is None:
        raise PatchError(f"A binary part doesn't say how large it is: {kind} {number[:40]!r}.")
    return int(number) if kind == "literal" else max(int(number), _made_by_delta(lines))


def _made_by_delta(lines: str) -> int:
    """Return the length of the file that a delta makes: the second number in its header."""
    begin, unpacked = b"", zlib.decompressobj()
    try:
        for line in lines.splitlines():
            # Its first sign says how many of the bytes count, A to Z and a to z: 1 to 52.
            length = ord(line[0]) - (64 if line[0] < "a" else 70)
            data = base64.b85decode(line[1:])[:length]
            begin += unpacked.decompress(data, _HEADER - len(begin))
            if len(begin) >= _HEADER:
                break
    except (ValueError, zlib.error) as error:
        raise PatchError("A binary part can't be read: its data is corrupt.") from error
    numbers, number, shift = [], 0, 0
    for byte in begin:
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            numbers.append(number)
            number = shift = 0
    if len(numbers) < 2:
        raise PatchError("A binary part can't be read: its data is too short.")
    return numbers[1]
