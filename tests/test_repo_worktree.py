"""A patch brought into the user's own work tree: what must still work, and what must not be started."""

import os
from pathlib import Path

import pytest
from git_kit import Kit, git

from swe_scale.errors import PatchError, RepositoryError
from swe_scale.records import Changes, File
from swe_scale.repo import Repository

pytestmark = pytest.mark.anyio


def plain(data: bytes) -> File:
    return File(mode="100644", data=data)


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


def everything(folder: Path) -> dict[str, tuple[int, bytes]]:
    """Return mode and content of all that lies in a work tree, git's own folder included."""
    found = {}
    for place in sorted(folder.rglob("*")):
        kind = place.lstat().st_mode
        data = os.fsencode(place.readlink()) if place.is_symlink() else b""
        found[str(place.relative_to(folder))] = (kind, place.read_bytes() if place.is_file() else data)
    return found


async def patch_of(repository: Repository, tree: str, changes: Changes) -> str:
    return await repository.diff(tree, await repository.write_tree(tree, changes))


async def test_all_kinds_of_changes_arrive(kit: Kit) -> None:
    (kit.folder / "old link").symlink_to("a.py")
    kit.commit(
        {
            "a.py": b"one\ntwo\nthree\n",
            "dos.txt": b"a\r\nb\r\n",
            "old name": b"moved\n" * 20,
            "gone": b"g\n",
            "tool": b"x\n",
            "blob": bytes(range(256)),
            "mixed": b"x",
            "d/x": b"x\n",
        }
    )
    index = (kit.folder / ".git" / "index").read_bytes()
    repository, tree = await kit.opened()
    changes: Changes = {
        "a.py": plain(b"one\n2\r\nthree"),
        "dos.txt": plain(b"a\r\nc\r\n"),
        "old name": None,
        "new/n\u00e4me": plain(b"moved\n" * 20 + b"and changed\n"),
        "gone": None,
        "tool": File(mode="100755", data=b"x\n"),
        "empty": plain(b""),
        "old link": File(mode="120000", data=b"tool"),
        "link": File(mode="120000", data=b"blob"),
        "blob": plain(bytes(range(255, -1, -1)) * 9),
        "mixed": None,
        "mixed/f": plain(b"x"),
        "d/x": None,
        "d": plain(b"now a file\n"),
    }
    await repository.apply_to_worktree(await patch_of(repository, tree, changes))
    for path, file in changes.items():
        place = kit.folder / path
        if file is None:
            assert not place.is_file()
        elif file.mode == "120000":
            assert os.fsencode(place.readlink()) == file.data
        else:
            assert place.read_bytes() == file.data
            assert bool(place.stat().st_mode & 0o100) == (file.mode == "100755")
    assert (kit.folder / ".git" / "index").read_bytes() == index
    assert not list((kit.folder.parent / "store").glob("worktree-*"))


async def test_line_ends_of_the_work_tree_follow_its_attributes(kit: Kit) -> None:
    kit.commit({".gitattributes": b"*.bat text eol=crlf\n", "a.bat": b"one\r\ntwo\r\n"})
    repository, tree = await kit.opened()
    assert (await repository.read(tree, ["a.bat"]))["a.bat"] == b"one\ntwo\n"
    await repository.apply_to_worktree(await patch_of(repository, tree, {"a.bat": plain(b"one\n2\n")}))
    assert (kit.folder / "a.bat").read_bytes() == b"one\r\n2\r\n"


async def test_no_filter_of_the_repositorys_configuration_is_started(kit: Kit, tmp_path: Path) -> None:
    kit.commit({".gitattributes": b"* filter=evil\n", "f": b"1\n"})
    canary, program = tmp_path / "canary", tmp_path / "evil"
    program.write_text(f"#!/bin/sh\necho $0 $@ >> {canary}\ncat\n", encoding="utf-8")
    program.chmod(0o755)
    for name in ("clean", "smudge", "process"):
        git(kit.folder, "config", f"filter.evil.{name}", str(program))
    git(kit.folder, "config", "filter.evil.required", "true")
    git(kit.folder, "config", "core.fsmonitor", str(program))
    repository, tree = await kit.opened()
    patch = await patch_of(repository, tree, {"f": plain(b"2\n"), "g": plain(b"3\n")})
    await repository.apply_to_worktree(patch)
    assert (kit.folder / "f").read_bytes() + (kit.folder / "g").read_bytes() == b"2\n3\n"
    assert not canary.exists()
    git(kit.folder, "config", "--unset", "filter.evil.process")
    git(kit.folder, "apply", "-R", "-", input=patch.encode())
    assert canary.exists(), "the trap itself works"


CHANGES: Changes = {"a/new/b": plain(b"x\n"), "e/f/new": plain(b"y\n"), "f": plain(b"2\n"), "run": None}


@pytest.mark.parametrize(
    ("files", "named"),
    [
        ({"f": b"changed since\n"}, "f:1"),
        ({"e/f/new": b"already here"}, "e/f/new"),
        # Git finds this only after it has removed the files that it was going to write anew.
        ({"a": b"a file, not tracked"}, "a/new/b"),
    ],
)
async def test_what_does_not_apply_leaves_all_as_it_was(
    kit: Kit, files: dict[str, bytes], named: str
) -> None:
    (kit.folder / "run").write_bytes(b"#!/bin/sh\n")
    (kit.folder / "run").chmod(0o755)
    kit.commit({"f": b"1\n"})
    repository, tree = await kit.opened()
    patch = await patch_of(repository, tree, CHANGES)
    kit.write(files)
    before = everything(kit.folder)
    with pytest.raises(PatchError, match=named) as caught:
        await repository.apply_to_worktree(patch)
    assert len(str(caught.value).splitlines()) == 1
    assert everything(kit.folder) == before
    assert not list((kit.folder.parent / "store").glob("worktree-*"))


async def test_nothing_is_written_behind_a_symbolic_link(kit: Kit, tmp_path: Path) -> None:
    kit.commit({"f": b"1\n"})
    repository, tree = await kit.opened()
    patch = await patch_of(repository, tree, CHANGES)
    (tmp_path / "outside").mkdir()
    (kit.folder / "a").symlink_to(tmp_path / "outside")
    with pytest.raises(PatchError, match="a/new/b"):
        await repository.apply_to_worktree(patch)
    assert not list((tmp_path / "outside").iterdir())


async def test_a_linked_work_tree_is_the_one_that_is_changed(kit: Kit, tmp_path: Path) -> None:
    kit.commit({"f": b"1\n"})
    git(kit.folder, "worktree", "add", "-q", "--detach", str(tmp_path / "linked"))
    repository = await Repository.open(str(tmp_path / "linked"), tmp_path / "store")
    tree = await repository.tree_of(await repository.resolve())
    await repository.apply_to_worktree(await patch_of(repository, tree, {"f": plain(b"2\n")}))
    assert (tmp_path / "linked" / "f").read_bytes() == b"2\n"
    assert (kit.folder / "f").read_bytes() == b"1\n"


async def test_a_bare_repository_has_no_work_tree(kit: Kit, tmp_path: Path) -> None:
    kit.commit({"f": b"1\n"})
    git(tmp_path, "clone", "-q", "--bare", str(kit.folder), "bare")
    repository = await Repository.open(str(tmp_path / "bare"), tmp_path / "store")
    with pytest.raises(RepositoryError, match="has no work tree"):
        await repository.apply_to_worktree("")
