"""Tells whether two patches are the same but for formatting, comments and the order of imports."""

import ast
import re
import warnings
from itertools import groupby

from swe_scale.patch.paths import is_test
from swe_scale.records import Changes, File, digest

_LARGEST = 1 << 20
"""Bytes of a Python file beyond which it is compared as text."""
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
_SHORT = 2
"""Lines from which a statement is worked out once."""
_MOST_KNOWN = 20_000
_KNOWN: dict[str, str] = {}
"""By the digest of a statement's text: candidates of one issue share nearly all of them."""
_LINE_END = re.compile(r"\r\n|\r|\n")


def normal_form(changes: Changes) -> str:
    """Return a digest that changes have in common if they differ only in what doesn't matter.

    Python files are compared by their syntax tree, without comments, formatting, docstrings and the order
    of neighbouring imports; other text without blank lines, trailing blanks and the kind of line ends;
    anything else byte by byte. Tests are left out unless nothing else is changed.
    """
    parts: list[str | bytes] = []
    counted = {path: file for path, file in changes.items() if not is_test(path)} or changes
    for path, file in sorted(counted.items()):
        parts += [
            path.encode("utf-8", "surrogatepass"),
            "deleted" if file is None else f"{file.mode} {_content(path, file)}",
        ]
    return digest(*parts)


def _content(path: str, file: File) -> str:
    if file.mode == "120000":
        return f"link {digest(file.data)}"
    if path.endswith((".py", ".pyi")) and len(file.data) <= _LARGEST:
        try:
            return f"python {digest(_python(file.data))}"
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            pass
    try:
        text = file.data.decode("utf-8")
    except UnicodeDecodeError:
        return f"binary {digest(file.data)}"
    if "\0" in text:
        return f"binary {digest(file.data)}"
    lines = (line.rstrip() for line in _LINE_END.split(text))
    return f"text {digest(*(line for line in lines if line))}"


def _python(source: bytes) -> str:
    """Return Python source as its syntax tree would be written.

    Raises:
        SyntaxError, ValueError, RecursionError, MemoryError: it isn't Python, or is too deep to be read.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = ast.parse(source)
    _undocument(module)
    lines = _lines_of(source)
    return "\n".join(_written(node, lines) for node in _with_imports_in_order(module.body))


def _lines_of(source: bytes) -> list[bytes]:
    """Return the lines that the places of a module's nodes may be found in; none where that isn't sure."""
    lines = source.split(b"\n")
    told = b"coding" in b"".join(lines[:2]) or b"\r" in source or b"\f" in source
    return [] if told or source.startswith(b"\xef\xbb\xbf") else lines


def _written(node: ast.stmt, lines: list[bytes]) -> str:
    """Return a statement in normal form; one whose lines are its own alone is worked out once."""
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    start = min((one.lineno for one in decorators), default=getattr(node, "lineno", 0))
    if not lines or not start or node.end_lineno is None or node.end_lineno - start + 1 < _SHORT:
        return digest(_unparsed(node))
    text = b"\n".join(lines[start - 1 : node.end_lineno])
    if node.col_offset or len(lines[node.end_lineno - 1]) != node.end_col_offset:
        return digest(_unparsed(node))
    key = digest(text)
    if key not in _KNOWN:
        if len(_KNOWN) >= _MOST_KNOWN:
            _KNOWN.clear()
        _KNOWN[key] = digest(_unparsed(node))
    return _KNOWN[key]


def _unparsed(node: ast.stmt) -> str:
    for one in ast.walk(node):
        _undocument(one)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(one, name, None)
            if isinstance(block, list):
                setattr(one, name, _with_imports_in_order(block))
    return ast.unparse(node)


def _undocument(node: ast.AST) -> None:
    if isinstance(node, _DOCUMENTED) and ast.get_docstring(node, clean=False) is not None:
        node.body = node.body[1:] or [ast.Pass()]


def _with_imports_in_order(block: list[ast.stmt]) -> list[ast.stmt]:
    ordered: list[ast.stmt] = []
    for imports, group in groupby(block, key=lambda node: isinstance(node, ast.Import | ast.ImportFrom)):
        nodes = list(group)
        ordered += (
            sorted((one for node in nodes for one in _single(node)), key=ast.unparse) if imports else nodes
        )
    return ordered


def _single(node: ast.stmt) -> list[ast.stmt]:
    """Return one statement for each name that an import statement imports."""
    if isinstance(node, ast.Import):
        return [ast.Import([name]) for name in node.names]
    if isinstance(node, ast.ImportFrom):
        return [ast.ImportFrom(node.module, [name], node.level) for name in node.names]
    return [node]
