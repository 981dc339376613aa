"""Reads and writes trees as plain bytes: no filter, conversion or hook ever sees a file."""

import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

from swe_scale.errors import PatchError, RepositoryError
from swe_scale.patch import check_link, check_path
from swe_scale.records import Changes, File
from swe_scale.repo.git import Git, object_id

SUBMODULE = "160000"
_MODES = get_args(File.model_fields["mode"].annotation)
_NO_SUBMODULES = "changes a submodule. Only files and symbolic links can be changed."
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n"})


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, symbolic link or submodule of a tree."""

    path: str
    """Relative to the root, POSIX; bytes that are not UTF-8 are surrogate-escaped."""
    mode: str
    """As of git: 100644, 100755, 120000 (symbolic link), 160000 (submodule)."""
    blob: str
    """Hash of its content; of a submodule, of its commit."""
    size: int
    """Bytes; 0 of a submodule."""

    @property
    def submodule(self) -> bool:
        """Whether it stands for another repository, whose content isn't here."""
        return self.mode == SUBMODULE


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry in which two trees differ."""

    path: str
    old_mode: str
    """000000 where it is new."""
    mode: str
    """000000 where it is gone."""
    blob: str


async def list_tree(git: Git, tree: str) -> tuple[Entry, ...]:
    """Return every entry of a tree in git's order.

    Raises:
        RepositoryError: the tree isn't in the store.
    """
    listing = await git.ask("ls-tree", "-r", "-l", "-z", "--full-tree", object_id(tree))
    return tuple(_entry(line) for line in listing.split(b"\0") if line)


def _entry(line: bytes) -> Entry:
    about, _, path = line.partition(b"\t")
    mode, _, blob, size = about.decode("ascii").split()
    return Entry(os.fsdecode(path), mode, blob, 0 if size == "-" else int(size))


async def read_blobs(git: Git, blobs: Iterable[str]) -> dict[str, bytes]:
    """Return the content of blobs by their hash.

    Raises:
        RepositoryError: one of them isn't in the store.
    """
    wanted = sorted(set(blobs))
    if not wanted:
        return {}
    output = await git.ask("cat-file", "--batch", input="".join(f"{blob}\n" for blob in wanted).encode())
    found: dict[str, bytes] = {}
    at = 0
    for blob in wanted:
        end = output.find(b"\n", at)
        about = output[at:end].split()
        if end < 0 or len(about) != 3:
            raise RepositoryError(
                f"The object {blob} is missing from the store. Start again with a new folder."
            )
        size = int(about[2])
        found[blob] = output[end + 1 : end + 1 + size]
        at = end + size + 2
    return found


async def compare(git: Git, old: str, new: str) -> tuple[Difference, ...]:
    """Return the entries in which two trees differ, in git's order.

    Raises:
        RepositoryError: one of them isn't in the store.
    """
    raw = await git.ask("diff-tree", "-r", "-z", "--raw", "--no-renames", object_id(old), object_id(new))
    fields = raw.split(b"\0")[:-1]
    return tuple(_difference(about, path) for about, path in zip(fields[::2], fields[1::2], strict=True))


def _difference(about: bytes, path: bytes) -> Difference:
    old_mode, mode, _, blob, _ = about.decode("ascii").lstrip(":").split()
    return Difference(os.fsdecode(path), old_mode, mode, blob)


async def read_changes(git: Git, old: str, new: str) -> dict[str, File | None]:
    """Return how a tree differs from another, with the new contents.

    Raises:
        PatchError: they differ in a submodule, which has no content here.
        RepositoryError: one of them isn't in the store.
    """
    differences = await compare(git, old, new)
    for one in differences:
        check_entry(one)
    blobs = await read_blobs(git, (one.blob for one in differences if one.mode != "000000"))
    return {one.path: _file(one, blobs) for one in differences}


def _file(one: Difference, blobs: dict[str, bytes]) -> File | None:
    return None if one.mode == "000000" else File.model_validate({"mode": one.mode, "data": blobs[one.blob]})


def check_entry(one: Difference) -> None:
    """Refuse a difference that is no matter of files.

    Raises:
        PatchError: it adds, moves or removes a submodule, or has a mode of its own.
    """
    if SUBMODULE in (one.old_mode, one.mode):
        raise PatchError(f"{one.path}: {_NO_SUBMODULES}")
    if one.mode not in (*_MODES, "000000"):
        raise PatchError(f"{one.path}: has the unknown file mode {one.mode}.")


async def write_tree(git: Git, base: str, changes: Changes) -> str:
    """Return the hash of the tree that comes of changing another; contents are stored byte for byte.

    Raises:
        PatchError: a path or a symbolic link leaves the work tree, a file is also a folder, or a
            submodule would be changed.
        RepositoryError: the base isn't in the store, or the store can't be written.
    """
    check_changes(changes)
    with tempfile.TemporaryDirectory(
        dir=git.home.parent, prefix="write-", ignore_cleanup_errors=True
    ) as folder:
        writer = _writer(git, Path(folder))
        asked = _with_folders(changes)
        output = await writer.ask("fast-import", "--quiet", input=_script(object_id(base), asked, changes))
    *before, root = output.split(b"\n")[:-1]
    for path, answer in zip(asked, before, strict=True):
        if answer.startswith(SUBMODULE.encode()):
            raise PatchError(f"{path}: {_NO_SUBMODULES}")
    return object_id(root.split()[2].decode("ascii"))


def _with_folders(changes: Changes) -> list[str]:
    """Return the changed paths and every folder above them."""
    paths = set(changes)
    paths.update(str(folder) for path in changes for folder in PurePosixPath(path).parents if folder.name)
    return sorted(paths)


def check_changes(changes: Changes) -> None:
    """Refuse changes that a work tree can't or mustn't hold.

    Raises:
        PatchError: a path or a symbolic link leaves the work tree, or a file is also a folder.
    """
    for path, file in changes.items():
        check_path(path)
        if file is None:
            continue
        if file.mode == "120000":
            check_link(path, file.data)
        for folder in map(str, PurePosixPath(path).parents):
            if changes.get(folder) is not None:
                raise PatchError(f"{folder}: is changed both as a file and as a folder (with {path} in it).")


def _writer(git: Git, folder: Path) -> Git:
    """Return a git whose refs are thrown away and whose objects go to the store: no lock is shared."""
    assert git.git_dir is not None
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text("ref: refs/heads/none\n", encoding="ascii")
    (folder / "config").write_bytes((git.git_dir / "config").read_bytes())
    # Git would wait for the disk before it unpacks a pack that is then thrown away.
    return git.setting("core.fsync=none").at(folder, GIT_OBJECT_DIRECTORY=str(git.git_dir / "objects"))


def _script(base: str, asked: list[str], changes: Changes) -> bytes:
    """Return the fast-import stream: what is there, deletions (a file may give way to a folder), files."""
    parts = [b"commit refs/heads/tree\ncommitter swe-scale <> 0 +0000\ndata 0\n"]
    parts.append(f'M 040000 {base} ""\n'.encode())
    parts += [b"ls %s\n" % _quoted(path) for path in asked]
    parts += [b"D %s\n" % _quoted(path) for path, file in changes.items() if file is None]
    for path, file in changes.items():
        if file is not None:
            parts.append(b"M %s inline %s\n" % (file.mode.encode(), _quoted(path)))
            parts.append(b"data %d\n%s\n" % (len(file.data), file.data))
    parts.append(b'ls ""\n')
    return b"".join(parts)


def _quoted(path: str) -> bytes:
    return b'"%s"' % os.fsencode(path.translate(_ESCAPES))
