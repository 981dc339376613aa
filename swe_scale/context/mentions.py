"""Finds the files and names of code that an issue speaks of outright."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from swe_scale.contents.words import STOP, UNSPACED
from swe_scale.context.endings import Endings

_PLACE = re.compile(r"[\w./\\-]++(?:(?:\", line |:)(?P<line>\d{1,7})(?:, in (?P<function>\w+))?)?")
_LINE = re.compile(
    r"(?<=\.\w)(?P<more>\w{0,8}?)の?\s?(?:第\s?)?(?P<line>\d{1,7})\s?(?:行|번째|줄|행)", re.ASCII
)
"""A line of a file as it is named in Chinese, Japanese or Korean."""
_SCRIPT = re.compile(f"[{UNSPACED}]++")
_CALLED = re.compile(r"\b(\w++)[(（]")
_QUOTED = re.compile(r"`([^`\n]{1,120})`")
_NAME = re.compile(r"\w+")
_LONGEST = 300
_MOST = 2_000
"""Distinct mentions that are followed up; a pasted log has more, and they say less and less."""
_AMBIGUOUS = 4
"""Files that one mention may stand for before it stands for none."""
_PACKAGE_FILES = frozenset({"__init__", "index", "mod"})
_NAMED, _AS_MODULE = 1.0, 0.7
_FRAME, _DEEPEST = 0.6, 0.4
"""Of a traceback's frame, and what is added to it towards the last."""


@dataclass(slots=True)
class Mention:
    """What an issue says of one file."""

    score: float = 0.0
    reasons: list[str] = field(default_factory=list)
    lines: set[int] = field(default_factory=set)
    functions: set[str] = field(default_factory=set)

    def add(self, score: float, reason: str) -> None:
        """Keep the strongest of several mentions, and every reason once."""
        self.score = max(self.score, score)
        if reason not in self.reasons:
            self.reasons.append(reason)


class _Place(NamedTuple):
    text: str
    line: int | None
    function: str | None


class Paths:
    """The files of a repository, to be found by the end of their path or by their module's name."""

    def __init__(self, paths: Iterable[str]) -> None:
        files = {path: tuple(path.split("/")) for path in paths}
        self._paths = Endings((parts, path) for path, parts in files.items())
        self._modules = Endings((module_of(parts), path) for path, parts in files.items())

    def by_path(self, text: str) -> list[str]:
        """Return the files whose path ends as `text` does, by two parts at least or by all it has.

        Where they are too many to tell anything, only some are returned, though more than that.
        """
        wanted = tuple(part for part in text.replace("\\", "/").split("/") if part not in ("", ".", ".."))
        return self._paths.longest(wanted, min(2, len(wanted)), _AMBIGUOUS + 1) if wanted else []

    def by_module(self, text: str) -> list[str]:
        """Return the files of the module that is the longest dotted prefix, of two names or more."""
        names = tuple(name for name in text.split(".")[:12] if name)
        for end in range(len(names), 1, -1):
            if found := self._modules.ending(names[:end], _AMBIGUOUS + 1):
                return found
        return []


def module_of(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names by which other files import a file of this path."""
    stem = parts[-1].partition(".")[0]
    return parts[:-1] if stem in _PACKAGE_FILES and len(parts) > 1 else (*parts[:-1], stem)


def find_mentions(text: str, paths: Paths) -> dict[str, Mention]:
    """Return what a text says of each file that it names, by path."""
    found: dict[str, Mention] = defaultdict(Mention)
    places = _places(text)
    for number, place in enumerate(places, 1):
        files, score, reason = _meaning(place, paths, number / len(places))
        for path in files if len(files) <= _AMBIGUOUS else ():
            mention = found[path]
            mention.add(score / len(files), reason)
            mention.lines.update(() if place.line is None else (place.line,))
            mention.functions.update(() if place.function is None else (place.function,))
    return dict(found)


def find_names(text: str) -> frozenset[str]:
    """Return the words of a text that look like names of code: called, quoted, or written like one."""
    found = {name: None for word in _NAME.findall(text) for name in _parts(word) if _looks_like_code(name)}
    found |= {name: None for word in _CALLED.findall(text) for name in (word, _parts(word)[-1])}
    for quoted in _QUOTED.findall(text):
        found |= {name: None for word in _NAME.findall(quoted) for name in _parts(word)}
    fit = [name for name in found if 2 < len(name) < 80 and name.lower() not in STOP]
    return frozenset(fit[:_MOST])


def _parts(word: str) -> list[str]:
    """Return a word and, where it holds a script without spaces, what stands between that."""
    pieces = _SCRIPT.split(word)
    return [word] if len(pieces) == 1 else [word, *filter(None, pieces)]


def _meaning(place: _Place, paths: Paths, progress: float) -> tuple[list[str], float, str]:
    files = paths.by_path(place.text)
    if place.line is not None:
        # The frame nearest to the error stands last in a Python traceback.
        return files, _FRAME + _DEEPEST * progress, f"named in the traceback, line {place.line}"
    if files:
        return files, _NAMED, "named in the issue"
    return paths.by_module(place.text), _AS_MODULE, f"named as {place.text[:80]}"


def _looks_like_code(name: str) -> bool:
    inner = name.strip("_")[1:]
    return "_" in inner or (inner != inner.lower() and not name.isupper())


def _places(text: str) -> list[_Place]:
    return list(dict.fromkeys(_each_place(text)))[-_MOST:]


def _each_place(text: str) -> Iterator[_Place]:
    text = _LINE.sub(r"\g<more>:\g<line> ", text)
    for match in _PLACE.finditer(text.replace("::", ".")):
        named = match.group().partition('"')[0].partition(":")[0]
        line = match.group("line")
        for place in (part.rstrip(".") for part in _parts(named)):
            if len(place) <= _LONGEST and ("." in place or "/" in place):
                yield _Place(place, int(line) if line else None, match.group("function"))
