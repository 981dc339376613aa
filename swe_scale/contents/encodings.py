"""Tells in which encoding a file is written, so that what models are shown is what they can edit."""

import codecs
import re

_COOKIE = re.compile(rb"coding[:=][ \t]*([-\w.]{1,40})")
_NAMES = re.compile(
    r"(?:iso-?8859|latin|l\d$|cp125|windows-125|koi8|euc|shift|sjis|gb|big5|mac|cp\d{3}$)", re.I
)
"""Codecs of texts; Python has others, which unpack or execute."""
_CONTROL = re.compile(rb"[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f]")
_UNTEXTUAL = re.compile(_CONTROL.pattern.decode("latin-1"))
_SAMPLE = 4096


def decoded(data: bytes) -> str | None:
    """Return a file's text without a byte order mark; None where it is no text."""
    codec = codec_of(data)
    return None if codec is None else data.decode(codec).removeprefix("\ufeff")


def codec_of(data: bytes) -> str | None:
    """Return the codec in which a file is written: UTF-8, UTF-16, what it names, otherwise Latin-1.

    Decoded by it and encoded again it is the same; a byte order mark is the first character. None: no text.
    """
    wide = _wide(data)
    if wide is not None and _fits(wide, data):
        return None if _UNTEXTUAL.search(data.decode(wide)) else wide
    if _CONTROL.search(data):
        return None
    return next(codec for codec in ("utf-8", _named(data), "latin-1") if codec and _fits(codec, data))


def _fits(codec: str, data: bytes) -> bool:
    try:
        return data.decode(codec).encode(codec) == data
    except (UnicodeError, LookupError):
        return False


def _wide(data: bytes) -> str | None:
    """Return the codec of a text of two-byte characters."""
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if data.startswith(mark):
            return codec
    start = data[:_SAMPLE]
    if len(data) % 2 or len(start) < 8:
        return None
    # Most characters of a program are ASCII, of which one byte in two is nought.
    for codec, zeros, others in (
        ("utf-16-le", start[1::2], start[::2]),
        ("utf-16-be", start[::2], start[1::2]),
    ):
        if zeros.count(0) * 10 > len(zeros) * 8 and not others.count(0):
            return codec
    return None


def _named(data: bytes) -> str | None:
    """Return the codec that a comment in one of the first two lines names (PEP 263)."""
    for line in data.split(b"\n", 2)[:2]:
        if (found := _COOKIE.search(line)) and _NAMES.match(name := found[1].decode("ascii", "replace")):
            # In EBCDIC, which some of these are, what was just read would not stand there.
            return name if _decodes(name, found[0]) else None
    return None


def _decodes(codec: str, ascii: bytes) -> bool:
    try:
        return ascii.decode(codec) == ascii.decode("ascii")
    except (UnicodeError, LookupError):
        return False
