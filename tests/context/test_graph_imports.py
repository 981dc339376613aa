"""What statements of several languages import."""

import pytest

from swe_scale.context.imports import imported


@pytest.mark.parametrize(
    ("path", "statement", "expected"),
    [
        ("pkg/a.py", "from . import x", ["pkg", "pkg/x"]),
        ("pkg/sub/a.py", "from ..b import c", ["pkg/b", "pkg/b/c"]),
        ("a.py", "from .... import x", []),
        ("src/a.js", "import {b} from './c';", ["src/c"]),
        ("src/a.ts", "import {b} from '../lib/c.js'", ["lib/c.js", "lib/c"]),
        ("a.js", "import b from '../../c'", []),
        ("src/a.c", '#include "my/a.h"', ["src/my/a.h"]),
        ("bin/a.sh", ". ./lib.sh", ["bin/lib.sh"]),
    ],
)
def test_places(path: str, statement: str, expected: list[str]) -> None:
    assert [one.place for one in imported(path, statement)] == expected


@pytest.mark.parametrize(
    ("path", "statement", "expected"),
    [
        ("src/a.rs", "use crate::b::{c, d::E};", ["src.b.c", "src.b.d.E"]),
        ("src/a/b.rs", "use super::c;", ["use", "src.a.c"]),
        ("A.scala", "import a.b.{C, D}", ["a.b.C", "a.b.D"]),
        ("A.java", "import a.b.C;", ["import", "a.b.C"]),
        ("A.php", "use C\\D\\E;", ["use", "C.D.E"]),
    ],
)
def test_names(path: str, statement: str, expected: list[str]) -> None:
    assert [one.text for one in imported(path, statement)] == expected


def test_a_statement_of_dots_is_read_at_once() -> None:
    assert list(imported("a.py", "from " + "." * 100_000))  # Quadratic, it would take minutes.
