"""What a formatter may do to a file: another form of the same words, and nothing else."""

import re
from collections import Counter

from swe_scale.house import Plain
from swe_scale.regression.imports import syntax

_WORD = re.compile(r"[^\W\d]\w*")
_BLANKS = b" \t\f\v"
_GROWTH, _ROOM = 2, 4096
_LOST = 0.02
_FEW = 5
"""Words that may go, such as one of two equal imports; or two in a hundred if that is more."""


def only_form(path: str, before: bytes, after: bytes) -> bool:
    """Return whether nothing but the form of a text differs.

    No word is new, hardly one is gone, and what was Python still is.

    Args:
        path: of the file.
        before: its content.
        after: what a formatter made of it.
    """
    if len(after) > _GROWTH * len(before) + _ROOM:
        return False
    had, has = (_words(data) for data in (before, after))
    if has.keys() - had.keys() or (had - has).total() > max(_FEW, _LOST * had.total()):
        return False
    return not path.endswith((".py", ".pyi")) or bool(_parsed(after)) or not _parsed(before)


def plainly(kind: Plain, data: bytes) -> bytes:
    """Return a text as one of the formatters leaves it that need no program; other content as it is."""
    if b"\0" in data or not data:
        return data
    if kind == "end-of-file-fixer":
        ending = b"\r\n" if data.rstrip(b"\r\n") + b"\r\n" == data[: len(data.rstrip(b"\r\n")) + 2] else b"\n"
        kept = data.rstrip(b"\r\n")
        return kept + ending if kept else b""
    if kind == "trailing-whitespace":
        # Not by a regular expression, which would look at every blank of a long run again.
        *lines, last = data.split(b"\n")
        return b"\n".join((*map(_trimmed, lines), last.rstrip(_BLANKS)))
    return data


def _trimmed(line: bytes) -> bytes:
    return line[:-1].rstrip(_BLANKS) + b"\r" if line.endswith(b"\r") else line.rstrip(_BLANKS)


def _words(data: bytes) -> Counter[str]:
    return Counter(word.lower() for word in _WORD.findall(data.decode("utf-8", "replace")))


def _parsed(data: bytes) -> bool:
    return bool(syntax(data.decode("utf-8", "replace")).body)
