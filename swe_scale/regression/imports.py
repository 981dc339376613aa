"""Which modules a Python file uses, read from its syntax and never by running it."""

import ast
import re
import threading
import warnings
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath

_DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+")
_FILTERS = threading.Lock()
_LARGEST = 1 << 20
"""Characters; longer files are data that happens to be Python."""
_PARTS, _LONGEST = 50, 200
"""Parts and characters of a dotted name; a longer one names nothing that is there."""
_ENDLESS = re.compile(rf"\b(?:\w++[\s\\]*+\.[\s\\]*+){{{_PARTS}}}")
"""A dotted name of more parts: the parser takes memory for all its prefixes."""


def syntax(text: str) -> ast.Module:
    """Return the syntax tree of a file; an empty one where it is no Python or too much of it."""
    try:
        # The filters of warnings are one for all threads.
        with _FILTERS, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse("" if len(text) > _LARGEST or _ENDLESS.search(text) else text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module(body=[], type_ignores=[])


def package_of(path: str) -> tuple[str, ...]:
    """Return the package in which a file's relative imports are resolved, seen from the root."""
    return PurePosixPath(path).parent.parts


def names_used(path: str, text: str) -> frozenset[str]:
    """Return the dotted names that a file uses of other modules.

    These are what it imports, the attributes that it takes of what it imported (`numpy.linalg.norm`
    after `import numpy as np`), and dotted strings, as `mock.patch` takes them; each with its prefixes.
    """
    nodes = tuple(ast.walk(syntax(text)))
    package = package_of(path)
    aliases: dict[str, str] = {}
    found: set[str] = set()
    for node in nodes:
        for name, known_as in _imported(node, package):
            if _plausible(name):
                found |= set(_prefixes(name))
                aliases[known_as] = name
    for node in nodes:
        match node:
            case ast.Attribute():
                found |= set(_prefixes(_chain(node, aliases)))
            case ast.Constant(value=str(value)) if _plausible(value) and _DOTTED.fullmatch(value):
                found |= set(_prefixes(value))
    return frozenset(found)


def names_exported(path: str, text: str, module_of: Iterable[str], public: Iterable[str]) -> frozenset[str]:
    """Return the names under which a package's `__init__` passes on what it imports from a module.

    Args:
        path: of the `__init__`.
        text: its content.
        module_of: dotted names of the module.
        public: names that `from module import *` would bring.
    """
    modules, package = tuple(module_of), package_of(path)
    found: set[str] = set()
    for node in syntax(text).body:
        if not isinstance(node, ast.ImportFrom):
            continue
        source = _source(node, package)
        found |= {alias.asname or alias.name for alias in node.names if source in modules}
    # Once, however often it is imported.
    return frozenset(found - {"*"} | (set(public) if "*" in found else set()))


def names_defined(text: str) -> frozenset[str]:
    """Return the public names that a module defines at its top level."""
    found: set[str] = set()
    for node in syntax(text).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return frozenset(name for name in found if not name.startswith("_"))


def _imported(node: ast.AST, package: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for alias in node.names:
            top = alias.name.partition(".")[0]
            yield alias.name, alias.asname or top
            if not alias.asname:
                yield top, top
    elif isinstance(node, ast.ImportFrom):
        source = _source(node, package)
        for alias in node.names if _plausible(source) else ():
            name = source if alias.name == "*" else f"{source}.{alias.name}".strip(".")
            yield name, alias.asname or alias.name


def _source(node: ast.ImportFrom, package: tuple[str, ...]) -> str:
    above = package[: len(package) - node.level + 1] if node.level else ()
    return ".".join((*above, *([node.module] if node.module else [])))


def _chain(node: ast.Attribute, aliases: dict[str, str]) -> str:
    parts: list[str] = []
    inner: ast.expr = node
    while isinstance(inner, ast.Attribute) and len(parts) < _PARTS:
        parts.append(inner.attr)
        inner = inner.value
    known = aliases.get(inner.id) if isinstance(inner, ast.Name) else None
    name = ".".join((known, *reversed(parts))) if known else ""
    return name if _plausible(name) else ""


def _plausible(dotted: str) -> bool:
    return len(dotted) <= _LONGEST and dotted.count(".") < _PARTS


def _prefixes(dotted: str) -> Iterator[str]:
    parts = dotted.split(".") if dotted else []
    return (".".join(parts[:end]) for end in range(1, len(parts) + 1))
