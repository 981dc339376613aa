"""Finds what of the answer a trajectory wrote down before it could know it; graders alone have the answer."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from swe_scale.analysis.leak_commands import bounded
from swe_scale.analysis.leak_outcomes import Severity

_LINE = 40
"""Characters of the shortest line that nobody writes twice by chance."""
_NAME, _TELLING = 10, 24
"""Characters of the shortest test name that is looked for, and of one that nobody thinks of by chance."""
_NEEDLES = 2_000
_WORD = re.compile(r"\w{10,200}")
_MARKS = " \t+-#*/;\"'%!<>"
_CODE = re.compile(r"[={}\[\]\"]|\w\(|;$|->|:$|%s|\bself\.|^(?:from|import) |',")
_PLAIN = re.compile(r"\b[A-Za-z]{2,30}\b(?![._])")


@dataclass(frozen=True, slots=True)
class Fix:
    """What of the answer is looked for."""

    tests: tuple[str, ...] = ()
    """Names of the hidden tests, as the dataset has them."""
    patch: str = ""


@dataclass(frozen=True, slots=True)
class Needles:
    """The telling parts of an answer."""

    names: frozenset[str]
    lines: frozenset[str]

    @classmethod
    def of(cls, fix: Fix) -> "Needles":
        """Return them: the tests' own names, and the comment lines that only the fix has."""
        rows = bounded(fix.patch).split("\n")
        added = {_bare(row) for row in rows if row.startswith("+") and not row.startswith("+++")}
        before = {_bare(row) for row in rows if not row.startswith("+")}
        lines = (one for one in sorted(added - before) if _is_prose(one))
        names = (name for test in fix.tests if len(name := _name(test)) >= _NAME)
        return cls(frozenset(islice(names, _NEEDLES)), frozenset(islice(lines, _NEEDLES)))


def tests_named(text: str, needles: Needles, known: Iterable[str]) -> Iterator[tuple[Severity, str]]:
    """Yield the hidden tests that a text names though nothing has told of them."""
    words = set(_WORD.findall(bounded(text)))
    for name in sorted(needles.names & words):
        if not any(name in one for one in known):
            yield "likely" if len(name) >= _TELLING and name.count("_") >= 3 else "note", name


def lines_repeated(text: str, needles: Needles, known: Iterable[str]) -> Iterator[str]:
    """Yield the fix's comment lines that a text has word for word though nothing has told of them."""
    lines = {_bare(row) for row in bounded(text).split("\n")}
    for line in sorted(needles.lines & lines):
        if not any(line in one for one in known):
            yield line


def _bare(row: str) -> str:
    return row.strip(_MARKS)


def _is_prose(line: str) -> bool:
    return len(line) >= _LINE and len(_PLAIN.findall(line)) >= 6 and not _CODE.search(line)


def _name(test: str) -> str:
    """Return a test's own name: of `a/test_b.py::C::test_d[1]` and `test_d (a.C)` it is `test_d`."""
    return test[:2_000].rpartition("::")[2].partition("[")[0].partition(" ")[0].rpartition(".")[2]
