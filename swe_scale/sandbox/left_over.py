"""Finds what processes left on this host: copies, control groups, processes, locks, half an environment."""

import fcntl
import os
import re
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from swe_scale.config import cache_folder
from swe_scale.errors import SandboxError
from swe_scale.records import Record
from swe_scale.sandbox.cgroup import GROUP_NAME, Group, Groups
from swe_scale.sandbox.kept import RECORD
from swe_scale.sandbox.owner import CELL_MARK, runs_of
from swe_scale.sandbox.removal import remove_tree

Kind = Literal[
    "container", "copy", "temporary folder", "control group", "process", "half-built environment", "lock"
]
TEMPORARY = "swe-scale-"
"""How temporary folders are named, before their owner."""
_ESCAPED = re.compile(r"\\([0-7]{3})")
_HOST_BACKENDS = ("bubblewrap", "local")


class Left(Record):
    """Something that was left behind."""

    kind: Kind
    name: str
    owner: str = ""
    """Process that made it; empty where anyone may have."""
    runs: tuple[str, ...] = ()
    """The runs that it may belong to."""


@dataclass(frozen=True, slots=True)
class Found:
    """Something on this host, and how it is removed."""

    left: Left
    remove: Callable[[], None]
    """Blocks. Raises SandboxError where it can't be removed; it may be gone already."""


def _owned(kind: Kind, name: str, owner: str, remove: Callable[[], None]) -> Found:
    return Found(Left(kind=kind, name=name, owner=owner, runs=tuple(sorted(runs_of(owner)))), remove)


def owned() -> Iterator[Found]:
    """Yield what bears the name of the process that made it, dead or alive."""
    yield from _groups()
    yield from _processes()
    yield from _folders("copy", cache_folder() / "forks", "")
    yield from _folders("temporary folder", Path(tempfile.gettempdir()), TEMPORARY)


def unowned() -> Iterator[Found]:
    """Yield what nobody holds a lock on, and nobody will ever use as it is."""
    environments = cache_folder() / "environments"
    for backend in _HOST_BACKENDS:
        yield from _half_built(environments / backend)
    for lock in sorted(environments.glob("*/*.lock")):
        if _free(lock):
            place = str(lock.relative_to(environments))
            yield Found(Left(kind="lock", name=place), lambda lock=lock: _unlock(lock))  # type: ignore[misc]


def _folders(kind: Kind, parent: Path, prefix: str) -> Iterator[Found]:
    with suppress(OSError):
        for folder in sorted(parent.glob(f"{prefix}*-*-*-*")):
            # Anyone may put something of any name into the folder for temporary files.
            if folder.is_symlink() or not folder.is_dir() or folder.lstat().st_uid != os.getuid():
                continue
            owner = folder.name.removeprefix(prefix).rpartition("-")[0]
            yield _owned(kind, str(folder), owner, lambda folder=folder: remove_folder(folder))  # type: ignore[misc]


def remove_folder(folder: Path) -> None:
    """Delete a folder, and let go first of what is mounted in it: that isn't ours to delete.

    Raises:
        SandboxError: something can't be let go of or deleted.
    """
    for point in reversed(_mounted_below(folder)):
        done = subprocess.run(["umount", "--lazy", "--", point], capture_output=True, check=False)
        if done.returncode:
            said = done.stderr.decode(errors="replace").strip()
            raise SandboxError(f"{point} can't be unmounted: {said}; do it by hand, then `swe-scale clean`")
    remove_tree(folder)


def _mounted_below(folder: Path) -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    points = (_ESCAPED.sub(lambda code: chr(int(code[1], 8)), line.split()[4]) for line in lines)
    return [point for point in points if Path(point).is_relative_to(folder)]


def _groups() -> Iterator[Found]:
    groups = Groups.find()
    for parent in sorted(set(groups.parents.values())) if groups else ():
        for folder in sorted(parent.glob(f"{GROUP_NAME}*-*-*-*")):
            owner = folder.name.removeprefix(GROUP_NAME).rpartition("-")[0]
            yield _owned("control group", str(folder), owner, lambda folder=folder: _end_group(folder))  # type: ignore[misc]


def _end_group(folder: Path) -> None:
    if not Group((folder,), {}).remove():
        raise SandboxError(f"the control group {folder} stays busy; try again later")


def _processes() -> Iterator[Found]:
    prefix = f"{CELL_MARK}=".encode()
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if process.stat().st_uid != os.getuid():
                continue
            for variable in (process / "environ").read_bytes().split(b"\0"):
                if variable.startswith(prefix):
                    mark = variable.removeprefix(prefix).decode("ascii", "replace")
                    kill = _killer(int(process.name), variable)
                    yield _owned("process", process.name, mark.rpartition("-")[0], kill)


def _killer(pid: int, mark: bytes) -> Callable[[], None]:
    def kill() -> None:
        with suppress(OSError):
            # A number may have been given to another process since.
            if mark in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0"):
                os.kill(pid, signal.SIGKILL)

    return kill


def _half_built(backend: Path) -> Iterator[Found]:
    for folder in sorted(backend.iterdir()) if backend.is_dir() else ():
        if folder.is_symlink() or not folder.is_dir() or (folder / RECORD).exists():
            continue
        lock = folder.with_name(f"{folder.name}.lock")
        if _free(lock):
            name = f"{backend.name}/{folder.name}"
            left = Left(kind="half-built environment", name=name)
            yield Found(left, lambda folder=folder, lock=lock: _end_half_built(folder, lock))  # type: ignore[misc]


def _end_half_built(folder: Path, lock: Path) -> None:
    lock.touch()
    with lock.open("rb") as handle, suppress(BlockingIOError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not (folder / RECORD).exists():
            remove_folder(folder)
        lock.unlink(missing_ok=True)


def _free(lock: Path) -> bool:
    """Return whether nobody holds a lock file, or there is none."""
    try:
        with lock.open("rb") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


def _unlock(lock: Path) -> None:
    with suppress(OSError), lock.open("rb") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Who waits for it finds, once it has it, that it is gone, and makes another.
        lock.unlink()
