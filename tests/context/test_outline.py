"""What files of several languages define, line by line."""

import pytest

from swe_scale.contents.outline import Definition, outline
from swe_scale.context.excerpt import Wanted, cut
from swe_scale.context.pack import shares

CASES = {
    "python": (
        "import os\n@dec\nclass A(B):\n    def m(\n        self,\n    ):\n        return 1\n",
        [("A", 3, 7, 4), ("m", 4, 7, 7)],
        ("import os",),
    ),
    "javascript": (
        "const c = require('../c');\nclass A {\n  f = () => {\n    return 1;\n  };\n}\n",
        [("A", 2, 6, 3), ("f", 3, 5, 4)],
        ("require('../c'",),
    ),
    "c": (
        '#include "a.h"\ntypedef struct { int y; } other;\nint\nadd(int a)\n{\n  return a;\n}\n',
        [("other", 2, 2, 2), ("add", 3, 7, 6)],
        ('#include "a.h"', 'include "a.h"'),
    ),
    "kotlin": ("class A(val x: Int) {\n  fun m() {\n  }\n}\n", [("A", 1, 4, 2), ("m", 2, 3, 3)], ()),
    "php": (
        "<?php\nnamespace A\\B;\nrequire_once 'x/y.php';\nfunction f() {\n}\n",
        [("B", 2, 2, 2), ("f", 4, 5, 5)],
        ("require_once 'x/y.php'",),
    ),
    "lua": ("function M:h()\nend\n", [("h", 1, 2, 2)], ()),
    "bash": (". ./other.sh\nf() {\n  echo\n}\n", [("f", 2, 4, 3)], (". ./other.sh",)),
}


@pytest.mark.parametrize("language", CASES)
def test_definitions_and_imports(language: str) -> None:
    text, definitions, imports = CASES[language]
    found = outline(language, text)
    assert found is not None
    assert [(one.name, one.first, one.last) for one in found.definitions] == [one[:3] for one in definitions]
    if language != "c":
        assert [one.body for one in found.definitions] == [one[3] for one in definitions]
    assert found.imports == imports


def test_definitions_within_definitions_are_folded_at_once() -> None:
    deep = [Definition(f"f{line}", line, 40_001 - line, line + 1) for line in range(1, 20_000)]
    text = "\n".join("#[x]" for _ in range(40_000))
    found = cut(text, deep, Wanted({}, frozenset({20_000}), frozenset()), 1_000)
    assert found is not None and len(found.text) <= 3_000


def test_what_small_files_leave_over_goes_to_others() -> None:
    assert shares([10, 1_000, 1_000], 310, 0.0) == [10, 150, 150]
    assert shares([0, 5], 100, 1.3) == [0, 5]
    assert sum(shares(list(range(50_000)), 10_000, 0.7)) <= 10_000
