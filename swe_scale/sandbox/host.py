"""Prepared trees and their copies as folders of this host, for the backends that need no service."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import anyio

from swe_scale.config import Limits, cache_folder
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Environment, Execution
from swe_scale.sandbox.owner import owner
from swe_scale.sandbox.removal import remove_tree
from swe_scale.sandbox.tree import (
    MOST_ENTRIES,
    Listing,
    difference,
    list_tree,
    read_file,
    write_files,
)


@dataclass(frozen=True, slots=True)
class Box:
    """The host folders of one copy."""

    folder: Path

    @property
    def tree(self) -> Path:
        """The work tree."""
        return self.folder / "tree"

    @property
    def home(self) -> Path:
        """The home folder, as set-up left it."""
        return self.folder / "home"

    @property
    def scratch(self) -> Path:
        """An empty folder for whoever runs commands."""
        return self.folder / "scratch"

    @property
    def temporary(self) -> Path:
        """What commands see as `/tmp`."""
        return self.folder / "tmp"


@dataclass(slots=True)
class Prepared:
    """A built environment on this host, and what its work tree holds."""

    root: Path
    environment: Environment
    _listing: Listing | None = None

    def listing(self) -> Listing:
        """Return the entries of the prepared tree; read once."""
        if self._listing is None:
            self._listing = list_tree(self.root / "tree", 100 * MOST_ENTRIES)
        return self._listing


class HostSandbox(ABC):
    """A copy whose files are folders of this host; how commands run in it is the backend's."""

    def __init__(self, box: Box, prepared: Prepared, inside: Mapping[str, Path]) -> None:
        self.box = box
        self.prepared = prepared
        self._inside = inside
        self._since = _clock(box.folder)

    workdir: str
    scratch: str

    @abstractmethod
    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree; see the protocol."""

    def _outside(self, path: str) -> tuple[Path, str] | None:
        for place, folder in self._inside.items():
            if path == place or path.startswith(f"{place}/"):
                return folder, path.removeprefix(place).strip("/")
        return None

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return up to `limit` bytes of a plain file of the work tree, scratch, home or `/tmp`."""
        place = self._outside(path)
        if place is None or not place[1]:
            return None
        with suppress(SandboxError):
            return await anyio.to_thread.run_sync(read_file, place[0], place[1], limit)
        return None

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder of the work tree, scratch, home or `/tmp`; see the protocol."""
        place = self._outside(folder)
        if place is None:
            raise SandboxError(f"{folder} is outside the folders of the sandbox that can be written")
        below = f"{place[1]}/" if place[1] else ""
        for path in files:
            if path.startswith("/"):
                raise SandboxError(f"{path!r} is not a path below the folder to write to")
        moved = {f"{below}{path}" if path else "": file for path, file in files.items()}
        await anyio.to_thread.run_sync(write_files, place[0], moved)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the prepared one; see the protocol."""
        return await anyio.to_thread.run_sync(self._difference)

    def _difference(self) -> Changes:
        tree = self.box.tree
        try:
            # Where nothing isolates, a command can remove the work tree itself, or put something there.
            if tree.is_symlink() or not tree.is_dir():
                tree.unlink(missing_ok=True)
                tree.mkdir()
            return difference(tree, self.prepared.root / "tree", self.prepared.listing(), self._since)
        except OSError as error:
            raise SandboxError(f"the work tree can't be read: {error}") from error


def _clock(folder: Path) -> int:
    # The file system's own clock is coarser than the process's; only the former can be compared.
    mark = folder / "mark"
    mark.touch()
    return mark.stat().st_ctime_ns


@asynccontextmanager
async def copied(prepared: Prepared) -> AsyncIterator[Box]:
    """Return a copy of a prepared tree and home, with empty scratch and temporary folders.

    Raises:
        SandboxError: it can't be copied.
    """
    forks = cache_folder() / "forks"
    box = Box(forks / f"{owner()}-{token_hex(6)}")
    try:
        await anyio.to_thread.run_sync(_make, box)
        sources = [str(prepared.root / name) for name in ("tree", "home")]
        copy = ["cp", "-a", "--reflink=auto", "--", *sources, str(box.folder)]
        done = await anyio.run_process(copy, check=False)
        if done.returncode:
            raise SandboxError(f"{prepared.root} can't be copied: {done.stderr.decode(errors='replace')}")
        yield box
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(remove_tree, box.folder)


def _make(box: Box) -> None:
    for folder in (box.folder, box.scratch, box.temporary):
        folder.mkdir(parents=True, mode=0o700)
