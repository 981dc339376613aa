"""What is known of a file's content for itself: the same for every issue, path and commit."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from swe_scale.contents.encodings import decoded
from swe_scale.contents.keywords import outline_by_keywords
from swe_scale.contents.outline import Outline, outline
from swe_scale.contents.sources import skipped_by_content
from swe_scale.contents.words import STOP, terms, words

_NAME = re.compile(r"[A-Za-z_]\w{2,79}", re.ASCII)
_MOST = 0xFFFF
"""Times that a term is counted."""


class Facts(NamedTuple):
    """What is known of a file's content; plain values, since they come from other processes."""

    skipped: str = ""
    """Why it isn't considered; all else is then empty."""
    size: int = 0
    """Bytes of its text in UTF-8."""
    lines: int = 0
    terms: Mapping[str, int] = {}
    names: Sequence[str] = ()
    """Identifiers that stand in it, each once."""
    outline: Outline = Outline()


def facts_of(language: str, data: bytes) -> Facts:
    """Return what is known of a content in the language of its path."""
    if (skipped := skipped_by_content(data)) is not None:
        return Facts(skipped)
    text = decoded(data) or ""
    counted = Counter(words(text))
    found: Counter[str] = Counter()
    for word, count in counted.items():
        for term in terms(word):
            found[term] += count
    return Facts(
        size=len(text.encode("utf-8", "replace")),
        lines=text.count("\n") + (not text.endswith("\n")),
        terms={term: min(count, _MOST) for term, count in found.items()},
        names=[word for word in counted if _NAME.fullmatch(word) and word.lower() not in STOP],
        outline=_outline(language, text),
    )


def _outline(language: str, text: str) -> Outline:
    """Return an outline by syntax; some grammars tell what is imported, but not what is defined."""
    found = outline(language, text) or Outline()
    return found if found.definitions else replace(found, definitions=outline_by_keywords(text).definitions)


def facts_of_all(files: Sequence[tuple[str, bytes]]) -> list[Facts]:
    """Return what is known of several contents, each with its language; called in a process of its own."""
    return [_bounded(language, data) for language, data in files]


def _bounded(language: str, data: bytes) -> Facts:
    try:
        return facts_of(language, data)
    except (MemoryError, RecursionError):
        return Facts("unreadable")
