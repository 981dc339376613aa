from collections.abc import Mapping
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest
from git_kit import Kit, git

from swe_scale.errors import PatchError, RepositoryError
from swe_scale.records import Changes, File
from swe_scale.repo import Entry

pytestmark = pytest.mark.anyio

NAMES = (
    "a b.py",
    'quo"te\\.txt',
    "line\nbreak",
    "tab\there",
    "übung/ß.md",
    " lead",
    "*.py",
    "deep/er/file",
    "[x]?",
)
CONTENTS = (
    b"",
    b"no newline",
    b"crlf\r\nline\r\n",
    b"lat\xefn\n",
    "utf-16\n".encode("utf-16"),
    b"\0\1\2",
    b"x\n" * 999,
)


def plain(data: bytes) -> File:
    return File(mode="100644", data=data)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


async def test_lists_what_a_tree_holds(kit: Kit) -> None:
    kit.write({"run.sh": b"#!/bin/sh\n", "empty": b"", "d/ü b.txt": b"four"})
    (kit.folder / "run.sh").chmod(0o755)
    (kit.folder / "link").symlink_to("d")
    kit.commit()
    repository, tree = await kit.opened()
    entries = {(entry.path, entry.mode, entry.size) for entry in await repository.files(tree)}
    expected = {
        ("run.sh", "100755", 10),
        ("empty", "100644", 0),
        ("d/ü b.txt", "100644", 4),
        ("link", "120000", 1),
    }
    assert entries == expected


async def test_a_submodule_is_an_entry_without_content(kit: Kit, tmp_path: Path) -> None:
    inner = Kit(tmp_path / "inner")
    inner.commit({"x": b"x"})
    git(kit.folder, "submodule", "--quiet", "add", str(inner.folder), "lib")
    kit.commit()
    repository, tree = await kit.opened()
    (lib,) = [entry for entry in await repository.files(tree) if entry.submodule]
    assert (lib.path, lib.mode, lib.size) == ("lib", "160000", 0)
    assert await repository.read(tree, ["lib"]) == {}
    assert "lib" in (await repository.notes(tree))[0]
    changed = await repository.write_tree(tree, {"new": plain(b"n")})
    assert lib in await repository.files(changed)
    for path, file in {"lib": None, "lib/x": plain(b"x")}.items():
        with pytest.raises(PatchError, match="lib: changes a submodule"):
            await repository.write_tree(tree, {"a": plain(b""), path: file})
    git(kit.folder, "rm", "-q", "lib")
    without = await repository.tree_of(await repository.resolve(kit.commit()))
    with pytest.raises(PatchError, match="lib: changes a submodule"):
        await repository.changes(tree, without)


async def test_reads_files_and_leaves_out_what_is_missing_or_too_large(kit: Kit) -> None:
    kit.commit(dict(zip(NAMES, CONTENTS, strict=False)))
    repository, tree = await kit.opened()
    found = await repository.read(tree, [*NAMES, "nowhere", "deep"])
    assert found == dict(zip(NAMES, CONTENTS, strict=False))
    assert await repository.read(tree, NAMES, limit=0) == {NAMES[0]: b""}
    assert await repository.read(tree, []) == {}


async def test_names_that_are_not_utf8_survive(kit: Kit) -> None:
    kit.commit({"plain": b"1"})
    (kit.folder / "caf\udce9").write_bytes(b"2")
    kit.commit()
    repository, tree = await kit.opened()
    assert await repository.read(tree, ["caf\udce9"]) == {"caf\udce9": b"2"}
    changed = await repository.write_tree(tree, {"caf\udce9": plain(b"3"), "\udcff": plain(b"4")})
    assert await repository.changes(tree, changed) == {"caf\udce9": plain(b"3"), "\udcff": plain(b"4")}
    patch = await repository.diff(tree, changed)
    assert patch.encode("utf-8") and await repository.apply(tree, patch) == changed


async def test_contents_are_stored_byte_for_byte(kit: Kit) -> None:
    kit.commit({".gitattributes": b"* text=auto eol=crlf filter=evil\n*.md working-tree-encoding=UTF-16\n"})
    repository, tree = await kit.opened()
    changes: Changes = {f"{at}-{name}": plain(CONTENTS[at % 7]) for at, name in enumerate(NAMES)}
    changed = await repository.write_tree(tree, changes)
    assert await repository.changes(tree, changed) == changes
    for path, file in changes.items():
        assert file is not None
        assert git(kit.folder.parent / "store/store", "cat-file", "blob", f"{changed}:{path}") == file.data


@pytest.mark.parametrize(
    ("changes", "paths"),
    [
        ({}, {"d/x", "f"}),
        ({"f": None}, {"d/x"}),
        ({"f": None, "d/x": None}, set()),
        ({"nowhere": None, "f/below": None}, {"d/x", "f"}),
        ({"f/now/folder": plain(b"1")}, {"d/x", "f/now/folder"}),
        ({"f": None, "f/folder": plain(b"1")}, {"d/x", "f/folder"}),
        ({"d": plain(b"1")}, {"d", "f"}),
        ({"d": plain(b"1"), "d/x": None}, {"d", "f"}),
        ({"d": None}, {"f"}),
        ({"f": File(mode="120000", data=b"d/x")}, {"d/x", "f"}),
        ({"f": File(mode="100755", data=b"f")}, {"d/x", "f"}),
    ],
)
async def test_changes_give_the_files_they_say(kit: Kit, changes: Changes, paths: set[str]) -> None:
    kit.commit({"d/x": b"x", "f": b"f"})
    repository, tree = await kit.opened()
    changed = await repository.write_tree(tree, changes)
    entries = {entry.path: entry for entry in await repository.files(changed)}
    assert set(entries) == paths
    for path, file in changes.items():
        if file is not None:
            assert entries[path].mode == file.mode
    assert (changed == tree) == (paths == {"d/x", "f"} and entries["f"].mode == "100644")


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"../x": None}, "../x"),
        ({"/etc/x": plain(b"")}, "/etc/x"),
        ({".GIT/config": plain(b"")}, ".GIT/config"),
        ({"a": plain(b""), "a/b/c": plain(b"")}, "both as a file and as a folder"),
        ({"out": File(mode="120000", data=b"/etc/passwd")}, "out -> /etc/passwd"),
    ],
)
async def test_changes_that_leave_the_work_tree_are_refused(kit: Kit, changes: Changes, named: str) -> None:
    kit.commit({"f": b"f"})
    repository, tree = await kit.opened()
    with pytest.raises(PatchError) as caught:
        await repository.write_tree(tree, changes)
    assert named in str(caught.value)


async def test_a_stranger_is_no_tree(kit: Kit) -> None:
    kit.commit({"f": b"f"})
    repository, tree = await kit.opened()
    for stranger in ("0" * 39 + "1", "--help", f"{tree}\n", "HEAD"):
        with pytest.raises(RepositoryError):
            await repository.write_tree(stranger, {"f": None})
        with pytest.raises(RepositoryError):
            await repository.files(stranger)


async def test_many_write_at_once(kit: Kit) -> None:
    kit.commit({f"d{number}/f": b"0" for number in range(20)})
    repository, tree = await kit.opened()
    wanted: dict[int, tuple[str, Mapping[str, File | None]]] = {}

    async def one(number: int) -> None:
        changes: Changes = {
            f"d{number}/f": plain(b"number %d" % number),
            "same": plain(b"same"),
            "d0/g": None,
        }
        changed = await repository.write_tree(tree, changes)
        assert await repository.apply(tree, await repository.diff(tree, changed)) == changed
        wanted[number] = changed, await repository.changes(tree, changed)

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(one, number)
    assert len({changed for changed, _ in wanted.values()}) == 20
    for number, (_, changes) in wanted.items():
        assert changes == {f"d{number}/f": plain(b"number %d" % number), "same": plain(b"same")}
    left = {path.name for path in (kit.folder.parent / "store").iterdir()}
    assert left == {"home", "store"}
    git(kit.folder.parent / "store/store", "fsck", "--strict")


async def test_cancelling_leaves_nothing_behind(kit: Kit) -> None:
    kit.commit({"f": b"f"})
    repository, tree = await kit.opened()
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as group:
            for number in range(4):
                group.start_soon(repository.write_tree, tree, {"f": plain(b"%d" % number * 10**6)})
            await anyio.lowlevel.checkpoint()
            scope.cancel()
    assert {path.name for path in (kit.folder.parent / "store").iterdir()} == {"home", "store"}
    assert await repository.write_tree(tree, {"f": plain(b"f")}) == tree


def test_an_entry_knows_whether_it_is_a_submodule() -> None:
    assert Entry("a", "160000", "0" * 40, 0).submodule
    assert not Entry("a", "100644", "0" * 40, 0).submodule
