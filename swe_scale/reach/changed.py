"""Which lines of a file, as it is untouched, a change stands at."""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from textwrap import dedent

from swe_scale.regression.imports import syntax

_LINE_END = re.compile("\r\n|\r|\n")
"""Where Python begins a line: not wherever `str.splitlines` does."""
_LONGEST = 4_000
"""Lines between the first and the last change beyond which they are not told apart."""


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines that are replaced by others, counted from 0 with the end left out."""

    first: int
    end: int
    old: Sequence[str]
    new: Sequence[str]


@dataclass(frozen=True, slots=True)
class Stand:
    """Where a hunk stands."""

    lines: frozenset[int]
    """Counted from 1: where any of them is executed, the change is reached."""
    binds: bool
    """Whether it only adds imports and functions to a module: by itself it changes nothing but names."""


def stands(old: str, new: str) -> Sequence[Stand] | None:
    """Return where the hunks of a change stand; None where that can't be told.

    A statement over several lines is one, and so is the head of a compound one: events tell of some of its
    lines alone. What is added stands beside the statements of the same indentation before and behind it. What
    changes nothing but comments, blank lines and docstrings is left out.

    Args:
        old: text of a Python file, untouched.
        new: text that it is to have.
    """
    before, after = syntax(old), syntax(new)
    if not before.body or (not after.body and new.strip()):
        # Comments alone, or no Python of a version that can be read here.
        return None
    read = _Read.of(before, _LINE_END.split(old))
    found: list[Stand] = []
    for hunk in hunks(_undocumented(old, before), _undocumented(new, after)):
        if not _code(hunk.old) and not _code(hunk.new) and not read.inside(hunk):
            continue
        lines = frozenset(read.lines_of(hunk))
        if not lines:
            return None
        found.append(Stand(lines, _binds(hunk)))
    return found


def _undocumented(text: str, module: ast.Module) -> list[str]:
    """Return the lines with those of docstrings left empty."""
    lines = _LINE_END.split(text)
    for node in ast.walk(module):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                first is not None
                and _is_text(first)
                and not lines[first.lineno - 1][: first.col_offset].strip()
            ):
                for number in range(first.lineno, (first.end_lineno or first.lineno) + 1):
                    lines[number - 1] = ""
    return lines


def _is_text(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def hunks(old: Sequence[str], new: Sequence[str]) -> Iterator[Hunk]:
    """Yield the differences of two texts, given by lines."""
    shorter = min(len(old), len(new))
    start = next((at for at in range(shorter) if old[at] != new[at]), shorter)
    left = shorter - start
    same = next((at for at in range(left) if old[-1 - at] != new[-1 - at]), left)
    inner, outer = old[start : len(old) - same], new[start : len(new) - same]
    if max(len(inner), len(outer)) > _LONGEST:
        yield Hunk(start, start + len(inner), inner, outer)
        return
    for tag, first, end, begin, stop in SequenceMatcher(None, inner, outer, autojunk=False).get_opcodes():
        if tag != "equal":
            yield Hunk(start + first, start + end, inner[first:end], outer[begin:stop])


@dataclass(frozen=True, slots=True)
class _Statement:
    """The lines of a simple statement, or of a compound one's head, counted from 1, both included."""

    first: int
    last: int
    indent: int
    clause: bool
    """Whether it is another way through the compound statement before it: flow may go past it."""
    told: bool
    """Whether events tell of it."""

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)


@dataclass(frozen=True, slots=True)
class _Read:
    """The statements of a file."""

    told: Sequence[_Statement]
    """Those of which events tell, in their order."""
    words: Mapping[int, int]
    """Indentation of lines that are code and in no statement: `else`, `finally`."""

    @classmethod
    def of(cls, module: ast.Module, lines: Sequence[str]) -> "_Read":
        found = sorted(_statements(module, lines), key=lambda one: one.first)
        covered = {line for one in found for line in one.lines}
        code = {number: line for number, line in enumerate(lines, start=1) if _code([line])}
        words = {number: _indent([line]) for number, line in code.items() if number not in covered}
        return cls([one for one in found if one.told], words)

    def inside(self, hunk: Hunk) -> bool:
        """Return whether a hunk is in the middle of a statement, where nothing is a comment for sure."""
        return any(one.first <= hunk.first and hunk.end < one.last for one in self.told)

    def lines_of(self, hunk: Hunk) -> Iterator[int]:
        """Yield the lines at which a hunk stands, of whole statements."""
        changed = [one for one in self.told if one.first <= hunk.end and hunk.first < one.last]
        for one in changed:
            yield from one.lines
        added = _code(hunk.new)
        if added and (not changed or _indent(added) < min(one.indent for one in changed)):
            yield from self._beside(hunk, _indent(added))

    def _beside(self, hunk: Hunk, indent: int) -> Iterator[int]:
        """Yield the lines of the statements before and behind a hunk in the block of that indentation."""
        for one in reversed([one for one in self.told if one.last <= hunk.first and one.indent <= indent]):
            if one.indent == indent and self._joined(one.last, hunk.first, indent):
                yield from one.lines
            if not one.clause or one.indent < indent:
                break
        behind = next((one for one in self.told if one.first > hunk.end), None)
        if behind and behind.indent == indent and self._joined(hunk.end, behind.first, indent):
            yield from behind.lines

    def _joined(self, first: int, last: int, indent: int) -> bool:
        """Return whether no other block begins between two lines."""
        return not any(first < line <= last and found < indent for line, found in self.words.items())


def _statements(module: ast.Module, lines: Sequence[str]) -> Iterator[_Statement]:
    for node in ast.walk(module):
        match node:
            case ast.stmt() | ast.excepthandler():
                head = lines[node.lineno - 1][: node.col_offset + len("elif")]
                clause = isinstance(node, ast.excepthandler) or head.lstrip() == "elif"
                yield _Statement(
                    _begin(node), _end(node, lines), node.col_offset, clause, told=not _silent(node)
                )
            case ast.match_case():
                first = node.pattern.lineno
                last = _before(node.body[0], first, lines)
                yield _Statement(first, last, _indent([lines[first - 1]]), clause=True, told=True)


def _silent(node: ast.stmt | ast.excepthandler) -> bool:
    """Return whether some version of Python makes no code of a statement, or jumps past it."""
    match node:
        case ast.Pass() | ast.Global() | ast.Nonlocal() | ast.Break() | ast.Continue():
            return True
        case ast.AnnAssign(value=None) | ast.Expr(value=ast.Constant()):
            return True
        case ast.If(test=test) | ast.While(test=test):
            return isinstance(test, ast.Constant) or (isinstance(test, ast.Name) and test.id == "__debug__")
    return False


def _begin(node: ast.stmt | ast.excepthandler) -> int:
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", ())
    return min(node.lineno, *(one.lineno for one in decorators)) if decorators else node.lineno


def _end(node: ast.stmt | ast.excepthandler, lines: Sequence[str]) -> int:
    """Return the last line of a statement, or of its head."""
    match node:
        case ast.Match():
            return _before(node.cases[0].pattern, node.lineno, lines)
        case _ if isinstance(body := getattr(node, "body", None), list):
            return _before(body[0], node.lineno, lines)
    return node.end_lineno or node.lineno


def _before(inner: ast.stmt | ast.pattern, first: int, lines: Sequence[str]) -> int:
    """Return the last line of code before what a head is followed by: comments there aren't the head's."""
    begin = inner.lineno if isinstance(inner, ast.pattern) else _begin(inner)
    return next((number for number in range(begin - 1, first, -1) if _code([lines[number - 1]])), first)


def _code(lines: Iterable[str]) -> list[str]:
    stripped = ((line, line.strip()) for line in lines)
    return [line for line, text in stripped if text and not text.startswith("#")]


def _indent(lines: Iterable[str]) -> int:
    return min(len(line) - len(line.lstrip()) for line in lines)


def _binds(hunk: Hunk) -> bool:
    if _code(hunk.old) or any(line[:1].isspace() for line in _code(hunk.new)[:1]):
        return False
    nodes = syntax(dedent("\n".join(hunk.new))).body
    return bool(nodes) and all(_only_binds(node) for node in nodes)


def _only_binds(node: ast.stmt) -> bool:
    match node:
        case ast.Import():
            return True
        case ast.ImportFrom():
            return node.module != "__future__"
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            return not node.decorator_list and not node.name.startswith("__")
    return False
