"""Whether a test of a language other than Python uses a changed file, by its import statements."""

import posixpath
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import PurePosixPath

_IMPORTS = re.compile(
    r"""
      \bfrom \s* ["'] ([^"'\n]{1,200}) ["']                          # import x from "./x"
    | \b(?:require(?:_relative)?|import|mock|load) \s* (?: \( \s* )? ["'] ([^"'\n]{1,200}) ["']
    | ^ [ \t]* \# [ \t]* include \s* [<"] ([^>"\n]{1,200}) [>"]              # C and C++
    | ^ [ \t]* (?:\w+ [ \t]+)? " ([\w./~-]{1,200}) " [ \t\r]* $                # a line of Go's import ( … )
    | ^ [ \t]* (?:pub \s+)? (?:use|mod) \s+ ([\w:]{1,200})                # Rust
    | ^ [ \t]* (?:import|using) \s+ (?:static \s+)? ([\w.]{1,200}) \s* ;? # Java, Kotlin, C#
    """,
    re.VERBOSE | re.MULTILINE,
)
_LOOKED_AT = 200_000
"""Characters of a test."""
_ROOTS = frozenset(("src", "lib", "main", "java", "kotlin", "include", "app", "source", "."))
_INDEX = frozenset(("index", "mod", "lib", "main", "__init__"))


def uses(test: str, text: str, changed: str) -> bool:
    """Return whether a test imports, includes or requires a changed file, or is of its Go package.

    Args:
        test: path of the test.
        text: its content.
        changed: path of the changed file.
    """
    if changed.endswith(".go") and posixpath.dirname(test) == posixpath.dirname(changed):
        return True
    named = _module(changed)
    return any(
        _means(parts, named, changed, is_path) for parts, is_path in _specifiers(test, text[:_LOOKED_AT])
    )


@lru_cache(maxsize=256)
def _specifiers(test: str, text: str) -> tuple[tuple[tuple[str, ...], bool], ...]:
    return tuple(dict.fromkeys(_read(test, text)))


def _read(test: str, text: str) -> Iterator[tuple[tuple[str, ...], bool]]:
    for match in _IMPORTS.finditer(text):
        written = match[match.lastindex or 0]
        if written.startswith("."):
            found = posixpath.normpath(posixpath.join(posixpath.dirname(test), written))
            yield PurePosixPath(found).parts, True
        elif parts := tuple(
            part for part in re.split(r"/|::|\.(?=\w)", written) if part not in ("", "@", "~")
        ):
            yield parts, False


def _module(changed: str) -> tuple[str, ...]:
    parts = PurePosixPath(changed).with_suffix("").parts
    while len(parts) > 1 and parts[0] in _ROOTS:
        parts = parts[1:]
    return parts[:-1] if len(parts) > 1 and parts[-1] in _INDEX else parts


def _means(parts: tuple[str, ...], named: tuple[str, ...], changed: str, is_path: bool) -> bool:
    if is_path:
        whole = "/".join(parts)
        stem = posixpath.splitext(changed)[0]
        return whole in (changed, stem) or stem == f"{whole}/index"
    # `a/b.h` and `a.b` both end in something that is no part of the module: a suffix, a class, a function.
    forms = [parts[:end] for end in (len(parts), len(parts) - 1, len(parts) - 2) if end > 0]
    if changed.endswith(".go"):
        return len(named) > 1 and parts[-1:] == named[-2:-1] and _ends(parts, named[:-1])
    return any(_ends(form, named) for form in forms)


def _ends(form: tuple[str, ...], named: tuple[str, ...]) -> bool:
    """Return whether the shorter of two is the end of the longer; one word is enough where it is all."""
    shared = min(len(form), len(named))
    return (
        shared > 0 and form[-shared:] == named[-shared:] and (shared > 1 or len(named) == 1 or len(form) == 1)
    )
