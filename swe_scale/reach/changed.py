"""Which lines of a file, as it is untouched, a change stands at."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
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
    statements = tuple(_statements(before))
    found: list[Stand] = []
    for hunk in hunks(_undocumented(old, before), _undocumented(new, after)):
        if not _code(hunk.old) and not _code(hunk.new) and not _inside(statements, hunk):
            continue
        lines = frozenset(_lines(statements, hunk))
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


def _is_text(node: ast.stmt) -> bool:
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

    @property
    def lines(self) -> range:
        return range(self.first, self.last + 1)


def _statements(module: ast.Module) -> Iterator[_Statement]:
    """Yield the statements of which events tell."""
    for node in ast.walk(module):
        match node:
            case ast.Pass() | ast.Global() | ast.Nonlocal() | ast.AnnAssign(value=None):
                continue
            case ast.stmt() if _is_text(node):
                continue
            case ast.stmt() | ast.excepthandler():
                yield _Statement(_begin(node), _head_end(node), node.col_offset)
            case ast.match_case():
                pattern = node.pattern
                yield _Statement(pattern.lineno, max(pattern.lineno, _begin(node.body[0]) - 1), -1)


def _begin(node: ast.stmt | ast.excepthandler) -> int:
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", ())
    return min(node.lineno, *(one.lineno for one in decorators)) if decorators else node.lineno


def _head_end(node: ast.stmt | ast.excepthandler) -> int:
    match node:
        case ast.Match():
            inner = node.cases[0].pattern.lineno
        case _ if isinstance(body := getattr(node, "body", None), list):
            inner = _begin(body[0])
        case _:
            return node.end_lineno or node.lineno
    return max(node.lineno, inner - 1)


def _lines(statements: Sequence[_Statement], hunk: Hunk) -> Iterator[int]:
    """Yield the lines at which a hunk stands, of whole statements."""
    changed = [one for one in statements if one.first <= hunk.end and hunk.first < one.last]
    for one in changed:
        yield from one.lines
    added = _code(hunk.new)
    if added and (not changed or _indent(added) < min(one.indent for one in changed)):
        yield from _beside(statements, hunk, _indent(added))


def _beside(statements: Sequence[_Statement], hunk: Hunk, indent: int) -> Iterator[int]:
    """Yield the lines of the statements before and behind a hunk in the block of that indentation."""
    before = max(
        (one for one in statements if one.last <= hunk.first and 0 <= one.indent <= indent),
        key=lambda one: one.first, default=None,
    )  # fmt: skip
    behind = min((one for one in statements if one.first > hunk.end), key=lambda one: one.first, default=None)
    for one in (before, behind):
        if one is not None and one.indent == indent:
            yield from one.lines


def _inside(statements: Iterable[_Statement], hunk: Hunk) -> bool:
    """Return whether a hunk is in the middle of a statement, where nothing is a comment for sure."""
    return any(one.first <= hunk.first and hunk.end < one.last for one in statements)


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
