"""Follows a shell command line by line, to tell where it may end: a reply's fences can be part of it."""

import re
from collections import deque

_HERE = re.compile(r"(?<!<)<<(?!<)(-?)\s*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([A-Za-z_]\w*))")
"""The beginning of a here-document, with the line that ends it."""
_MARKS = {
    "": re.compile(r"[\\'\"]|(?:^|(?<=[\s;&|()]))#"),
    "'": re.compile("'"),
    '"': re.compile(r'[\\"]'),
}
"""What changes how the text behind it is read, by the quotation that is open."""


class Reader:
    """What is still open after those lines of a command that were read."""

    def __init__(self) -> None:
        self._quote = ""
        self._escaped = False
        self._waiting: deque[tuple[str, bool]] = deque()

    @property
    def complete(self) -> bool:
        """Whether no quotation and no here-document is open."""
        return not (self._quote or self._escaped or self._waiting)

    def read(self, line: str) -> None:
        """Take in the next line, in time that doesn't depend on those before it."""
        if self._waiting:
            word, indented = self._waiting[0]
            if (line.lstrip("\t") if indented else line) == word:
                self._waiting.popleft()
            return
        self._waiting += (
            (found[2] or found[3] or found[4], bool(found[1])) for found in _HERE.finditer(line)
        )
        self._quotations(line)

    def _quotations(self, line: str) -> None:
        at, self._escaped = 0, False
        while found := _MARKS[self._quote].search(line, at):
            at = found.end()
            match found[0]:
                case "#":
                    return
                case "\\":
                    self._escaped = at == len(line)
                    at += 1
                case mark:
                    self._quote = "" if self._quote else mark
