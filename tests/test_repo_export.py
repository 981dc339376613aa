import re
from pathlib import Path

import pytest
from git_kit import Kit, git

from swe_scale.errors import PatchError, RepositoryError
from swe_scale.records import File

pytestmark = pytest.mark.anyio

EVIL = b"* text=auto eol=crlf filter=evil ident export-subst\n*.utf working-tree-encoding=UTF-16\n"
FILES = {
    "a b/ü.txt": b"lf\n",
    "crlf.txt": b"1\r\n2\r\n",
    "x.utf": b"not utf-16\n",
    "id.c": b"$Id$\n",
    "empty": b"",
}


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    return Kit(tmp_path / "source")


async def test_files_are_written_byte_for_byte(kit: Kit, tmp_path: Path) -> None:
    kit.write({**FILES, "run": b"#!/bin/sh\n", "\udcff": b"name"})
    (kit.folder / "run").chmod(0o755)
    (kit.folder / "link").symlink_to("a b")
    kit.commit()
    repository, tree = await kit.opened()
    tree = await repository.write_tree(tree, {".gitattributes": File(mode="100644", data=EVIL)})
    out = tmp_path / "a new" / "folder"
    await repository.export(tree, out)
    for name, data in {**FILES, ".gitattributes": EVIL, "\udcff": b"name"}.items():
        assert (out / name).read_bytes() == data
        assert (out / name).stat().st_mode & 0o777 == 0o644
    assert (out / "run").stat().st_mode & 0o777 == 0o755
    assert str((out / "link").readlink()) == "a b"
    assert {path.name for path in out.iterdir()} == {
        ".git",
        ".gitattributes",
        "a b",
        "link",
        "run",
        "\udcff",
        *FILES,
    } - {"a b/ü.txt"}
    assert git(out, "status", "--porcelain", "--ignored") == b""


async def test_the_history_is_one_commit_that_depends_on_the_tree_alone(kit: Kit, tmp_path: Path) -> None:
    first = kit.commit({"f": b"old\n"})
    fix = kit.commit({"f": b"the fix\n"})
    git(kit.folder, "tag", "v9")
    repository, _ = await kit.opened()
    tree = await repository.tree_of(await repository.resolve(first))
    commits = []
    for name in ("one", "two"):
        await repository.export(tree, tmp_path / name, tag="v1.2")
        commits.append(git(tmp_path / name, "rev-list", "--all").decode().split())
    assert commits[0] == commits[1] and len(commits[0]) == 1
    out = tmp_path / "one"
    stored = git(out, "cat-file", "--batch-all-objects", "--batch-check=%(objectname) %(objecttype)").decode()
    assert len(stored.splitlines()) == 3 and fix not in stored and first not in stored
    assert git(out, "describe", "--tags") == b"v1.2\n"
    assert git(out, "symbolic-ref", "HEAD") == b"refs/heads/main\n"
    assert git(out, "remote") == b""
    assert re.search(
        rb"author swe-scale <swe-scale> 946684800 \+0000", git(out, "cat-file", "commit", "HEAD")
    )
    assert not (out / ".git" / "hooks").exists() and not (out / ".git" / "logs").exists()
    git(out, "fsck", "--strict")


async def test_submodules_are_empty_folders(kit: Kit, tmp_path: Path) -> None:
    inner = Kit(tmp_path / "inner")
    inner.commit({"x": b"x"})
    git(kit.folder, "submodule", "--quiet", "add", str(inner.folder), "lib/s")
    kit.commit()
    repository, tree = await kit.opened()
    await repository.export(tree, tmp_path / "out")
    assert list((tmp_path / "out" / "lib" / "s").iterdir()) == []


async def test_an_empty_tree_can_be_exported(kit: Kit, tmp_path: Path) -> None:
    kit.commit()
    repository, tree = await kit.opened()
    await repository.export(tree, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".git"]


async def test_only_an_empty_folder_is_written_to(kit: Kit, tmp_path: Path) -> None:
    kit.commit({"f": b"f"})
    repository, tree = await kit.opened()
    with pytest.raises(RepositoryError, match="is not empty"):
        await repository.export(tree, kit.folder)
    assert (kit.folder / "f").read_bytes() == b"f"
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(RepositoryError, match="can't be written"):
        await repository.export(tree, tmp_path / "file" / "below")


def raw_tree(kit: Kit, *names: bytes) -> str:
    """Make a commit whose tree holds names that git itself would refuse."""
    blob = git(kit.folder, "hash-object", "-w", "--stdin", input=b"evil").decode().strip()
    entries = b"".join(b"100644 %s\0%s" % (name, bytes.fromhex(blob)) for name in sorted(names))
    made = git(kit.folder, "hash-object", "-t", "tree", "-w", "--stdin", "--literally", input=entries)
    tree = made.decode().strip()
    return git(kit.folder, "commit-tree", "-m", "evil", tree).decode().strip()


@pytest.mark.parametrize("name", [b"..", b".git", b".GIT", b"a/../../b", b"git~1"])
async def test_a_tree_that_leaves_its_folder_is_refused(kit: Kit, tmp_path: Path, name: bytes) -> None:
    evil = raw_tree(kit, name, b"ok")
    kit.commit({"f": b"f"})
    repository, _ = await kit.opened()
    tree = await repository.tree_of(await repository.resolve(evil))
    with pytest.raises(RepositoryError, match="can't be written to"):
        await repository.export(tree, tmp_path / "out")
    assert not (tmp_path / "out").exists()


async def test_asks_the_trees_own_rules_what_is_ignored(kit: Kit) -> None:
    rules = {
        ".gitignore": b"*.pyc\n/build/\n!keep.pyc\nname with space\n",
        "sub/.gitignore": b"!x.pyc\nlocal\n",
    }
    kit.commit({**rules, "tracked.pyc": b""})
    repository, tree = await kit.opened()
    ignored = {
        "a.pyc",
        "tracked.pyc",
        "build/lib/x.py",
        "deep/y.pyc",
        "name with space",
        "sub/local",
        "ü/\n.pyc",
    }
    kept = {"a.py", "keep.pyc", "sub/x.pyc", "local", "sub/build/x", "buildx", "-x"}
    assert await repository.ignored(tree, ignored | kept) == ignored
    assert await repository.ignored(tree, []) == set()
    with pytest.raises(PatchError):
        await repository.ignored(tree, ["../x.pyc"])


async def test_a_tree_without_rules_ignores_nothing(kit: Kit) -> None:
    (kit.folder / ".gitignore").symlink_to("/etc/passwd")
    kit.commit({"d/f": b""})
    repository, tree = await kit.opened()
    assert await repository.ignored(tree, ["d/f", "root"]) == set()
    assert await repository.notes(tree) == ()


async def test_large_files_kept_elsewhere_are_noted(kit: Kit) -> None:
    kit.commit({"d/.gitattributes": b"*.bin filter=lfs diff=lfs merge=lfs -text\n"})
    repository, tree = await kit.opened()
    assert "Git LFS" in (await repository.notes(tree))[0]
