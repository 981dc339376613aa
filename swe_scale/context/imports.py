"""Reads what the statements of many languages import: paths, or names with dots."""

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

_QUOTED = re.compile(r"""["'<]([^"'<>\n]{1,200})["'>]""")
_DOTTED = re.compile(r"[\w$]+(?:(?:\.|::|\\)[\w$*]+)*")
_FROM = re.compile(r"from\s++(\.*+)([\w.]*+)\s++import\s++(.*)")
_BRACES = re.compile(r"([\w$]+(?:(?:\.|::|\\)[\w$]+)*+)(?:\.|::|\\)\{([^{}]*)")
_NAME = re.compile(r"\w+")
_MOST = 50
"""Names of one statement that are followed."""
_BESIDE = ("#include", "#import", "require_relative", "source ", ". ")
"""Statements whose paths lead from the file itself, or else from elsewhere."""
_SCRIPT = re.compile(r"\.[cm]?jsx?$")


class Named(NamedTuple):
    """What a statement may import."""

    text: str
    """A path with a suffix or without, or a dotted name."""
    place: str | None = None
    """Its path from the root, with or without a suffix, where the statement tells that."""
    relative: bool = False
    """Whether it can't be anywhere else."""


def imported(path: str, statement: str) -> Iterator[Named]:
    """Yield what a statement in a file may import."""
    folder = posixpath.dirname(path)
    if match := _FROM.match(statement):
        yield from _from(folder, *match.groups())
    elif quoted := _QUOTED.findall(statement):
        for one in quoted:
            yield from _quoted(folder, one, statement.startswith(_BESIDE))
    elif statement.startswith(("source ", ". ")):
        yield from _quoted(folder, statement.split()[-1], True)
    else:
        yield from _dotted(path, statement)


def _from(folder: str, dots: str, module: str, names: str) -> Iterator[Named]:
    above = [part for part in folder.split("/") if part]
    if len(dots) - 1 > len(above):
        return
    base = [*above[: len(above) - len(dots) + 1], *module.split(".")] if dots else module.split(".")
    base = [part for part in base if part]
    for parts in (base, *([*base, name] for name in _NAME.findall(names)[:_MOST])):
        yield Named(".".join(parts), "/".join(parts), relative=bool(dots))


def _quoted(folder: str, named: str, beside: bool) -> Iterator[Named]:
    relative = named.startswith(".")
    place = posixpath.normpath(posixpath.join(folder, named)) if relative or beside else None
    if place is not None and place.startswith(".."):
        return
    yield Named(named, place, relative)
    # A script that is compiled is named by what comes of it.
    if relative and place is not None and _SCRIPT.search(place):
        yield Named(named, _SCRIPT.sub("", place), relative)


def _dotted(path: str, statement: str) -> Iterator[Named]:
    names = _DOTTED.findall(statement)[:_MOST]
    if found := _BRACES.search(statement):
        names = [f"{found[1]}.{name}" for name in _DOTTED.findall(found[2])[:_MOST]]
    for name in names:
        plain = re.sub(r"::|\\", ".", name)
        yield Named(_within_crate(path, plain) if path.endswith(".rs") else plain)


def _within_crate(path: str, name: str) -> str:
    """Return a name of Rust as if it began at the root of the repository."""
    first, _, rest = name.partition(".")
    folders = path.split("/")[:-1]
    stem = posixpath.splitext(posixpath.basename(path))[0]
    own = folders if stem in ("mod", "lib", "main") else [*folders, stem]
    if first == "crate" and "src" in folders:
        return ".".join([*folders[: folders.index("src") + 1], rest])
    if first == "self":
        return ".".join([*own, rest])
    return ".".join([*own[:-1], rest]) if first == "super" else name
