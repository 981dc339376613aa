"""What files of many languages define, within one another, and import."""

import pytest
from outline_samples import CPP, CSHARP, GO, JAVA, LUA, PHP, RUBY, RUST, SCALA, SWIFT, TSX, TYPESCRIPT

from swe_scale.contents.facts import facts_of
from swe_scale.contents.outline import language_of

Found = list[tuple[str, int, int]]

CASES: dict[str, tuple[str, Found, list[str]]] = {
    "a.ts": (
        TYPESCRIPT,
        [
            *[("I", 2, 4), ("A", 5, 10), ("m", 7, 9), ("U", 11, 11), ("E", 12, 14), ("f", 15, 17)],
            *[("N", 18, 21), ("g", 19, 20)],
        ],
        ["import { b } from './b';"],
    ),
    "a.tsx": (TSX, [("View", 2, 7), ("go", 3, 5)], ["import React from 'react';"]),
    "a.cpp": (
        CPP,
        [("n", 3, 18), ("A", 4, 9), ("m", 6, 8), ("run", 11, 13), ("E", 14, 14), ("S", 15, 17)],
        ["#include <vector>", '#include "a.hpp"'],
    ),
    "a.go": (
        GO,
        [("S", 8, 10), ("I", 12, 14), ("M", 16, 18), ("F", 20, 21)],
        ['"fmt"', 'x "github.com/x/proj/internal/store"'],
    ),
    "a.rs": (
        RUST,
        [
            *[("inner", 2, 10), ("S", 3, 5), ("S", 6, 9), ("m", 7, 8), ("T", 11, 13), ("t", 12, 12)],
            *[("mac", 14, 16), ("f", 17, 18)],
        ],
        ["use crate::b::C;"],
    ),
    "A.java": (
        JAVA,
        [("A", 3, 14), ("I", 5, 7), ("m", 6, 6), ("A", 8, 9), ("f", 10, 12), ("E", 13, 13), ("R", 15, 16)],
        ["import java.util.List;"],
    ),
    "A.cs": (
        CSHARP,
        [("M", 2, 17), ("A", 4, 13), ("F", 7, 9), ("S", 10, 12), ("I", 14, 16)],
        ["using System.Text;"],
    ),
    "a.rb": (
        RUBY,
        [("M", 3, 11), ("A", 4, 10), ("m", 5, 7), ("s", 8, 9)],
        ["require 'set'", "require_relative 'b/c'"],
    ),
    "a.swift": (
        SWIFT,
        [("A", 2, 7), ("m", 3, 4), ("S", 5, 6), ("P", 8, 9), ("A", 10, 13), ("e", 11, 12)],
        ["import Foundation"],
    ),
    "a.scala": (SCALA, [("O", 2, 7), ("f", 3, 5), ("K", 6, 6), ("T", 8, 9)], ["import a.b.{C, D}"]),
    "a.lua": (LUA, [("f", 2, 3), ("g", 4, 6)], ["require('x.y'"]),
    "a.php": (PHP, [("D", 3, 6), ("m", 4, 5), ("I", 7, 8), ("T", 9, 10), ("f", 11, 12)], ["use A\\B\\C;"]),
}


def found(path: str, text: str) -> tuple[Found, tuple[str, ...]]:
    outline = facts_of(language_of(path), text.encode()).outline
    return [(one.name, one.first, one.last) for one in outline.definitions], outline.imports


@pytest.mark.parametrize("path", CASES)
def test_by_syntax(path: str) -> None:
    text, definitions, imports = CASES[path]
    told, statements = found(path, text)
    assert told == definitions
    assert set(imports) <= set(statements)


@pytest.mark.parametrize("path", CASES)
def test_with_other_ends_of_lines_the_same_lines_are_told(path: str) -> None:
    assert found(path, CASES[path][0].replace("\n", "\r\n"))[0] == CASES[path][1]


ELIXIR = """defmodule A do
  import B
  def f(x) do
    x
  end
  defp g do
  end
end
"""
UNKNOWN = """module A
  public static function f(x)
    x
  func (s *S) g()
end
"""
BY_KEYWORDS: dict[str, tuple[str, Found]] = {
    "a.ex": (ELIXIR, [("A", 1, 2), ("f", 3, 5), ("g", 6, 9)]),
    "a.unknown": (UNKNOWN, [("A", 1, 1), ("f", 2, 3), ("g", 4, 6)]),
    "no_suffix": (UNKNOWN, [("A", 1, 1), ("f", 2, 3), ("g", 4, 6)]),
}


@pytest.mark.parametrize("path", BY_KEYWORDS)
def test_by_keywords(path: str) -> None:
    text, definitions = BY_KEYWORDS[path]
    assert found(path, text) == (definitions, ())


@pytest.mark.parametrize(
    ("path", "text", "definitions", "imports"),
    [
        ("a.pl", "require 'x.pl';\nsub f {\n  1;\n}\n", [("f", 2, 5)], ("require 'x.pl'",)),
        ("a.zig", 'const x = @import("y.zig");\npub fn f() void {\n}\n', [("f", 2, 4)], ('import("y.zig"',)),
        ("a.ex", "# source('x')\ndef f(x) do\nend\n", [("f", 2, 4)], ("source('x'",)),
    ],
)
def test_where_syntax_tells_only_imports_keywords_tell_what_is_defined(
    path: str, text: str, definitions: Found, imports: tuple[str, ...]
) -> None:
    assert found(path, text) == (definitions, imports)
