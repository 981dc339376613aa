"""How much a test has in common with a changed file, in words that are rare among the tests."""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

_PATH_WORD, _FOLDER_WORD, _NAMES = 1.5, 1.0, 2.0
"""What a word of the file's name, of its folders, and the names that it defines, weigh.

Found on a quarter of the development rows by hand; docs/regression.md has what the rest says."""

_LOOKED_AT = 200_000
"""Characters of a test in which names are looked for."""
_LONGEST_LINE = 300
_SHORTEST = 4
"""Characters of a name that says something."""
_WORD = re.compile(r"\w{4,}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SAYING_NOTHING = frozenset(("test", "tests", "testing", "spec", "init", "index", "src", "lib", "main"))
_ENDINGS = ("ations", "ation", "ions", "ion", "ings", "ing", "ers", "er", "ies", "es", "ed", "s", "e", "y")
_BEFORE = (
    r"(?:(?:export|default|pub(?:\(\w+\))?|public|private|protected|static|final|abstract|async|unsafe)"
    r"[ \t]+)*"
)
_KEYWORD = (
    r"(?:def|class|func|function|fn|fun|struct|enum|interface|trait|type|module|const|let|var|val|union)"
)
_DEFINED = (
    re.compile(rf"[ \t]*{_BEFORE}{_KEYWORD}[ \t]+(?:\([^)]*\)[ \t]*|self\.)?(\w+)"),
    re.compile(r"([A-Za-z_]\w*)[ \t]*(?::[^=]{1,80})?=[^=]"),
    re.compile(r"(?:module\.)?exports\.(\w+)[ \t]*="),
    re.compile(r"[ \t]*(?:public|private|protected|static)[ \t][^()=;]{0,120}?(\w+)[ \t]*\("),
    re.compile(r"[A-Za-z_][^()=;#]{0,120}?[ \t*&:](\w+)[ \t]*\([^;]*$"),
    re.compile(r"#[ \t]*define[ \t]+(\w+)"),
)
"""Of lines, in any language; what is no definition after all is rarely in a test."""


@dataclass(frozen=True, slots=True)
class _Known:
    """A changed file, by its words."""

    stem: frozenset[str]
    folders: frozenset[str]
    names: frozenset[str]


def words_of(path: str) -> frozenset[str]:
    """Return the words of a path, each without its ending; those that all tests share are left out."""
    found = (word.lower() for word in _PART.findall(path))
    return frozenset(_root(word) for word in found if word not in _SAYING_NOTHING)


def names_in(text: str) -> frozenset[str]:
    """Return the names that a source defines, in whatever language."""
    found: set[str] = set()
    for line in text.splitlines():
        if len(line) <= _LONGEST_LINE:
            found |= {match[1] for one in _DEFINED if (match := one.match(line))}
    return frozenset(name for name in found if len(name) >= _SHORTEST)


def in_common(tests: Sequence[str], changed: Sequence[str], texts: Mapping[str, str]) -> Mapping[str, float]:
    """Return, of each test file, what it has in common with the changed files; 0 where there is nothing.

    Args:
        tests: paths of test files.
        changed: paths of changed files that are no tests.
        texts: base content of both.
    """
    known = [_known(path, texts.get(path, "")) for path in changed]
    paths = {test: words_of(test) for test in tests}
    names = frozenset[str]().union(*(one.names for one in known))
    used = {test: names & _vocabulary(texts.get(test, "")[:_LOOKED_AT]) if names else names for test in tests}
    rare_word, rare_name = _rarity(paths), _rarity(used)
    return {
        test: sum(
            _PATH_WORD * _weight(paths[test] & one.stem, rare_word)
            + _FOLDER_WORD * _weight(paths[test] & (one.folders - one.stem), rare_word)
            + _NAMES * _weight(used[test] & one.names, rare_name) / _size(one.names, rare_name)
            for one in known
        )
        for test in tests
    }


def _known(path: str, text: str) -> _Known:
    place = PurePosixPath(path)
    own = words_of(place.stem) or words_of(place.parent.name)
    return _Known(own, words_of(str(place.parent)), names_in(text))


def _weight(words: frozenset[str], rarity: Mapping[str, float]) -> float:
    # In one order: sums of fractions must not depend on how a set happens to lie.
    return math.fsum(sorted(rarity[word] for word in words))


def _size(names: frozenset[str], rarity: Mapping[str, float]) -> float:
    top = max(rarity.values(), default=0.0)
    return 1 + math.sqrt(math.fsum(sorted(rarity.get(name, top) for name in names)))


def _rarity(words: Mapping[str, frozenset[str]]) -> dict[str, float]:
    holding = Counter(word for found in words.values() for word in found)
    # What half of the tests have says nothing of any.
    return {word: max(0.0, math.log(len(words) / (2 * count))) for word, count in holding.items()}


def _vocabulary(text: str) -> frozenset[str]:
    return frozenset(_WORD.findall(text))


@lru_cache(maxsize=8192)
def _root(word: str) -> str:
    return next(
        (word[: -len(one)] for one in _ENDINGS if word.endswith(one) and len(word) - len(one) >= _SHORTEST),
        word,
    )
