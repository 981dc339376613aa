import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.errors import PatchError
from swe_scale.patch import check_link, check_path, is_test, only_tests

GOOD = [
    "a",
    "a/b.py",
    ".gitignore",
    ".github/x",
    ".gitmodules",
    "git",
    "x.git/y",
    "...",
    "a b",
    "ü",
    "\udcff",
    "a\nb",
]
BAD = [
    "",
    "/",
    "/a",
    "a/",
    "a//b",
    ".",
    "..",
    "../a",
    "a/../b",
    "a/.",
    "a\0b",
    ".git",
    "a/.git/b",
    ".GIT",
    "\ud800",
]
VARIANTS = [
    ".git ",
    ".git.",
    ".git. .",
    "git~1",
    "GIT~2",
    ".git::$INDEX_ALLOCATION",
    "a\\.git\\x",
    ".g\u200cit",
    "\ufeff.git",
]


@pytest.mark.parametrize("path", [*GOOD, "n" * 255, "/".join(["n" * 99] * 40)])
def test_plain_paths_pass(path: str) -> None:
    check_path(path)


@pytest.mark.parametrize("path", [*BAD, *VARIANTS, "n" * 256, "é" * 128, "/".join(["n" * 99] * 41)])
def test_other_paths_are_refused_in_one_line(path: str) -> None:
    with pytest.raises(PatchError) as caught:
        check_path(path)
    text = str(caught.value)
    assert len(text.splitlines()) == 1 and len(text) < 400
    assert text.encode("utf-8")


@given(st.text())
def test_what_passes_stays_below_the_root(path: str) -> None:
    try:
        check_path(path)
    except PatchError:
        return
    assert os.path.normpath(f"/root/{path}") == f"/root/{path}"


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("l", b"f"),
        ("l", b"./d//f"),
        ("d/l", b"../f"),
        ("d/e/l", b"../../f/g"),
        ("l", b"."),
        ("d/l", b".."),
        ("l", b"d/"),
    ],
)
def test_links_inside_pass(path: str, target: bytes) -> None:
    check_link(path, target)


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("l", b""),
        ("l", b"/etc/passwd"),
        ("l", b".."),
        ("l", b"../x"),
        ("d/l", b"../../x"),
        ("l", b"d/../../x"),
        ("l", b"other/link/.."),
        ("l", b"a\0b"),
        ("l", b".git/config"),
        ("d/l", b"../.GIT/hooks"),
        ("l", b"x" * 5000),
        (".gitmodules", b"x"),
        ("d/.GitModules", b"x"),
    ],
)
def test_links_that_lead_out_are_refused(path: str, target: bytes) -> None:
    with pytest.raises(PatchError) as caught:
        check_link(path, target)
    assert str(caught.value).startswith(f"{path} -> ")


TESTS = [
    "tests/a.py",
    "pkg/tests/data/x.json",
    "Tests/Helper.cs",
    "src/__tests__/a.js",
    "test/a.rb",
    "testing/test_x.py",
    "core/src/test/java/A.java",
    "spec/a_spec.rb",
    "spec/support/a_spec.cr",
    "Specs/ParserSpec.hs",
    "spec/spec_helper.rb",
    "pkg/spec/parser.spec.coffee",
    "pkg/conftest.py",
    "pkg/test_a.py",
    "pkg/a_test.py",
    "app/tests.py",
    "pkg/a_test.go",
    "lib/a_test.mjs",
    "lib/a_spec.ts",
    "src/a.spec.ts",
    "src/a.test.tsx",
    "src/a.test.mjs",
    "src/a-test.js",
    "src/AParserTest.java",
    "src/ParserTests.cs",
]
CODE = [
    "contest.py",
    "pkg/spec/parser.py",
    "pkg/spec/spec.py",
    "openapi/specs/petstore_spec.json",
    "spec/inspector.rb",
    "ParserSpec.hs",
    "latest/a.py",
    "pkg/attest.py",
    "django/test/client.py",
    "numpy/testing/utils.py",
    "pkg/testimony.py",
    "test.md",
    "pkg/test.py",
    "src/inspect.ts",
    "src/Contest.java",
    "src/Latest.java",
    "src/CONTEST.java",
    "protest_go/a.go",
    "setup.py",
]


@pytest.mark.parametrize("path", TESTS)
def test_tests_are_known_by_their_names(path: str) -> None:
    assert is_test(path)


@pytest.mark.parametrize("path", CODE)
def test_code_is_not_taken_for_a_test(path: str) -> None:
    assert not is_test(path)


def test_only_tests_needs_at_least_one() -> None:
    assert only_tests(["tests/a.py", "b_test.go"])
    assert not only_tests(["tests/a.py", "b.go"])
    assert not only_tests([])
    assert not only_tests(["pkg/spec/parser.py"])
