"""Which new files are products of tools and compilers, and which somebody wrote."""

import pytest

from swe_scale.records import File
from swe_scale.trajectory.products import named, products


def files(*paths: str, data: bytes = b"x\n") -> dict[str, File]:
    return {path: File(mode="100644", data=data) for path in paths}


KNOWN = ("setup.py", "src/a.py", "rust/Cargo.toml", "lib/build/kept.py", "web/package.json", "tests/x.orig")


@pytest.mark.parametrize(
    "path",
    [
        "src/__pycache__/a.txt", "node_modules/x/index.js", "pkg.egg-info/PKG-INFO", ".mypy_cache/3/a.json",
        "build/lib/a.py", "dist/pkg.whl", "rust/target/debug/x.d", "web/dist/main.js", "a.o", "src/a.py.orig",
        "src/a.py.rej", ".coverage", ".coverage.host.1", "nohup.out", "x~", ".DS_Store", "A.class",
    ],
)  # fmt: skip
def test_products(path: str) -> None:
    assert products(files(path), KNOWN) == {path}


@pytest.mark.parametrize(
    "path",
    [
        "src/b.py", "build.py", "src/build/b.py", "lib/build/other.py", "rust/dist/x.js", "target/x.rs",
        "core",
        "notes.txt", "web/target/a", "coverage.py", "tests/data/original", "distance/x",
    ],
)  # fmt: skip
def test_what_somebody_wrote(path: str) -> None:
    assert products(files(path), KNOWN) == set()


@pytest.mark.parametrize("mark", ["CACHEDIR.TAG", "pyvenv.cfg", "CMakeCache.txt"])
def test_a_folder_that_says_that_it_was_generated(mark: str) -> None:
    new = files(f"out/{mark}", "out/deep/x.txt", "other/x.txt")
    assert products(new, KNOWN) == {f"out/{mark}", "out/deep/x.txt"}
    # A mark at the root, or in a folder of the repository, would hide everything.
    assert products(files(mark, "x.txt", f"src/{mark}", "src/b.py"), KNOWN) == set()


@pytest.mark.parametrize(
    "start", [b"\x7fELF\x02", b"!<arch>\n", b"MZ\x90\0", b"\xca\xfe\xba\xbe", b"\xcf\xfa\xed\xfe"]
)
def test_compiled_programs_whatever_their_name(start: bytes) -> None:
    assert products(files("tool", "b.txt", data=start + b"\0" * 9), KNOWN) == {"tool", "b.txt"}
    link = {"tool": File(mode="120000", data=start)}
    assert products(link, KNOWN) == set()


def test_large_binaries_but_no_fixtures_and_no_large_texts() -> None:
    assert products(files("blob", data=b"\0" * (1 << 20) + b"\0"), KNOWN) == {"blob"}
    assert products(files("fixture.bin", data=b"\0" * 5000), KNOWN) == set()
    assert products(files("table.csv", data=b"1,2\n" * (1 << 19)), KNOWN) == set()


def test_they_are_named_by_folder_and_not_all() -> None:
    assert named(["b/1", "a", "b/2", "c/3"]) == "a, b/ (2 files), c/"
    assert named([f"x{number}" for number in range(9)]) == "x0, x1, x2, x3, x4, 4 more"
