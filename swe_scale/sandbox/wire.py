"""The form in which a box is spoken to: frames of numbers, bytes and texts. See `sandboxes/helper/wire.c`."""

import os
from collections.abc import Iterable

from swe_scale.errors import SandboxError

MOST = 1 << 30
"""Bytes of the longest frame."""


def number(value: int) -> bytes:
    """Return a number of 64 bits without a sign."""
    return value.to_bytes(8, "little")


def data(value: bytes | str) -> bytes:
    """Return bytes with their length before them; a text is encoded as the file system does."""
    raw = os.fsencode(value) if isinstance(value, str) else value
    return len(raw).to_bytes(4, "little") + raw


def texts(values: Iterable[str]) -> bytes:
    """Return texts with their count before them."""
    parts = [data(value) for value in values]
    return number(len(parts)) + b"".join(parts)


def frame(request: bytes) -> bytes:
    """Return a request as it is sent.

    Raises:
        SandboxError: it is longer than a box takes.
    """
    if len(request) > MOST:
        raise SandboxError(f"a request of {len(request) >> 20} MiB is more than a sandbox takes at once")
    return len(request).to_bytes(4, "little") + request


class Answer:
    """A reply, read from its beginning to its end."""

    def __init__(self, content: bytes) -> None:
        self._content = memoryview(content)
        self._at = 0

    @property
    def more(self) -> bool:
        """Whether something is left."""
        return self._at < len(self._content)

    def number(self) -> int:
        """Return the number that comes next."""
        return int.from_bytes(self._take(8), "little")

    def data(self) -> bytes:
        """Return the bytes that come next."""
        return bytes(self._take(int.from_bytes(self._take(4), "little")))

    def text(self) -> str:
        """Return the text that comes next, with what isn't UTF-8 kept as the file system's."""
        return os.fsdecode(self.data())

    def _take(self, size: int) -> memoryview:
        if size > len(self._content) - self._at:
            raise SandboxError("the sandbox sent an answer that can't be read")
        self._at += size
        return self._content[self._at - size : self._at]
