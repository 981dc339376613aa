"""Finds what a file defines, by the keywords that most languages share."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from swe_scale.context.sources import Source

_KEYWORD = r"(?:def|class|func|function|fn|interface|struct|trait|enum|module)"
_DEFINITION = re.compile(rf"\b{_KEYWORD}[ \t]+(?:\([^)\n]{{0,80}}\)[ \t]*)?(\w+)")
_START = re.compile(rf"[ \t]*+(?:[a-z]+[ \t]+){{0,4}}(?:{_KEYWORD}|impl)\b")
_DECORATOR = re.compile(r"[ \t]*+(?:@|#\[)")
_LONGEST = 40
"""Lines of a block; a longer definition is several blocks."""


def names_defined(text: str) -> frozenset[str]:
    """Return the names that a text defines, as far as keywords tell."""
    return frozenset(_DEFINITION.findall(text))


def where_defined(names: Set[str], sources: Iterable[Source]) -> dict[str, list[str]]:
    """Return the paths of the code, tests and prose left out, that defines each of the names."""
    found: dict[str, list[str]] = defaultdict(list)
    for source in sources:
        if source.kind == "code":
            for name in names & names_defined(source.text):
                found[name].append(source.path)
    return dict(found)


def blocks(lines: Sequence[str]) -> Iterator[tuple[int, int]]:
    """Yield the first and last number, from 1, of runs of lines that begin at definitions."""
    first = 1
    for number, line in enumerate(lines, 1):
        if number > first and (number - first >= _LONGEST or _begins(lines, number, line)):
            yield first, number - 1
            first = number
    if lines:
        yield first, len(lines)


def _begins(lines: Sequence[str], number: int, line: str) -> bool:
    decorated = _DECORATOR.match(lines[number - 2]) is not None
    return not decorated and (_START.match(line) or _DECORATOR.match(line)) is not None
