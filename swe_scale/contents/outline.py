"""Finds by its syntax what a file defines and imports, in whatever language there is a grammar for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any

LARGEST = 1 << 20
"""Bytes beyond which only keywords are looked for."""
_MOST = 20_000
"""Definitions, and imports, that are kept of one file."""
_LONGEST_NAME = 120
_LANGUAGES = {
    "bash": "sh bash", "c": "c h", "cpp": "cc cpp cxx hpp hh hxx ipp cu", "csharp": "cs", "dart": "dart",
    "elixir": "ex exs", "erlang": "erl hrl", "go": "go", "groovy": "groovy gradle", "haskell": "hs",
    "java": "java", "javascript": "js jsx mjs cjs", "julia": "jl", "kotlin": "kt kts", "lua": "lua",
    "objc": "m mm", "ocaml": "ml", "perl": "pl pm", "php": "php", "powershell": "ps1", "python": "py pyi pyx",
    "r": "r", "ruby": "rb rake", "rust": "rs", "scala": "scala sc", "solidity": "sol", "sql": "sql",
    "swift": "swift", "tsx": "tsx", "typescript": "ts mts cts", "zig": "zig",
}  # fmt: skip
_BY_SUFFIX = {suffix: name for name, suffixes in _LANGUAGES.items() for suffix in suffixes.split()}
_DEFINES = re.compile(
    r"(?:.*_)?(?:definition|declaration|item|specifier|spec|binding|method|function|class|module|"
    r"interface|struct|enum|trait|object)"
)
_DEFINES_NOT = re.compile(
    r"parameter|argument|import|export|using|package|field|property|variant|enumerator|case|storage|access|"
    r"virtual|alignas|array|pointer|reference|attribute|decorator|labeled|init_|for_|catch|let_|anonymous|"
    r"local_variable|local_function_decl"
)
_IMPORTS = re.compile(
    r"import_(?:statement|declaration|from_statement|spec|header|directive|list)?|future_import_statement|"
    r"preproc_include|use_declaration|using_directive|namespace_use_declaration|extern_crate_declaration|"
    r"include_directive|require_expression|import"
)
_LOADS = re.compile(
    r"""\b(?:(?:require|include)(?:_once|_relative)?|source|load|import)[ \t(]*["'][^"'\n]{1,200}["']"""
)
"""Calls by which modules are loaded."""
_SOURCED = re.compile(r"^[ \t]*+(?:source|\.)[ \t]++[\w./${}-]{1,200}", re.MULTILINE)
"""The same of the shell, without quotes."""
_BOUND = {
    "assignment_expression": ("left", "right"),
    "pair": ("key", "value"),
    "field_definition": ("property", "value"),
    "public_field_definition": ("name", "value"),
    "variable_declarator": ("name", "value"),
}
"""Kinds that bind a name of JavaScript, which is a definition where it is bound to a function."""
_DECLARED = ("function_definition", "type_definition")
"""Kinds whose name, in C, stands within a declarator."""
_BARE = ("type_identifier", "simple_identifier")
"""Kinds of the names that some grammars give no field."""
_DEEPEST = 150
"""Levels of syntax; what is nested deeper, as by a program that writes programs, isn't looked at."""
_FUNCTIONS = {"arrow_function", "function", "function_expression", "class", "generator_function"}
"""What a name of JavaScript must be bound to for it to be a definition."""


@dataclass(frozen=True, slots=True)
class Definition:
    """One thing that a file defines."""

    name: str
    first: int
    """Line on which it begins, from 1, its decorators left out."""
    last: int
    body: int
    """Line on which what it contains begins; `first` where that can't be told."""


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file defines, in its order, and the statements by which it imports, as they stand."""

    definitions: tuple[Definition, ...] = ()
    imports: tuple[str, ...] = ()


def language_of(path: str) -> str:
    """Return the name of a path's grammar; empty where there is none."""
    return _BY_SUFFIX.get(PurePosixPath(path).suffix[1:].lower(), "")


def outline(language: str, text: str) -> Outline | None:
    """Return the outline of a text; None where there is no grammar, or nothing that it knows."""
    data = text.encode("utf-8", "replace")
    grammar = _grammar(language) if language and len(data) <= LARGEST else None
    if grammar is None:
        return None
    definitions: dict[tuple[int, str], Definition] = {}
    imports: dict[str, None] = {}
    for node in _nodes(grammar, data):
        if len(definitions) >= _MOST or len(imports) >= _MOST:
            break
        if node.kind_id in grammar.imports:
            imports.setdefault(" ".join(_text(node)[:2000].split()))
        elif (name := _name_of(node)) is not None and (one := _definition(node, name)) is not None:
            definitions.setdefault((one.first, one.name), one)
    if language != "python":
        loads = (_LOADS, _SOURCED) if language == "bash" else (_LOADS,)
        imports |= dict.fromkeys(match.group() for kind in loads for match in kind.finditer(text))
    ordered = sorted(definitions.values(), key=lambda one: (one.first, -one.last))
    return Outline(tuple(ordered), tuple(imports)[:_MOST]) if ordered or imports else None


@dataclass(frozen=True, slots=True)
class _Grammar:
    parser: Any
    imports: frozenset[int]
    """Kinds of nodes that import."""
    telling: frozenset[int]
    """Those, and kinds that may define."""


@lru_cache(maxsize=8)
def _grammar(name: str) -> _Grammar | None:
    """Return a language's parser, and the kinds of nodes whose names say that they define or import."""
    # Imported here: only those that look at syntax need it.
    from tree_sitter import Language, Parser
    from tree_sitter_language_pack import get_language

    try:
        language: Language = get_language(name)  # type: ignore[arg-type]
    except LookupError:
        return None
    imports: set[int] = set()
    defines: set[int] = set()
    for number in range(language.node_kind_count):
        kind = language.node_kind_for_id(number) or ""
        if not language.node_kind_is_named(number):
            continue
        if _IMPORTS.fullmatch(kind):
            imports.add(number)
        elif kind in _BOUND or (_DEFINES.fullmatch(kind) and not _DEFINES_NOT.search(kind)):
            defines.add(number)
    return _Grammar(Parser(language), frozenset(imports), frozenset(imports | defines))


def _nodes(grammar: _Grammar, data: bytes) -> Iterator[Any]:
    """Yield the telling nodes of a text from its beginning to its end.

    Step by step, since a query takes the square of how deep a text is nested.
    """
    cursor = grammar.parser.parse(data).walk()
    depth = 0
    while True:
        node = cursor.node
        if node.kind_id in grammar.telling:
            yield node
        if depth < _DEEPEST and cursor.goto_first_child():
            depth += 1
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return
            depth -= 1


def _name_of(node: Any) -> Any | None:
    """Return the node with the name of what a node defines; None where it defines nothing."""
    if (fields := _BOUND.get(node.type)) is not None:
        name, value = (node.child_by_field_name(field) for field in fields)
        if name is None or value is None or value.type not in _FUNCTIONS:
            return None
        return name.child_by_field_name("property") if name.type == "member_expression" else name
    if node.type in _DECLARED and (declarator := node.child_by_field_name("declarator")) is not None:
        return declarator
    named = node.child_by_field_name("type" if node.type == "impl_item" else "name")
    return named or next((child for child in node.children[:20] if child.type in _BARE), None)


def _definition(node: Any, name: Any) -> Definition | None:
    inner: Any = name
    for _ in range(_DEEPEST):
        if (deeper := inner.child_by_field_name("declarator")) is None:
            break
        inner = deeper
    text = _text(inner)
    if not text or len(text) > _LONGEST_NAME or "\n" in text:
        return None
    body = node.child_by_field_name("body")
    first = node.start_point.row + 1
    # A body that begins on the line of the name, as with braces, goes on below it.
    start = max(body.start_point.row + 1 if body is not None else first, name.end_point.row + 2)
    last = max(first, node.end_point.row + (1 if node.end_point.column else 0))
    plain = re.split(r"[.:\\]", text)[-1].strip()
    return Definition(plain, first, last, min(start, last)) if plain else None


def _text(node: Any) -> str:
    return (node.text or b"").decode("utf-8", "replace")
