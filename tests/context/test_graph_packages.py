"""What a file of Go imports is a folder, named from beyond the repository."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from context_kit import find, issue

from swe_scale.contents.facts import facts_of
from swe_scale.contents.outline import language_of
from swe_scale.context.corpus import load_corpus
from swe_scale.context.graph import Graph
from swe_scale.context.index import Content, open_index

STORE = {f"internal/store/part{number}.go": b"package store\nvar X int\n" for number in range(3)}
OTHERS = {
    "internal/store/store_test.go": b"package store\n",
    "internal/store/readme.md": b"The store.\n",
    "internal/store/deep/deep.go": b"package deep\n",
    "cmd/store/main.go": b"package main\n",
    "fmt.go": b"package proj\n",
}


def main(*imports: str) -> bytes:
    lines = "".join(f'\t"{one}"\n' for one in imports)
    return f"package main\n\nimport (\n{lines})\n\nfunc main() {{\n}}\n".encode()


def imported(folder: Path, tree: Mapping[str, bytes]) -> set[str]:
    """Return the paths of what main.go imports."""
    files = {path: Content(f"{number:040x}", language_of(path)) for number, path in enumerate(tree)}
    with open_index(folder) as index:
        index.add({content: facts_of(content.language, tree[path]) for path, content in files.items()})
        corpus = load_corpus(files, index)
        reached = Graph(corpus).imported(corpus.numbers["cmd/app/main.go"])
    return {corpus.paths[number] for number in reached}


def test_an_import_leads_to_the_files_of_its_folder(tmp_path: Path) -> None:
    code = main("fmt", "github.com/x/proj/internal/store", "github.com/other/thing")
    assert imported(tmp_path, {"cmd/app/main.go": code, **STORE, **OTHERS}) == STORE.keys()


def test_a_single_import_and_one_with_a_name_lead_there_too(tmp_path: Path) -> None:
    code = b'package main\nimport s "github.com/x/proj/internal/store"\n'
    assert imported(tmp_path, {"cmd/app/main.go": code, **STORE, **OTHERS}) == STORE.keys()


def test_the_root_package_is_not_whatever_lies_outside(tmp_path: Path) -> None:
    code = main("github.com/other/thing", "strings", "C", "./", "..", "/")
    assert imported(tmp_path, {"cmd/app/main.go": code, **STORE, **OTHERS}) == set()


@pytest.mark.parametrize(("files", "reached"), [(12, 12), (13, 0)])
def test_a_package_of_many_files_leads_nowhere(tmp_path: Path, files: int, reached: int) -> None:
    package = {
        f"internal/store/part{number}.go": b"package store\nvar X%d int\n" % number for number in range(files)
    }
    code = main("github.com/x/proj/internal/store")
    assert len(imported(tmp_path, {"cmd/app/main.go": code, **package})) == reached


def test_files_of_the_package_are_shown_with_the_reason() -> None:
    code = main("github.com/x/proj/internal/store") + b"func frobnicate() {\n}\n"
    tree = {
        "cmd/app/main.go": code,
        **STORE,
        **{f"other/f{number}.go": b"package other\n" for number in range(9)},
    }
    found = find(issue("`frobnicate` overflows"), tree, 5_000)
    reasons = {file.path: file.reasons for file in found.ranking}
    assert next(iter(reasons)) == "cmd/app/main.go"
    assert all("imported by cmd/app/main.go" in reasons[path] for path in STORE)
