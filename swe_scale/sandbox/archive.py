"""Moves files in and out of containers as tar streams, which hostile code may have shaped."""

import hashlib
import io
import os
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, cast

from swe_scale.errors import SandboxError
from swe_scale.records import File
from swe_scale.sandbox.tree import MOST_BYTES, MOST_ENTRIES, ignored, too_large

Listing = Mapping[str, str]
"""Files and symbolic links of a tree by path, each with the digest of its mode and content."""


class _Chunks:
    """A stream of chunks, to be read as a file."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = iter(chunks)
        self._held = bytearray()

    def read(self, size: int) -> bytes:
        """Return the next bytes, fewer than asked for only at the end."""
        while len(self._held) < size and (chunk := next(self._chunks, None)) is not None:
            self._held += chunk
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken


@contextmanager
def _opened(chunks: Iterable[bytes]) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(fileobj=cast(IO[bytes], _Chunks(chunks)), mode="r|") as archive:
            yield archive
        # A connection can be used again only when its answer was read to the end.
        for _ in chunks:
            pass
    except tarfile.TarError as error:
        raise SandboxError(f"the container service sent an archive that can't be read: {error}") from error


def _digest(file: File) -> str:
    return hashlib.blake2b(file.mode.encode() + file.data, digest_size=16).hexdigest()


def _inner(member: tarfile.TarInfo) -> str | None:
    """Return a member's path below the folder that was asked for; None where it is no part of a change."""
    parts = PurePosixPath(member.name).parts[1:]
    plain = member.isfile() or member.issym() or member.islnk()
    return "/".join(parts) if parts and plain and not any(map(ignored, parts)) else None


def _file(archive: tarfile.TarFile, member: tarfile.TarInfo) -> File:
    if member.issym():
        return File(mode="120000", data=os.fsencode(member.linkname))
    stream = archive.extractfile(member)
    return File(mode="100755" if member.mode & 0o100 else "100644", data=stream.read() if stream else b"")


def _target(member: tarfile.TarInfo) -> str:
    return "/".join(PurePosixPath(member.linkname).parts[1:])


def list_archive(chunks: Iterable[bytes]) -> Listing:
    """Return what a folder's archive holds."""
    found: dict[str, str] = {}
    with _opened(chunks) as archive:
        for member in archive:
            if (path := _inner(member)) is None:
                continue
            # A link is a further name of a file that came before, and has no content of its own.
            found[path] = (
                found.get(_target(member), "") if member.islnk() else _digest(_file(archive, member))
            )
    return found


@dataclass(frozen=True, slots=True)
class Difference:
    """How a folder's archive differs from a listing of what it was."""

    changes: Mapping[str, File | None]
    linked: tuple[str, ...]
    """Changed entries whose content must be read by itself: hard links to what is left as it was."""


def archive_difference(chunks: Iterable[bytes], before: Listing, workdir: str) -> Difference:
    """Return how a folder's archive differs from a listing of what it was.

    Raises:
        SandboxError: by more than a patch may.
    """
    present: dict[str, str] = {}
    changed: dict[str, File | None] = {}
    linked: list[str] = []
    total = 0
    with _opened(chunks) as archive:
        for member in archive:
            path = _inner(member)
            # Also what is left out of a change must come through the stream.
            if member.size > MOST_BYTES and path not in before:
                raise too_large(workdir)
            if path is None:
                continue
            if member.islnk():
                present[path] = present.get(_target(member), "")
                if before.get(path) != present[path]:
                    linked.append(path)
                continue
            file = _file(archive, member)
            present[path] = _digest(file)
            if before.get(path) != present[path]:
                changed[path] = file
                total += len(file.data)
            if total > MOST_BYTES or len(changed) + len(linked) > MOST_ENTRIES:
                raise too_large(workdir)
    changed |= {path: None for path in before if path not in present}
    return Difference(changed, tuple(linked))


def read_member(chunks: Iterable[bytes]) -> File | None:
    """Return an archive's only member; None where it is no plain file, or one of more than 64 MiB."""
    with _opened(chunks) as archive:
        member = archive.next()
        if member is None or not member.isfile() or member.size > MOST_BYTES:
            return None
        return _file(archive, member)


def _member(name: str, mode: int, kind: bytes = tarfile.REGTYPE, user: int = 0) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.mode = mode
    member.type = kind
    member.uid = member.gid = user
    return member


def pack(files: Mapping[str, File], folder: str, user: int = 0) -> bytes:
    """Return an archive of files below an absolute folder, which belong to a user.

    Every folder between is an entry too, so that a link in its place is replaced and not followed.
    """
    out = io.BytesIO()
    top = folder.strip("/")
    made: set[str] = set()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path, file in files.items():
            for parent in reversed(PurePosixPath(path).parents[:-1]):
                if str(parent) not in made:
                    made.add(str(parent))
                    archive.addfile(_member(f"{top}/{parent}", 0o755, tarfile.DIRTYPE, user))
            name = f"{top}/{path}"
            if file.mode == "120000":
                link = _member(name, 0o777, tarfile.SYMTYPE, user)
                link.linkname = os.fsdecode(file.data)
                archive.addfile(link)
            else:
                plain = _member(name, 0o755 if file.mode == "100755" else 0o644, user=user)
                plain.size = len(file.data)
                archive.addfile(plain, io.BytesIO(file.data))
    return out.getvalue()


def pack_folder(folder: Path, out: IO[bytes], inside: str) -> None:
    """Write an archive of a host folder, to be an absolute folder inside; everything belongs to root."""

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    with tarfile.open(fileobj=out, mode="w") as archive:
        archive.add(folder, arcname=inside.strip("/"), filter=owned)
