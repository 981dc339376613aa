"""Makes what a command printed fit to be read: as a terminal would show it, without what only repeats."""

import re
from collections.abc import Iterator
from itertools import groupby

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?"  # titles and links
    r"|(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours, movements
    r"|\x1b[PX^_][^\x1b]*(?:\x1b\\)?"  # other texts for the terminal
    r"|\x1b[ -/]*[0-~]?"
)
_OTHER = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffd]+")
_LINE = 2000
"""Characters of a line that are shown."""
_SAME = 3
"""Equal lines in a row that are shown; of more, only the first is."""


def readable(output: str) -> str:
    """Return output without escape sequences, overwritten text, binary noise and repetitions.

    What is left out of a line that is very long, or of many equal ones, is said. Any number of control
    characters, or of bytes that are no text, becomes one replacement character.
    """
    text = _ESCAPES.sub("", output).replace("\r\n", "\n")
    lines = (_cut(_OTHER.sub("\ufffd", _printed(line))) for line in text.split("\n"))
    return "\n".join(_counted(lines))


def _printed(line: str) -> str:
    """Return what is left to see of a line that was gone over again, as progress bars and manuals do."""
    if "\r" in line:
        line = next((part for part in reversed(line.split("\r")) if part.strip()), "")
    if "\b" not in line:
        return line
    shown: list[str] = []
    for character in line:
        if character != "\b":
            shown.append(character)
        elif shown:
            shown.pop()
    return "".join(shown)


def _cut(line: str) -> str:
    if len(line) <= _LINE:
        return line
    head, tail = line[: _LINE * 3 // 4], line[-_LINE // 4 :]
    return f"{head} … {len(line) - len(head) - len(tail):,} characters left out … {tail}"


def _counted(lines: Iterator[str]) -> Iterator[str]:
    for line, same in groupby(lines):
        count = sum(1 for _ in same)
        if count <= _SAME or not line.strip():
            yield from [line] * min(count, _SAME)
        else:
            yield from (line, f"… {count - 1:,} more lines like this one …")
