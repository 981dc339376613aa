"""Breaks and rewrites Python on its syntax tree: small bugs, and other words for the same thing.

After mutation analysis (DeMillo, Lipton and Sayward, 1978). Nothing is drawn here: all that can be done to a
text is listed, in the order of the text.
"""

import ast
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache

Place = tuple[tuple[str, int | None], ...]
"""Steps from the root of a syntax tree: a field, and the number in it where it is a list."""
Change = Callable[[ast.AST], Iterator[ast.AST]]
"""From a node to what may stand in its place; nothing where it doesn't apply."""

_FLIPPED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SHIFTED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
}  # fmt: skip
_TURNED: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.Gt, ast.Gt: ast.Lt, ast.LtE: ast.GtE, ast.GtE: ast.LtE, ast.Eq: ast.Eq, ast.NotEq: ast.NotEq,
}  # fmt: skip
_REPLACED: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mod, ast.Mod: ast.FloorDiv,
    ast.Div: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
_NEIGHBOURS = {"min": "max", "max": "min", "any": "all", "all": "any"}
_KEPT = ("annotation", "returns", "decorator_list", "type_params")
"""Fields in which nothing is changed: what they say has no effect on what the code does."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A text with one change."""

    kind: str
    text: str
    function: str
    """In which it was changed, with its class; empty outside of any."""
    line: int


def formatted(code: str | ast.Module) -> str:
    """Return Python as its syntax tree is written, so that texts differ only where something was changed."""
    return ast.unparse(ast.parse(code) if isinstance(code, str) else code) + "\n"


@lru_cache(maxsize=16)
def mutants(text: str, function: str = "") -> tuple[Variant, ...]:
    """Return all texts with one bug, those that differ, in the order of the places.

    Args:
        text: valid Python, as `formatted` writes it.
        function: the only one that is changed, with its class; empty: everything is.
    """
    return tuple(_variants(text, OPERATORS, function))


def rewrites(text: str, function: str = "") -> list[Variant]:
    """Return all texts that say the same in other words, in the order of the places; see `mutants`."""
    return _variants(text, REWRITES, function)


def _variants(text: str, changes: Mapping[str, Change], wanted: str) -> list[Variant]:
    tree = ast.parse(text)
    found: dict[str, Variant] = {}
    for place, node, function in list(_places(tree)):
        if wanted not in ("", function):
            continue
        for kind, change in changes.items():
            for new in change(node):
                made = _replaced(tree, place, new)
                found.setdefault(made, Variant(kind, made, function, getattr(node, "lineno", 0)))
    found.pop(text, None)
    return list(found.values())


def _places(node: ast.AST, place: Place = (), function: str = "") -> Iterator[tuple[Place, ast.AST, str]]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        function = f"{function}.{node.name}" if function else node.name
    if place:
        yield place, node, function
    for name, value in ast.iter_fields(node):
        if name in _KEPT:
            continue
        if isinstance(value, ast.AST):
            yield from _places(value, (*place, (name, None)), function)
        elif isinstance(value, list):
            for number, one in enumerate(value):
                if isinstance(one, ast.AST) and not _is_docstring(node, number, one):
                    yield from _places(one, (*place, (name, number)), function)


def _is_docstring(parent: ast.AST, number: int, node: ast.AST) -> bool:
    return (
        isinstance(parent, ast.Module | ast.ClassDef | ast.FunctionDef)
        and number == 0
        and isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
    )


def _replaced(tree: ast.Module, place: Place, new: ast.AST) -> str:
    """Return the text with another node in a place; the tree is as it was afterwards."""
    at: ast.AST = tree
    for name, number in place[:-1]:
        at = getattr(at, name) if number is None else getattr(at, name)[number]
    name, number = place[-1]
    old = getattr(at, name)
    setattr(at, name, new if number is None else [*old[:number], new, *old[number + 1 :]])
    try:
        return formatted(tree)
    finally:
        setattr(at, name, old)


def _compared(by: Mapping[type[ast.cmpop], type[ast.cmpop]]) -> Change:
    def change(node: ast.AST) -> Iterator[ast.AST]:
        if isinstance(node, ast.Compare):
            for number, one in enumerate(node.ops):
                if type(one) in by:
                    ops = [*node.ops[:number], by[type(one)](), *node.ops[number + 1 :]]
                    yield ast.Compare(node.left, ops, node.comparators)

    return change


def _shifted_number(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value - 1)


def _wrong_constant(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, str):
            yield ast.Constant("" if node.value else " ")


def _other_logic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand


def _forgotten_condition(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BoolOp):
        for number in range(len(node.values)):
            left = [*node.values[:number], *node.values[number + 1 :]]
            yield left[0] if len(left) == 1 else ast.BoolOp(node.op, left)


def _other_arithmetic(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.BinOp) and type(node.op) in _REPLACED:
        yield ast.BinOp(node.left, _REPLACED[type(node.op)](), node.right)
    elif isinstance(node, ast.AugAssign) and type(node.op) in _REPLACED:
        yield ast.AugAssign(node.target, _REPLACED[type(node.op)](), node.value)


def _removed_statement(node: ast.AST) -> Iterator[ast.AST]:
    removable = (ast.Expr, ast.Assign, ast.AugAssign, ast.If, ast.Raise, ast.Continue, ast.Return)
    if isinstance(node, removable):
        yield ast.Pass()


def _swapped_arguments(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Call) and len(node.args) > 1:
        yield ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords)


def _wrong_function(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Name) and node.id in _NEIGHBOURS:
        yield ast.Name(_NEIGHBOURS[node.id], node.ctx)


OPERATORS: Mapping[str, Change] = {
    "comparison flipped": _compared(_FLIPPED),
    "boundary": _compared(_SHIFTED),
    "off by one": _shifted_number,
    "wrong constant": _wrong_constant,
    "boolean operator": _other_logic,
    "forgotten condition": _forgotten_condition,
    "arithmetic operator": _other_arithmetic,
    "removed statement": _removed_statement,
    "swapped arguments": _swapped_arguments,
    "wrong function": _wrong_function,
}


def _negated(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = ast.Compare(node.left, [_FLIPPED[type(node.ops[0])]()], node.comparators)
        yield ast.UnaryOp(ast.Not(), other)


def _turned(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _TURNED:
        yield ast.Compare(node.comparators[0], [_TURNED[type(node.ops[0])]()], [node.left])


def _swapped_branches(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.If) and node.orelse:
        yield ast.If(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)
    elif isinstance(node, ast.IfExp):
        yield ast.IfExp(ast.UnaryOp(ast.Not(), node.test), node.orelse, node.body)


def _spelt_out(node: ast.AST) -> Iterator[ast.AST]:
    if isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
        read = ast.Name(node.target.id, ast.Load())
        yield ast.Assign([node.target], ast.BinOp(read, node.op, node.value), lineno=node.lineno)


def _renamed(node: ast.AST) -> Iterator[ast.AST]:
    if not isinstance(node, ast.FunctionDef):
        return
    names = [one for one in ast.walk(node) if isinstance(one, ast.Name)]
    for name in sorted({one.id for one in names if isinstance(one.ctx, ast.Store)}):
        made = deepcopy(node)
        for one in ast.walk(made):
            if isinstance(one, ast.Name) and one.id == name:
                one.id = f"the_{name}"
        yield made


REWRITES: Mapping[str, Change] = {
    "comparison negated": _negated,
    "comparison turned": _turned,
    "branches swapped": _swapped_branches,
    "assignment spelt out": _spelt_out,
    "local renamed": _renamed,
}
"""These keep what a text does, but for comparisons of what has no order and for arguments used as locals."""
