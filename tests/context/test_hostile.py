"""Issues and files that are meant to be slow or to break things: each must simply be answered."""

import random
import subprocess
import sys
from collections.abc import Callable

import pytest
from context_kit import find

from swe_scale.contents.sources import skipped_by_content
from swe_scale.contents.words import terms, words
from swe_scale.records import Issue

CODE = b"def compute_total(items):\n    return sum(items)\n"
MEGABYTE = 1 << 20


def log() -> str:
    lots = random.Random(3)
    line = "2024-01-01 12:00:00 ERROR pkg.module{}.Class{}: value_{} in /srv/app/pkg/file{}.py:{}\n"
    return "".join(line.format(*(lots.randrange(9_999) for _ in range(5))) for _ in range(24_000))


ISSUES: dict[str, Callable[[], str]] = {
    "a log of 2 MB": log,
    "one word of 2 MB": lambda: "a" * 2 * MEGABYTE,
    "one dotted word of 2 MB": lambda: "a." * MEGABYTE,
    "one path of 2 MB": lambda: "a/" * MEGABYTE,
    "quotes": lambda: "`" * 2 * MEGABYTE,
    "open comments": lambda: "<!--" * (MEGABYTE // 2),
    "calls": lambda: "f(" * MEGABYTE,
    "places": lambda: ":1" * MEGABYTE,
    "unpaired and astral": lambda: "𝒳\u0301\u202e日本語_名前 ﷽ \x00\x85 " * 60_000,
}


@pytest.mark.parametrize("name", ISSUES)
def test_hostile_issues(name: str) -> None:
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="compute_total", body=ISSUES[name]())
    found = find(asked, {"a.py": CODE, "b/c.py": b"x = 1\n"}, 1_000)
    assert found.files[0].path == "a.py"


FILES: dict[str, Callable[[], bytes]] = {
    "definitions": lambda: b"def f(): pass\n" * 25_000,
    "spaces": lambda: (b" " * 190 + b"x\n") * 2_000,
    "keywords": lambda: b"def " * 40 * 2_000 + b"\n" * 2_000,
    "short lines": lambda: b"a\n" * 190_000,
    "decorators": lambda: b"@a\n" * 130_000,
    "unicode": lambda: ("名前 = '𝒳'\n" * 20_000).encode(),
    "carriage returns": lambda: b"x = 1\r" * 2_000 + b"\n" * 2_000,
}


@pytest.mark.parametrize("name", FILES)
def test_hostile_files(name: str) -> None:
    data = FILES[name]()
    assert skipped_by_content(data) is None, "the file is meant to be considered"
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="compute_total", body="`a` `f` x 名前")
    found = find(asked, {"a.py": CODE, "b.py": data}, 1_000)
    assert found.files[0].path == "a.py"
    assert found.tokens <= 1_000


def test_a_file_of_5_megabytes_is_shown_in_part() -> None:
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="compute_total", body="")
    found = find(asked, {"a.py": CODE, "b.py": CODE * 100_000}, 1_000)
    assert found.skipped == 0
    assert {file.path for file in found.files} == {"a.py", "b.py"}


def test_a_file_beyond_all_measure_is_skipped() -> None:
    asked = Issue(id="i", repo="/r", base_commit="0" * 40, title="compute_total", body="")
    found = find(asked, {"a.py": CODE, "b.py": CODE * 180_000}, 1_000)
    assert found.skipped_by == {"large": 1}


def test_importing_is_cheap() -> None:
    late = {"numpy", "tree_sitter", "tree_sitter_language_pack"}
    code = f"import sys, swe_scale.context; print({late} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("parseHTMLDocument", ("parsehtmldocument", "parse", "html", "document")),
        ("_read_buffer2", ("read_buffer2", "read", "buffer")),
        ("HTTPServer", ("httpserver", "http", "server")),
        ("ALL_CAPS", ("all_caps", "caps")),
        ("plain", ("plain",)),
        ("größte_Zahl", ("größte_zahl", "größte", "zahl")),
        ("名前", ("名前",)),
        ("the", ()),
        ("self", ()),
        ("x", ()),
    ],
)
def test_terms(word: str, expected: tuple[str, ...]) -> None:
    assert terms(word) == expected


def test_numbers_and_encoded_data_are_no_words() -> None:
    assert words("42 0x7fff 3rd v2 " + "A" * 81) == ["v2"]
