"""Finds what a file defines by the keywords that most languages share, where no grammar is of help."""

import re

from swe_scale.contents.outline import Definition, Outline

_KEYWORD = (
    r"(?:def|defp|defmodule|class|func|function|fn|fun|interface|struct|trait|enum|module|sub|proc|procedure)"
)
_DEFINITION = re.compile(
    rf"^[ \t]*+(?:[a-z]+[ \t]+){{0,4}}{_KEYWORD}[ \t]+(?:\([^)\n]{{0,80}}\)[ \t]*)?(\w{{1,120}})",
    re.MULTILINE,
)
_MOST = 20_000


def outline_by_keywords(text: str) -> Outline:
    """Return an outline in which each definition goes on to the next one."""
    starts: list[tuple[int, str]] = []
    line, at = 1, 0
    for match in _DEFINITION.finditer(text):
        line += text.count("\n", at, match.start(1))
        at = match.start(1)
        starts.append((line, match[1]))
        if len(starts) == _MOST:
            break
    ends = [first - 1 for first, _ in starts[1:]] + [text.count("\n") + 1] * bool(starts)
    return Outline(
        tuple(
            Definition(name, first, max(first, last), min(first + 1, max(first, last)))
            for (first, name), last in zip(starts, ends, strict=True)
        )
    )
