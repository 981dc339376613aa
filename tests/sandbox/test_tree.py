import os
from pathlib import Path

import pytest

from swe_scale.errors import SandboxError
from swe_scale.records import File
from swe_scale.sandbox.removal import remove_tree
from swe_scale.sandbox.tree import difference, list_tree, parts_of, read_file, write_files

DATA = File(mode="100644", data=b"data")


@pytest.mark.parametrize("path", ["", ".", "/a", "..", "a/../b", "a\0", "../a"])
def test_paths_that_leave_are_refused(path: str) -> None:
    with pytest.raises(SandboxError, match="not a path below"):
        parts_of(path)


def test_dots_and_double_slashes_mean_nothing() -> None:
    assert parts_of("./a//b/./c") == ("a", "b", "c")


def test_links_are_replaced_and_never_followed(tmp_path: Path) -> None:
    (outside := tmp_path / "outside").mkdir()
    (outside / "file").write_bytes(b"safe")
    (root := tmp_path / "root").mkdir()
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "file")
    assert read_file(root, "folder/file", 10) is None
    assert read_file(root, "file", 10) is None
    write_files(root, {"folder/file": None})
    write_files(root, {"folder/file": DATA, "file": DATA})
    assert (outside / "file").read_bytes() == b"safe"
    assert (root / "folder/file").read_bytes() == b"data"
    assert not (root / "folder").is_symlink()
    assert not (root / "file").is_symlink()


def test_a_hard_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "original").write_bytes(b"safe")
    (root := tmp_path / "root").mkdir()
    os.link(tmp_path / "original", root / "file")
    write_files(root, {"file": DATA})
    assert (tmp_path / "original").read_bytes() == b"safe"


def test_modes_do_not_depend_on_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_files(tmp_path, {"plain": DATA, "run": File(mode="100755", data=b"")})
    finally:
        os.umask(before)
    assert (tmp_path / "plain").stat().st_mode & 0o777 == 0o644
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o755


def test_a_folder_goes_with_its_last_file(tmp_path: Path) -> None:
    write_files(tmp_path, {"a/b/one": DATA, "a/two": DATA})
    write_files(tmp_path, {"a/b/one": None})
    assert not (tmp_path / "a/b").exists()
    write_files(tmp_path, {"a/two": None, "a": DATA})
    assert (tmp_path / "a").read_bytes() == b"data"


def test_a_change_is_seen_though_size_and_time_are_forged(tmp_path: Path) -> None:
    (template := tmp_path / "template").mkdir()
    (tree := tmp_path / "tree").mkdir()
    for folder in (template, tree):
        (folder / "file").write_bytes(b"old")
        os.utime(folder / "file", ns=(1, 1))
    since = (tree / "file").stat().st_ctime_ns
    (tree / "file").write_bytes(b"new")
    os.utime(tree / "file", ns=(1, 1))
    listing = list_tree(template, 10)
    assert difference(tree, template, listing, since) == {"file": File(mode="100644", data=b"new")}


def test_a_tree_of_too_many_entries_is_refused(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / str(number)).touch()
    with pytest.raises(SandboxError, match="exceed"):
        list_tree(tmp_path, 4)


def test_a_closed_folder_can_be_removed(tmp_path: Path) -> None:
    (deep := tmp_path / "top/deep").mkdir(parents=True)
    (deep / "file").touch()
    deep.chmod(0)
    (tmp_path / "top").chmod(0)
    remove_tree(tmp_path / "top")
    assert not (tmp_path / "top").exists()
