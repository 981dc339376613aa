"""What lies in a checkout beside its tracked files: dependencies, build products, virtual environments."""

import fcntl
import hashlib
import os
import shutil
import stat
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from swe_scale.errors import SandboxError
from swe_scale.sandbox.in_place.contents import beginning, holds_secret, is_private
from swe_scale.sandbox.in_place.secrets import is_key, is_package, is_secret, pointed_to
from swe_scale.sandbox.tree import ignored

_OURS = ".swe-scale"
_RUN = "run.sqlite"
"""In the folder of each run of ours, whose records tell of patches."""
_RULES = b"2"
"""Changes when copies made before would hold secrets that are left out now."""
_CLONE = 0x40049409
"""FICLONE: share a file's blocks, where the file system can."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or symbolic link."""

    path: str
    """Relative to the root."""
    status: os.stat_result
    secret: bool = False

    @property
    def folder(self) -> bool:
        """Whether it is one."""
        return stat.S_ISDIR(self.status.st_mode)


@dataclass(frozen=True, slots=True)
class Products:
    """The entries of a checkout; of git's own, of other work trees and of our runs there are none."""

    root: Path

    def entries(self) -> Iterator[Entry]:
        """Yield all, a folder before what is in it; of a secret folder nothing that is in it.

        Raises:
            SandboxError: a folder can't be read.
        """
        folders = [""]
        named = self._named()
        while folders:
            below = folders.pop()
            try:
                with os.scandir(self.root / below) as found:
                    entries = sorted(found, key=lambda entry: entry.name)
                for entry in entries:
                    if entry.name in (".git", _OURS) or self._other(entry):
                        continue
                    path = f"{below}{entry.name}"
                    secret = path in named or _secret(entry, below)
                    known = Entry(path, entry.stat(follow_symlinks=False), secret)
                    yield known
                    if known.folder and not known.secret:
                        folders.append(f"{known.path}/")
            except OSError as error:
                raise SandboxError(f"{error.filename} can't be read: {error.strerror}") from error

    def _named(self) -> frozenset[str]:
        """Return which files are secret because a variable of this process names them as such."""
        root = Path(os.path.realpath(self.root))
        places = (place for place in pointed_to(os.environ) if place.is_relative_to(root))
        return frozenset(str(place.relative_to(root)) for place in places)

    def _other(self, entry: "os.DirEntry[str]") -> bool:
        """Return whether it shows other commits, or patches: another work tree of a repository, or a run."""
        if not entry.is_dir(follow_symlinks=False):
            return False
        if Path(entry.path, _RUN).exists():
            return True
        with suppress(OSError, UnicodeDecodeError):
            return "/worktrees/" in Path(entry.path, ".git").read_text(encoding="utf-8")[:4096]
        return False

    def state(self, tracked: Collection[str]) -> str:
        """Return what changes when anything does that isn't tracked; caches and secrets don't count.

        Args:
            tracked: paths of the tracked files.

        Raises:
            SandboxError: a folder can't be read.
        """
        total = hashlib.sha256(_RULES)
        for entry in self.entries():
            name = entry.path.rpartition("/")[2]
            if entry.folder or entry.secret or entry.path in tracked:
                continue
            if ignored(name) or "/__pycache__/" in f"/{entry.path}" or "/.pytest_cache/" in f"/{entry.path}":
                continue
            status = entry.status
            line = f"{status.st_mode:o} {status.st_size} {status.st_mtime_ns} {entry.path}\n"
            total.update(line.encode("utf-8", "surrogateescape"))
        return total.hexdigest()[:16]

    def copy(self, tree: Path) -> tuple[str, ...]:
        """Copy what isn't there yet into an exported tree, whose files get the times of those that are.

        Returns:
            What was left out as secret.

        Raises:
            SandboxError: something can't be copied.
        """
        left = []
        for entry in self.entries():
            target = tree / entry.path
            if not target.exists() and (entry.secret or self._holds(entry)):
                left.append(entry.path)
                continue
            try:
                _copied(self.root / entry.path, target, entry.status)
            except OSError as error:
                raise SandboxError(f"{entry.path} of {self.root} can't be copied: {error}") from error
        return tuple(left)

    def _holds(self, entry: Entry) -> bool:
        """Return whether a file's content is secret, whatever its name."""
        if not stat.S_ISREG(entry.status.st_mode):
            return False
        place = str(self.root / entry.path)
        unpacked = _packed(entry.path)
        if holds_secret(place, entry.path.rpartition("/")[2], unpacked=unpacked):
            return True
        return not unpacked and is_private(beginning(place))


def _packed(path: str) -> bool:
    return any(is_package(part) for part in path.split("/"))


def _secret(entry: "os.DirEntry[str]", below: str) -> bool:
    folder, package = entry.is_dir(follow_symlinks=False), _packed(below)
    if not folder and not package and is_key(entry.name):
        return True
    within = below.rstrip("/").rpartition("/")[2]
    return is_secret(entry.name, folder=folder, within=within, unpacked=package)


def _copied(source: Path, target: Path, status: os.stat_result) -> None:
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFDIR:
        target.mkdir(exist_ok=True)
        target.chmod(status.st_mode & 0o777 | 0o700)
    elif target.is_symlink() or target.exists():
        # Whoever builds compares the times of sources with those of products.
        if kind == stat.S_IFREG and target.is_file() and not target.is_symlink():
            os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
    elif kind == stat.S_IFLNK:
        target.symlink_to(source.readlink())
    elif kind == stat.S_IFREG:
        with source.open("rb") as old, target.open("wb") as new:
            try:
                fcntl.ioctl(new, _CLONE, old.fileno())
            except OSError:
                shutil.copyfileobj(old, new, 1 << 20)
        target.chmod(status.st_mode & 0o777 | 0o600)
        os.utime(target, ns=(status.st_mtime_ns, status.st_mtime_ns))
