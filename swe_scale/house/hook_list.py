"""Reads lists of pre-commit hooks: as much of YAML as they are written in, and never more than text."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Value = str | list["Value"] | dict[str, "Value"]

_LARGEST = 256 * 1024
"""Characters that are read."""
_LONGEST = 4_000
"""Characters of a line; what comes after them is cut off."""
_DEEPEST = 100
"""Columns by which a list may be indented."""
_KEY = re.compile(r"""("[^"\n]*"|'[^'\n]*'|[A-Za-z_](?:[\w .-]*[\w.-])?)\s*:(?:\s+(.*)|$)""")
_SCALAR = re.compile(r"[|>][+-]?\d?")
_FLOW = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,\[\]{}"'\s][^,\[\]{}]*|[,\[\]]""")


@dataclass(frozen=True, slots=True)
class Hook:
    """One entry of a list."""

    id: str
    repo: str
    """Address, or `local`."""
    rev: str
    args: tuple[str, ...] = ()
    entry: str = ""
    language: str = ""
    files: str = ""
    """Regular expression of the paths that it is for; empty: any."""
    exclude: tuple[str, ...] = ()
    """Regular expressions of those that it isn't for: its own, and that of the whole list."""
    types: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    pass_filenames: bool = True
    dependencies: tuple[str, ...] = ()


def read_hooks(text: str) -> tuple[Hook, ...]:
    """Return the hooks of a `.pre-commit-config.yaml`, in their order; none where it can't be read."""
    try:
        whole = _Lines(text[:_LARGEST]).block(-1)
    except (ValueError, IndexError, RecursionError):
        return ()
    listed = whole.get("repos") if isinstance(whole, dict) else None
    excluded = _text(whole, "exclude") if isinstance(whole, dict) else ""
    repos = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return tuple(
        _hook(repo, hook, excluded)
        for repo in repos
        if isinstance(hooks := repo.get("hooks"), list)
        for hook in hooks
        if isinstance(hook, dict)
    )


def _hook(repo: Mapping[str, Value], hook: Mapping[str, Value], excluded: str) -> Hook:
    return Hook(
        id=_text(hook, "id"),
        repo=_text(repo, "repo"),
        rev=_text(repo, "rev"),
        args=_texts(hook, "args"),
        entry=_text(hook, "entry"),
        language=_text(hook, "language"),
        files=_text(hook, "files"),
        exclude=tuple(filter(None, (_text(hook, "exclude"), excluded))),
        types=(*_texts(hook, "types"), *_texts(hook, "types_or")),
        stages=_texts(hook, "stages"),
        pass_filenames=_text(hook, "pass_filenames").lower() != "false",
        dependencies=_texts(hook, "additional_dependencies"),
    )


def _text(table: Mapping[str, Value], name: str) -> str:
    value = table.get(name)
    return value if isinstance(value, str) else ""


def _texts(table: Mapping[str, Value], name: str) -> tuple[str, ...]:
    value = table.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


@dataclass(slots=True)
class _Lines:
    """The lines of a text, read from above."""

    text: str
    rows: list[tuple[int, str]] = field(init=False)
    at: int = 0

    def __post_init__(self) -> None:
        text = self.text.expandtabs()[:_LARGEST]
        lines = (line[:_LONGEST].rstrip() for line in text.splitlines())
        self.rows = [(len(line) - len(line.lstrip()), line.lstrip()) for line in lines]

    def next(self) -> tuple[int, str] | None:
        """Return the next line that says something, without taking it."""
        while self.at < len(self.rows):
            indent, line = self.rows[self.at]
            if line and not line.startswith(("#", "---", "%")):
                return indent, line
            self.at += 1
        return None

    def block(self, above: int) -> Value:
        """Return the value whose lines are indented by more than `above`."""
        row = self.next()
        if row is None or row[0] <= above:
            return ""
        indent, line = row
        if indent > _DEEPEST:
            raise ValueError(line)
        if line == "-" or line.startswith("- "):
            return self.sequence(indent)
        return self.mapping(indent) if _KEY.fullmatch(_bare(line)) else self.scalar(above)

    def sequence(self, indent: int) -> list[Value]:
        """Return the entries that begin with a dash at this indent."""
        found: list[Value] = []
        while (
            (row := self.next()) is not None
            and row[0] == indent
            and (row[1] == "-" or row[1].startswith("- "))
        ):
            rest = row[1][1:].lstrip()
            # What follows the dash is a line of its own, further in.
            self.rows[self.at] = (indent + len(row[1]) - len(rest), rest) if rest else (indent, "")
            found.append(self.block(indent))
        return found

    def mapping(self, indent: int) -> dict[str, Value]:
        """Return the entries with a key at this indent."""
        found: dict[str, Value] = {}
        while (row := self.next()) is not None and row[0] == indent:
            match = _KEY.fullmatch(_bare(row[1]))
            if match is None:
                raise ValueError(row[1])
            self.at += 1
            found[match[1].strip("\"'")] = self.value(match[2] or "", indent)
        return found

    def value(self, written: str, indent: int) -> Value:
        """Return what a key stands for."""
        if _SCALAR.fullmatch(written):
            return self.literal(indent, " " if written[0] == ">" else "\n")
        if written:
            self.at -= 1
            self.rows[self.at] = (indent + 1, written)
            return self.scalar(indent)
        row = self.next()
        dashed = row is not None and row[0] == indent and row[1].startswith("-")
        return self.sequence(indent) if dashed else self.block(indent)

    def literal(self, indent: int, joint: str) -> str:
        """Return the lines of a block scalar."""
        found: list[str] = []
        while self.at < len(self.rows) and (self.rows[self.at][0] > indent or not self.rows[self.at][1]):
            found.append(self.rows[self.at][1])
            self.at += 1
        return joint.join(found).strip()

    def scalar(self, above: int) -> Value:
        """Return a plain or quoted text or a list in brackets, which may go on over further lines."""
        parts: list[str] = []
        while (row := self.next()) is not None and row[0] > above:
            parts.append(_bare(row[1]))
            self.at += 1
        joined = " ".join(parts)
        return _flow(joined) if joined.startswith("[") else _plain(joined)


def _bare(line: str) -> str:
    """Return a line without its comment."""
    quote = ""
    for at, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'" and (at == 0 or line[at - 1] in " [,:"):
            quote = sign
        elif sign == "#" and at and line[at - 1] == " ":
            return line[:at].rstrip()
    return line


def _flow(text: str) -> list[Value]:
    tokens: Sequence[str] = _FLOW.findall(text)
    return [_plain(token) for token in tokens if token not in ("[", "]", ",")]


def _plain(text: str) -> str:
    text = text.strip()
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text
