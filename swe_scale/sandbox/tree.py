"""Reads, writes and compares work trees on the host that hostile code may have filled with links."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath

from swe_scale.errors import SandboxError, TooLarge
from swe_scale.records import Changes, File
from swe_scale.sandbox.removal import remove_entry

MOST_ENTRIES = 20_000
"""Changed entries that one snapshot may have."""
MOST_BYTES = 64 * 1024**2
"""Bytes that the changed entries of one snapshot may have together."""
DERIVED = frozenset({"__pycache__", ".pytest_cache", ".swe-scale"})
"""Names of entries that Python and its tools make; never part of a change."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Listing = Mapping[str, os.stat_result]
"""Files and symbolic links of a tree by path; what `ignored` names is left out."""


def ignored(name: str) -> bool:
    """Return whether an entry of this name is never part of a change: git's own, or derived by Python."""
    return name == ".git" or name in DERIVED or name.endswith(".pyc")


def too_large(workdir: str) -> TooLarge:
    """Return the error for a difference that is no patch any more."""
    return TooLarge(
        f"the changes in {workdir} exceed {MOST_ENTRIES} files or {MOST_BYTES >> 20} MiB; "
        "have the command remove what it generated"
    )


def parts_of(path: str) -> tuple[str, ...]:
    """Return the components of a relative path.

    Raises:
        SandboxError: it is empty or absolute, or leaves the folder it is relative to.
    """
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise SandboxError(f"{path!r} is not a path below the folder to write to")
    return parts


def list_tree(root: Path, most: int) -> dict[str, os.stat_result]:
    """Return the files and links below a folder.

    Raises:
        SandboxError: there are more than `most`.
    """
    found: dict[str, os.stat_result] = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        with os.scandir(root / folder) as entries:
            for entry in entries:
                if ignored(entry.name):
                    continue
                path = f"{folder}/{entry.name}" if folder else entry.name
                status = entry.stat(follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode):
                    pending.append(path)
                elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                    found[path] = status
        if len(found) + len(pending) > most:
            raise too_large(str(root))
    return found


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    return (one.st_mode, one.st_size, one.st_mtime_ns) == (other.st_mode, other.st_size, other.st_mtime_ns)


def difference(tree: Path, template: Path, listing: Listing, since: int) -> Changes:
    """Return how a copy differs from its template.

    Args:
        tree: the copy; it was made with modification times.
        template: what it was copied from.
        listing: the template's entries.
        since: time in nanoseconds, by the file system's clock, after which the copy was not yet touched.

    Raises:
        SandboxError: the difference is larger than a patch may be.
    """
    now = list_tree(tree, len(listing) + MOST_ENTRIES)
    changes: dict[str, File | None] = {path: None for path in listing if path not in now}
    total = 0
    for path, status in now.items():
        before = listing.get(path)
        # The time of change can't be set back, so it tells even when size and modification time are forged.
        if before and status.st_ctime_ns < since and _same(status, before):
            continue
        total += status.st_size
        if total > MOST_BYTES or len(changes) >= MOST_ENTRIES:
            raise too_large(str(tree))
        entry = _entry(tree / path, status)
        if before is None or entry != _entry(template / path, before):
            changes[path] = entry
    return changes


def _entry(path: Path, status: os.stat_result) -> File:
    if stat.S_ISLNK(status.st_mode):
        return File(mode="120000", data=os.fsencode(path.readlink()))
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        return File(mode="100755" if status.st_mode & 0o100 else "100644", data=stream.read(MOST_BYTES + 1))


@contextmanager
def _opened(root: Path) -> Iterator[int]:
    handle = os.open(root, _FOLDER)
    try:
        yield handle
    finally:
        os.close(handle)


@contextmanager
def _parent(root: int, parts: tuple[str, ...], *, create: bool) -> Iterator[int]:
    handle = os.dup(root)
    try:
        for name in parts[:-1]:
            handle = _step(handle, name, create=create)
        yield handle
    finally:
        os.close(handle)


def _step(handle: int, name: str, *, create: bool) -> int:
    try:
        following = os.open(name, _FOLDER, dir_fd=handle)
    except (FileNotFoundError, NotADirectoryError):
        if not create:
            raise
        # A link or a file in the way is replaced, never followed.
        remove_entry(name, handle)
        os.mkdir(name, 0o755, dir_fd=handle)
        following = os.open(name, _FOLDER, dir_fd=handle)
    os.close(handle)
    return following


def read_file(root: Path, path: str, limit: int) -> bytes | None:
    """Return up to `limit` bytes of a plain file below a folder; None where there is none.

    No component may be a symbolic link.
    """
    parts = parts_of(path)
    try:
        with _opened(root) as top, _parent(top, parts, create=False) as folder:
            flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            with os.fdopen(os.open(parts[-1], flags, dir_fd=folder), "rb") as stream:
                return stream.read(limit) if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else None
    except OSError:
        return None


def write_files(root: Path, files: Changes) -> None:
    """Put files below a folder, deletions first; whatever else is in the way is replaced, never followed.

    Raises:
        SandboxError: a path leaves the folder, or the file system refuses.
    """
    steps = [(parts_of(path), file) for path, file in files.items()]
    try:
        with _opened(root) as top:
            for parts, _ in (step for step in steps if step[1] is None):
                _delete(top, parts)
            for parts, file in steps:
                if file is not None:
                    with _parent(top, parts, create=True) as folder:
                        _put(folder, parts[-1], file)
    except OSError as error:
        raise SandboxError(f"a file can't be written in the sandbox: {error}") from error


def _put(folder: int, name: str, file: File) -> None:
    remove_entry(name, folder)
    if file.mode == "120000":
        os.symlink(os.fsdecode(file.data), name, dir_fd=folder)
        return
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(name, flags, 0o600, dir_fd=folder), "wb") as stream:
        stream.write(file.data)
        os.fchmod(stream.fileno(), 0o755 if file.mode == "100755" else 0o644)


def _delete(root: int, parts: tuple[str, ...]) -> None:
    with suppress(FileNotFoundError, NotADirectoryError), _parent(root, parts, create=False) as folder:
        remove_entry(parts[-1], folder)
    # As in git, a folder whose last file is gone is gone too.
    for length in range(len(parts) - 1, 0, -1):
        with suppress(OSError), _parent(root, parts[:length], create=False) as folder:
            os.rmdir(parts[length - 1], dir_fd=folder)
