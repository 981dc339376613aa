"""The index is a cache: whatever happens to its file, files are found."""

from pathlib import Path

import pytest

from swe_scale.contents.facts import facts_of
from swe_scale.context.index import Content, open_index

FOUND = {
    Content(f"{number:040x}", "python"): facts_of("python", b"def f%d(): pass\n" % number)
    for number in range(300)
}


def spoiled(data: bytes, how: str) -> bytes:
    if how == "middle":
        return data[:8192] + b"\xff" * 16384 + data[24576:]
    return {"header": b"no index" * 2000, "short": data[: len(data) // 2], "empty": b""}[how]


@pytest.mark.parametrize("how", ["middle", "header", "short", "empty"])
def test_a_damaged_file_is_made_anew(tmp_path: Path, how: str) -> None:
    with open_index(tmp_path) as index:
        index.add(FOUND)
        assert not index.missing(FOUND)
    (file,) = tmp_path.iterdir()
    file.write_bytes(spoiled(file.read_bytes(), how))
    for _ in range(2):
        with open_index(tmp_path) as index:
            index.add({one: FOUND[one] for one in index.missing(FOUND)})
            assert len(index.rows(FOUND)) == len(FOUND)
            assert [one.name for one in index.outline(next(iter(FOUND)))] == ["f0"]


def test_where_nothing_can_be_written_it_is_in_memory() -> None:
    with open_index(Path("/proc/self")) as index:
        index.add(FOUND)
        assert len(index.rows(FOUND)) == len(FOUND)


def test_where_the_disk_is_full_it_goes_on_in_memory(tmp_path: Path) -> None:
    first, *others = FOUND
    with open_index(tmp_path) as index:
        index.add({first: FOUND[first]})
        pages = index.connection.execute("PRAGMA page_count").fetchone()[0]
        index.connection.execute(f"PRAGMA max_page_count = {pages}")
        index.add({one: FOUND[one] for one in others})
        assert len(index.rows(FOUND)) == len(FOUND)
