"""Tests of other languages: what they use by their import statements, and how they are named."""

import pytest

from swe_scale.profiles import find_tests
from swe_scale.regression import near
from swe_scale.regression.uses import uses
from swe_scale.regression.words import in_common, names_in, words_of


@pytest.mark.parametrize(
    ("test", "text", "changed"),
    [
        ("src/a.test.ts", "import { f } from './a';", "src/a.ts"),
        ("src/__tests__/x.js", "const f = require( '../deep/a.js' )", "src/deep/a.js"),
        ("test/x.mjs", 'import "../src/deep"', "src/deep/index.ts"),
        ("test/x.ts", "vi.mock('@/deep/a')", "src/deep/a.ts"),
        ("test/x.ts", "import type {\n  A,\n} from '@/deep/a'", "src/deep/a.ts"),
        ("tests/x.c", '#include "pkg/deep.h"', "include/pkg/deep.h"),
        ("tests/x.cc", "  # include <pkg/deep.hpp>", "src/pkg/deep.cpp"),
        ("pkg/x_test.go", "package pkg", "pkg/a.go"),
        ("other/x_test.go", 'import (\n\t"fmt"\n\tp "example.org/m/internal/pkg"\n)\n', "internal/pkg/a.go"),
        ("tests/x.rs", "use crate_name::deep::inner::Thing;", "src/deep/inner.rs"),
        ("src/test/java/q/XTest.java", "import static q.deep.Calc.add;", "src/main/java/q/deep/Calc.java"),
        ("spec/x_spec.rb", "require 'pkg/deep'", "lib/pkg/deep.rb"),
        ("test/x_test.rb", "require_relative '../lib/deep'", "lib/deep.rb"),
    ],
)
def test_a_test_that_imports_a_file_uses_it(test: str, text: str, changed: str) -> None:
    assert uses(test, text, changed)


@pytest.mark.parametrize(
    ("test", "text", "changed"),
    [
        ("src/a.test.ts", "import { f } from './b';", "src/a.ts"),
        ("src/a.test.ts", "import React from 'react';", "src/a.ts"),
        ("src/a.test.ts", "import { f } from '../a';", "src/a.ts"),
        ("tests/x.c", "#include <stdio.h>", "src/io.h"),
        ("other/x_test.go", 'import "example.org/m/pkg"', "internal/a.go"),
        ("tests/x.rs", "use other::inner;", "src/deep/outer.rs"),
        ("src/test/java/q/XTest.java", "import q.other.Calc;", "src/main/java/q/deep/Calc.java"),
        ("test/x.js", "import '" * 5_000, "src/a.js"),
        ("test/x.js", "require(" * 20_000 + "'a", "src/a.js"),
        ("test/x.js", "", "src/a.js"),
    ],
)
def test_a_test_that_does_not_import_it_does_not(test: str, text: str, changed: str) -> None:
    assert not uses(test, text, changed)


@pytest.mark.parametrize(
    ("changed", "test"),
    [
        ("src/deep/calc.ts", "src/deep/calc.test.ts"),
        ("src/calc.js", "test/calc.spec.js"),
        ("pkg/calc.go", "pkg/calc_test.go"),
        ("src/main/java/q/Calc.java", "src/test/java/q/CalcTest.java"),
        ("lib/pkg/calc.rb", "spec/pkg/calc_spec.rb"),
        ("src/calc.c", "tests/test_calc.c"),
    ],
)
def test_names_tell_in_every_language(changed: str, test: str) -> None:
    far = test.replace("alc", "orn").replace("pkg/", "far/").replace("/q/", "/z/")
    known = find_tests([test, far])
    assert near([changed], dict.fromkeys([test, far], ""), 1) == ((test,) if known else ())


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("tests/test_deletion.py", {"delet"}),
        ("django/db/models/deletion.py", {"django", "model", "delet", "db", "py"}),
        ("src/HTTPServerTest.java", {"http", "serv", "java"}),
        ("", set()),
    ],
)
def test_words_of_a_path(path: str, words: set[str]) -> None:
    assert words <= words_of(path) | {"py"}
    assert not {"test", "tests", "src"} & words_of(path)


def test_names_that_sources_define() -> None:
    text = (
        "def from_python(): pass\nclass InClass(Base):\n    async def method(self): pass\nCONSTANT = 1\n"
        "export const arrow = () => 1\nexport default function named() {}\nfunc (r *Repo) Receiver() {}\n"
        "pub(crate) fn rusty() {}\n  public static int javaLike(int a) {\nstatic int c_like(int a)\n"
        "#define MACRO 1\nexports.exported = 1\nx = 1\n" + "def " + "long" * 200 + "(): pass\n"
    )
    assert names_in(text) >= {
        "from_python", "InClass", "method", "CONSTANT", "arrow", "named", "Receiver", "rusty", "javaLike",
        "c_like", "MACRO", "exported",
    }  # fmt: skip
    assert not any(len(name) > 100 for name in names_in(text))


def test_rare_words_weigh_and_shared_ones_do_not() -> None:
    texts = {f"t/test_{n}.py": "shared_name()" for n in range(9)} | {
        "t/test_x.py": "shared_name(); rare_name()"
    }
    texts["src/a.py"] = "def shared_name(): pass\ndef rare_name(): pass\n"
    tests = [path for path in texts if path != "src/a.py"]
    found = in_common(tests, ["src/a.py"], texts)
    assert found["t/test_x.py"] > 0
    assert not any(found[path] for path in tests[:-1])
