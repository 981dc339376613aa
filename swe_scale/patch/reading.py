"""Reads unified and git diffs of any origin, line by line, without ever failing on one."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from swe_scale.patch.paths import only_tests
from swe_scale.records import digest

_HUNK = re.compile(r"@@ -\d{1,9}(?:,(\d{1,9}))? \+\d{1,9}(?:,(\d{1,9}))? @@")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPE = re.compile(rb'\\([abfnrtv"\\]|[0-7]{1,3})')
_ESCAPES = dict(zip(b'abfnrtv"\\', b'\a\b\f\n\r\t\v"\\', strict=True))
_TOKEN = re.compile(r"[^\W\d]\w*|\d[\w.]*|[-+*/%&|^=<>!~:@]+|[^\w\s]")

_Kind = Literal["git", "old", "new", "from", "to", "hunk", "added", "removed", "context", "binary", "other"]
_BODY: dict[str, _Kind] = {"+": "added", "-": "removed", " ": "context", "": "context", "\r": "context"}
_RENAMES: dict[str, _Kind] = {"rename from ": "from", "rename to ": "to", "copy to ": "to"}


class _Line(NamedTuple):
    kind: _Kind
    text: str


@dataclass(slots=True)
class _FilePart:
    """One file's part of a patch; its names with their prefix, and (`moved`) without."""

    old: str | None = None
    new: str | None = None
    header: tuple[str, str] | None = None
    moved: list[str] = field(default_factory=list)
    changed: list[_Line] = field(default_factory=list)
    """The lines that are added and removed, and those of binary content."""


def _lines(patch: str) -> Iterator[_Line]:
    """Yield every line with the part that it plays; a hunk's lines are told by the counts in its head."""
    old = new = 0
    header = binary = False
    before: _Kind = "other"
    lines = patch.split("\n")
    for at, text in enumerate(lines):
        kind: _Kind = "other"
        if old > 0 or new > 0:
            if text.startswith("\\"):
                yield _Line("other", text)
                continue
            if body := _BODY.get(text[:1]):
                old -= body != "added"
                new -= body != "removed"
                yield _Line(body, text)
                before = body
                continue
            old = new = 0
        if text.startswith("diff --git "):
            kind, header, binary = "git", True, False
        elif text.startswith("--- ") and (header or _starts_plain(lines, at)):
            kind, binary = "old", False
        elif text.startswith("+++ ") and before == "old":
            kind = "new"
        elif match := _HUNK.match(text):
            kind, header = "hunk", False
            old, new = (int(count) if count else 1 for count in match.groups())
        elif header and text.rstrip("\r") == "GIT binary patch":
            header, binary = False, True
        elif header:
            kind = next((found for start, found in _RENAMES.items() if text.startswith(start)), "other")
        elif binary and text.strip():
            kind = "binary"
        yield _Line(kind, text)
        before = kind


def _starts_plain(lines: list[str], at: int) -> bool:
    return len(lines) > at + 2 and lines[at + 1].startswith("+++ ") and lines[at + 2].startswith("@@ -")


def _files(patch: str) -> list[_FilePart]:
    files: list[_FilePart] = []
    before: _Kind = "other"
    for kind, text in _lines(patch):
        if kind == "git":
            files.append(_FilePart(header=_header_names(text.removeprefix("diff --git ").rstrip("\r"))))
        elif kind == "old":
            if not files or files[-1].old is not None or before in ("added", "removed", "context"):
                files.append(_FilePart())
            files[-1].old = _name(text[4:])
        elif kind == "new":
            files[-1].new = _name(text[4:])
        elif kind in ("from", "to"):
            files[-1].moved.append(_name(text.split(" ", 2)[2]))
        elif kind in ("added", "removed", "binary"):
            files = files or [_FilePart()]
            files[-1].changed.append(_Line(kind, text))
        before = kind
    return files


def _name(text: str) -> str:
    """Return the name in a header line: quoted as in C, or up to a tab, behind which a date may stand."""
    quoted = _QUOTED.match(text)
    return _unquoted(quoted[1]) if quoted else text.partition("\t")[0].rstrip("\r")


def _unquoted(text: str) -> str:
    def plain(match: re.Match[bytes]) -> bytes:
        code = match[1]
        return bytes([int(code, 8) & 255 if code.isdigit() else _ESCAPES[code[0]]])

    raw = _ESCAPE.sub(plain, text.encode("utf-8", "surrogatepass"))
    return raw.decode("utf-8", "surrogateescape")


def _header_names(text: str) -> tuple[str, str] | None:
    """Return both names of a `diff --git` line; None where they differ, since other lines then name them."""
    if quoted := _QUOTED.match(text):
        return _unquoted(quoted[1]), _name(text[quoted.end() + 1 :])
    middle = len(text) // 2
    first, second = text[:middle], text[middle + 1 :]
    same = text[middle : middle + 1] == " " and first.partition("/")[2] == second.partition("/")[2]
    return (first, second) if same or first == second else None


def strip_level(patch: str) -> int:
    """Return how many leading parts of its names a patch wants taken off: 1, or 0 without a/ and b/."""
    return _level(_files(patch))


def _level(files: list[_FilePart]) -> int:
    known = [pair for file in files if (pair := _pair(file))]
    return 0 if known and all(_without_prefix(*pair) for pair in known) else 1


def _pair(names: _FilePart) -> tuple[str, str] | None:
    return (names.old, names.new) if names.old is not None and names.new is not None else names.header


def _without_prefix(old: str, new: str) -> bool:
    real = [name for name in (old, new) if name != "/dev/null"]
    return len(set(real)) == 1 and not real[0].startswith(("a/", "b/"))


def touched(patch: str) -> tuple[str, ...]:
    """Return the paths that a patch adds, changes, removes or moves (both ends), in its order.

    Never fails: what isn't a diff touches nothing. The paths are as hostile as the patch.
    """
    files = _files(patch)
    level = _level(files)
    return tuple(dict.fromkeys(path for file in files for path in _paths(file, level)))


def _paths(file: _FilePart, level: int) -> Iterator[str]:
    """Yield the paths of one file's part: two where it is moved."""
    for name in _pair(file) or ():
        path = name.partition("/")[2] if level and not name.startswith("/") else name
        if path and name != "/dev/null":
            yield path
    yield from filter(None, file.moved)


def newline_forms(patch: str) -> tuple[str, ...]:
    """Return the texts that a patch can stand for, likeliest first.

    A patch whose header lines end with CR was written by a system that ends all lines so. Then its content
    had LF, or (if only its own lines were written so) CRLF.
    """
    lines = list(_lines(patch))
    if not any(kind in ("git", "new", "hunk") and text.endswith("\r") for kind, text in lines):
        return (patch,)
    body = ("added", "removed", "context")
    kept = "\n".join(text if kind in body else text.removesuffix("\r") for kind, text in lines)
    return (patch.replace("\r\n", "\n"), kept)


def token_form(patch: str) -> str:
    """Return a digest that patches have in common if they change the same tokens of the same files.

    It stands for the normal form where the files that a patch changes are not at hand.
    """
    counts = (f"{token} {count}" for token, count in sorted(changed_tokens(patch).items()))
    return digest("tokens", *sorted(touched(patch)), *counts)


def changed_tokens(patch: str) -> Counter[str]:
    """Return how often each token is added (`+name`) and removed (`-name`) by a patch.

    Tokens are identifiers, numbers and operators; the lines of binary content together are one token.
    Tests are left out unless nothing else is changed.
    """
    files = _files(patch)
    level = _level(files)
    product = [file for file in files if not only_tests(_paths(file, level))]
    tokens: Counter[str] = Counter()
    binary: list[bytes] = []
    for kind, text in (line for file in product or files for line in file.changed):
        if kind in ("added", "removed"):
            tokens.update(f"{text[0]}{token}" for token in _TOKEN.findall(text, 1))
        elif kind == "binary":
            binary.append(text.encode("utf-8", "surrogatepass"))
    if binary:
        tokens[f"binary {digest(*binary)}"] += 1
    return tokens


def overlap(a: Counter[str], b: Counter[str]) -> float:
    """Return the Jaccard index of two multisets, 0 to 1; two empty ones are equal, so 1."""
    either = (a | b).total()
    return (a & b).total() / either if either else 1.0
