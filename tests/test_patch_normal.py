import pytest

from swe_scale.patch import normal_form
from swe_scale.records import Changes, File


def form(text: str | bytes, path: str = "a.py", mode: str = "100644") -> str:
    data = text.encode() if isinstance(text, str) else text
    return normal_form({path: File.model_validate({"mode": mode, "data": data})})


CODE = '''\
"""Doc."""
import os
import sys as system
from a import (b, c)

class A:
    """Doc."""
    def f(self, x):
        "Doc."
        return {"x": x, 'y': (1)}  # comment
'''
SAME = """\
from a import c
import sys as system, os
from a import b
# comment


class A:
  def f(self, x,):

    return {'x': x,
            "y": 1}
"""


def test_formatting_comments_docstrings_and_import_order_do_not_matter() -> None:
    assert form(CODE) == form(SAME)
    assert form(CODE) == form(CODE.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("(1)", "2"),
        ("os", "re"),
        ("(self, x)", "(self, y)"),
        ("return ", ""),
        ("(b, c)", "(b, c, b as d)"),
        ("a import", ".a import"),
    ],
)
def test_meaning_matters(old: str, new: str) -> None:
    assert form(CODE) != form(CODE.replace(old, new))


def test_imports_do_not_pass_other_statements() -> None:
    assert form("import a\nf()\nimport b\n") != form("import b\nf()\nimport a\n")
    assert form("if x:\n    import a\n    import b\n") == form("if x:\n    import b\n    import a\n")
    assert form("try:\n    x\nfinally:\n    import a\n    import b\n") == form(
        "try:\n    x\nfinally:\n    import b\n    import a\n"
    )


def test_a_body_of_documentation_alone_is_one_that_does_nothing() -> None:
    assert form('def f():\n    """Doc."""\n') == form("def f():\n    pass\n")
    assert form("def f():\n    'not doc' + x\n") != form("def f():\n    pass\n")


@pytest.mark.parametrize(
    "source",
    [
        "def broken(:\n",
        "(" * 5_000,
        "-" * 50_000 + "1",
        "a" + ".a" * 50_000,
        "+".join(["1"] * 50_000),
        "x = 0x" + "f" * 20_000,
        "# coding: nonsense\nx = 1\n",
        "if x:\n" + "".join(" " * depth + "if x:\n" for depth in range(1, 200)),
        "x = 1\n" * 200_000,
    ],
)
def test_what_is_no_readable_python_is_compared_as_text(source: str) -> None:
    assert form(source) == form(source)
    assert form(source) == form(source.replace("\n", "  \n\n"))
    assert form(source) != form(source + "y = 2\n")


def test_python_with_a_nul_is_compared_byte_by_byte() -> None:
    assert form("x = 1 \0\n") != form("x = 1  \0\n")


def test_escapes_that_python_warns_of_are_no_trouble() -> None:
    assert form("x = '\\d'\n") == form('x = "\\d"\n')


def test_python_in_another_encoding_is_read_as_it_says() -> None:
    head = "# -*- coding: latin-1 -*-\n"
    assert form((head + "x = 'é'  # é\n").encode("latin-1")) == form("x = 'é'\n")


def test_other_text_keeps_its_indentation_and_words() -> None:
    assert form("a\n  b\n", "x.js") == form("a  \r\n\r\n  b", "x.js")
    assert form("a\n  b\n", "x.js") != form("a\nb\n", "x.js")
    assert form("ab\n", "x.js") != form("a\nb\n", "x.js")


def test_binary_content_links_modes_and_deletions_are_told_apart() -> None:
    changes: list[Changes] = [
        {"x": File(mode="100644", data=b"\xff")},
        {"x": File(mode="100644", data=b"\xff\n")},
        {"x": File(mode="100644", data=b"y")},
        {"x": File(mode="100644", data=b"y\0")},
        {"x": File(mode="100755", data=b"y")},
        {"x": File(mode="120000", data=b"y")},
        {"x": None},
        {"z": None},
        {"x": None, "z": None},
        {},
    ]
    assert len({normal_form(one) for one in changes}) == len(changes)


def test_the_order_of_the_files_does_not_matter() -> None:
    one, two = File(mode="100644", data=b"1"), File(mode="100644", data=b"2")
    assert normal_form({"a": one, "\udcff": two, "c": None}) == normal_form(
        {"c": None, "\udcff": two, "a": one}
    )
    assert normal_form({"a": one, "b": two}) != normal_form({"a": two, "b": one})


def test_a_candidates_own_tests_are_no_part_of_its_form() -> None:
    fix, test = File(mode="100644", data=b"x = 1\n"), File(mode="100644", data=b"assert x\n")
    assert normal_form({"a.py": fix}) == normal_form({"a.py": fix, "tests/test_a.py": test})
    assert normal_form({"a.py": fix, "b_test.py": None}) == normal_form({"a.py": fix, "tests/c.txt": fix})
    assert normal_form({"tests/test_a.py": test}) != normal_form({"tests/test_a.py": fix})
    assert normal_form({"tests/test_a.py": test}) != normal_form({})


def test_a_statement_is_worked_out_once_however_it_is_written() -> None:
    body = "    one = call(1,\n        2)\n    return one\n"
    plain = f"def f(x):\n{body}\n\nclass C:\n    pass\n"
    tight = 'def f(x):\n    "doc"\n    one = call(1, 2); return one\nclass C: pass\n'
    decorated = f"@wraps(\n  g)\n{plain}"
    assert form(plain) == form(tight) == form(plain) == form(f"x = 1\n{plain}".removeprefix("x = 1\n"))
    assert form(decorated) == form(f"@wraps(g)\n{plain}") != form(f"@wraps(h)\n{plain}")
    assert form(f"a = 1; {'b = 2'}\n{plain}") == form(f"a = 1\nb = 2  # last\n{plain}")
    assert form("# coding: latin-1\n" + plain) == form(plain.replace("\n", "\r\n")) == form(plain)
    assert form(f"\ufeff{plain}") == form(plain.replace("    one", "    # é\n    one"))
