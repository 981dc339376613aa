"""Which changed functions a test file executes, from what was traced in a run of it on the untouched code."""

import ast
from collections.abc import Iterable, Mapping, Sequence
from difflib import SequenceMatcher
from functools import lru_cache

from swe_scale.records import Record
from swe_scale.regression.imports import syntax

_LONGEST_DIFFERENCE = 4_000
"""Lines between the first and the last change beyond which they are not told apart."""
_LINES = 200_000

Lines = tuple[int, int]
"""First and last, counted from 1."""


class Executed(Record):
    """What one run executed of the work tree's Python files."""

    functions: Mapping[str, frozenset[int]] = {}
    """By file, the first lines of the functions entered; 0 stands for the module's own code."""
    whole: bool = True
    """Whether nothing came in between that would have hidden some."""


def read_trace(data: bytes) -> Executed:
    """Return what the tracer wrote; lines that it can't have written are passed over."""
    found: dict[str, set[int]] = {}
    whole = True
    for row in data.decode("utf-8", "replace").splitlines()[:_LINES]:
        line, tab, path = row.partition("\t")
        if line == "-1":
            whole = False
        elif tab and path and line.isdecimal() and len(line) < 8:
            found.setdefault(path, set()).add(int(line))
    return Executed(functions={path: frozenset(lines) for path, lines in found.items()}, whole=whole)


def changed_lines(old: str, new: str) -> tuple[Lines, ...]:
    """Return the lines of the old text that differ in the new one; of an insertion, the line before it."""
    before, after = old.splitlines(), new.splitlines()
    shorter = min(len(before), len(after))
    start = next((at for at in range(shorter) if before[at] != after[at]), shorter)
    left = shorter - start
    same = next((at for at in range(left) if before[-1 - at] != after[-1 - at]), left)
    inner, outer = before[start : len(before) - same], after[start : len(after) - same]
    if not inner and not outer:
        return ()
    if max(len(inner), len(outer)) > _LONGEST_DIFFERENCE:
        return ((start + 1, start + len(inner)),)
    matcher = SequenceMatcher(None, inner, outer, autojunk=False)
    parts = ((first, last) for tag, first, last, _, _ in matcher.get_opcodes() if tag != "equal")
    return tuple((start + first + (first < last), start + last) for first, last in parts)


def changed_functions(text: str, lines: Iterable[Lines]) -> frozenset[int]:
    """Return the first lines of the functions in which any of these lines lie."""
    ranges = _functions(text)
    return frozenset(
        start for first, last in lines for start, end in ranges if start <= max(first, last) and first <= end
    )


def executes(executed: Executed, changed: Mapping[str, frozenset[int]]) -> int:
    """Return how much of a change was executed: 2 a changed function, 1 a changed file's, 0 none.

    Args:
        executed: by one test file.
        changed: by path, the first lines of the changed functions.
    """
    return max(
        (_one(executed.functions.get(path, frozenset()), lines) for path, lines in changed.items()), default=0
    )


def _one(seen: frozenset[int], changed: frozenset[int]) -> int:
    return 2 if seen & changed else 1 if seen - {0} else 0


@lru_cache(maxsize=64)
def _functions(text: str) -> Sequence[Lines]:
    found: list[Lines] = []
    for node in ast.walk(syntax(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            start = min((node.lineno, *(one.lineno for one in node.decorator_list)))
            found.append((start, node.end_lineno or node.lineno))
    return tuple(found)
