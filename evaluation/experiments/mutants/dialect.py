"""Reads and writes rows of text in dialects of comma-separated values."""

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Dialect:
    """How rows are written."""

    comma: str = ","
    quote: str = '"'
    comment: str = ""
    strip: bool = False


PLAIN = Dialect()


def read(text: str, dialect: Dialect = PLAIN) -> list[list[str]]:
    """Return the rows; empty lines and comments are left out.

    Raises:
        ValueError: a quote isn't closed, or text follows one that is.
    """
    rows: list[list[str]] = []
    row: list[str] = []
    at = 0
    begun = False
    while at < len(text):
        if not row and not begun and dialect.comment and text.startswith(dialect.comment, at):
            end = text.find("\n", at)
            at = len(text) if end < 0 else end + 1
            continue
        if text[at] == "\n":
            if begun:
                row.append("")
            if row:
                rows.append(row)
            row, begun, at = [], False, at + 1
            continue
        value, at = field(text, at, dialect)
        row.append(value)
        begun = text[at : at + 1] == dialect.comma
        if begun:
            at += 1
        elif text[at : at + 1] == "\n":
            rows.append(row)
            row, at = [], at + 1
    if begun:
        row.append("")
    if row:
        rows.append(row)
    return rows


def field(text: str, at: int, dialect: Dialect) -> tuple[str, int]:
    """Return the field that begins at a place, and where it ends."""
    if text[at] == dialect.quote:
        return quoted(text, at + 1, dialect)
    end = at
    while end < len(text) and text[end] not in (dialect.comma, "\n"):
        end += 1
    value = text[at:end]
    return (value.strip() if dialect.strip else value), end


def quoted(text: str, at: int, dialect: Dialect) -> tuple[str, int]:
    """Return the field whose quote was opened before a place, and where it ends; a quote is doubled in it."""
    value = ""
    while at < len(text):
        if text[at] != dialect.quote:
            value += text[at]
            at += 1
        elif text[at + 1 : at + 2] == dialect.quote:
            value += dialect.quote
            at += 2
        else:
            at += 1
            if at < len(text) and text[at] not in (dialect.comma, "\n"):
                raise ValueError("text follows a closed quote")
            return value, at
    raise ValueError("a quote isn't closed")


def write(rows: Iterable[list[str]], dialect: Dialect = PLAIN) -> str:
    """Return rows as text that is read as the same rows."""
    lines = []
    for row in rows:
        lines.append(dialect.comma.join(shown(value, dialect, len(row) == 1) for value in row))
    return "".join(line + "\n" for line in lines)


def shown(value: str, dialect: Dialect, alone: bool) -> str:
    """Return a value, quoted where it must be."""
    special = dialect.comma in value or dialect.quote in value or "\n" in value
    blank = dialect.strip and value != value.strip()
    comment = dialect.comment != "" and value.startswith(dialect.comment)
    if special or blank or comment or (alone and value == ""):
        inner = value.replace(dialect.quote, dialect.quote * 2)
        return dialect.quote + inner + dialect.quote
    return value


def guess(text: str) -> str:
    """Return the comma that parts most lines into the same number of fields."""
    best, most = ",", 0
    for comma in (",", ";", "\t", "|"):
        counts = [line.count(comma) for line in text.splitlines() if line]
        if counts and min(counts) == max(counts) and counts[0] > most:
            best, most = comma, counts[0]
    return best
