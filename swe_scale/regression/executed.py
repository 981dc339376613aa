"""Which changed functions a test file executes, from what was traced in a run of it on the untouched code."""

import ast
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
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
    read: frozenset[str] = frozenset()
    """Files of the work tree that were opened, whatever for, or loaded as compiled modules."""
    listed: frozenset[str] = frozenset()
    """Folders of it whose names were asked for; empty is the root."""
    imported: frozenset[str] = frozenset()
    """Modules that were looked for by import statements, those of Python itself left out."""
    hidden: bool = False
    """Whether something ran that can't be seen into, or more was seen than is kept."""

    def without(self, paths: Collection[str]) -> "Executed":
        """Return it with these files left out."""
        left = {path: lines for path, lines in self.functions.items() if path not in paths}
        return self.model_copy(update={"functions": left, "read": self.read - {*paths}})

    def united(self, other: "Executed") -> "Executed":
        """Return what this run and another one executed together."""
        none = frozenset[int]()
        return Executed(
            functions={
                path: self.functions.get(path, none) | other.functions.get(path, none)
                for path in {*self.functions, *other.functions}
            },
            whole=self.whole and other.whole,
            read=self.read | other.read,
            listed=self.listed | other.listed,
            imported=self.imported | other.imported,
            hidden=self.hidden or other.hidden,
        )


def read_trace(data: bytes, largest: int | None = None) -> Executed:
    """Return what the tracer wrote; lines that it can't have written are passed over.

    Args:
        data: of its file.
        largest: bytes beyond which the file wasn't read.
    """
    found: dict[str, set[int]] = {}
    marked: dict[str, set[str]] = {mark: set() for mark in ("-1", "-2", "-3", "-4", "-5")}
    rows = data.decode("utf-8", "replace").splitlines()
    for row in rows[:_LINES]:
        line, tab, path = row.partition("\t")
        if line in marked:
            marked[line].add(path)
        elif tab and path and line.isdecimal() and len(line) < 8:
            found.setdefault(path, set()).add(int(line))
    cut = (
        len(rows) > _LINES
        or any("\ufffd" in path for path in marked["-3"])
        or (largest is not None and len(data) >= largest)
    )
    return Executed(
        functions={path: frozenset(lines) for path, lines in found.items()},
        whole=not marked["-1"],
        read=frozenset(marked["-3"]),
        listed=frozenset(path.rstrip("/") for path in marked["-4"]),
        imported=frozenset(
            name for name in marked["-5"] if name.partition(".")[0] not in sys.stdlib_module_names
        ),
        hidden=cut or bool(marked["-2"]),
    )


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
