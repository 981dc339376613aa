"""Names the process that started a container or a folder, so that what a dead one left is found."""

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path

from swe_scale.config import cache_folder
from swe_scale.records import digest

CELL_MARK = "SWE_SCALE_CELL"
"""Variable by which processes without namespaces are known, whatever they became children of."""
_MACHINE_IDS = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))


@lru_cache(maxsize=1)
def _machine() -> str:
    # Copies of one machine share its number, and hardly ever its name.
    known = (file.read_text(encoding="utf-8", errors="replace") for file in _MACHINE_IDS if file.is_file())
    return digest(os.uname().nodename, next(known, ""))


def _boot() -> str:
    return digest(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))


def _numbering() -> str:
    # Containers of one machine may share a daemon or a cache, yet not a numbering of processes.
    return digest(str(Path("/proc/self/ns/pid").readlink()))


def _started(pid: str) -> str:
    # Field 22, in clock ticks since the boot; the name in field 2 may hold spaces and brackets.
    return (
        Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    )


def owner() -> str:
    """Return the name of this process, unlike that of any other of this or another machine, ever."""
    pid = str(os.getpid())
    return f"{_machine()}.{_boot()}.{_numbering()}-{pid}-{_started(pid)}"


def gone(name: str) -> bool:
    """Return whether an owner is dead for certain; one that can't be seen from here is not."""
    place, _, process = name.partition("-")
    pid, _, started = process.partition("-")
    machine, boot, numbering = (*place.split("."), "", "", "")[:3]
    if machine != _machine() or not boot or not pid.isdecimal():
        return False
    if boot != _boot():
        return True
    if numbering != _numbering():
        return False
    try:
        return _started(pid) != started
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False


def ours(name: str) -> bool:
    """Return whether an owner is alive, to be seen from here, and a process of this user."""
    place, _, process = name.partition("-")
    if place != owner().partition("-")[0] or gone(name):
        return False
    with suppress(OSError):
        return Path(f"/proc/{process.partition('-')[0]}").stat().st_uid == os.getuid()
    return False


def _register() -> Path:
    return cache_folder() / "owners"


@contextmanager
def registered(run: str) -> Iterator[None]:
    """Write down that this process works on a run while the context lasts."""
    entry = _register() / f"{owner()}@{run}"
    # Without the entry, what a killed process leaves is still found; only not by the run's name.
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.touch()
    try:
        yield
    finally:
        with suppress(OSError):
            entry.unlink()


def runs_of(name: str) -> frozenset[str]:
    """Return the runs that an owner worked on when it died, or works on."""
    with suppress(OSError):
        entries = (entry.name.partition("@") for entry in _register().iterdir())
        return frozenset(run for one, _, run in entries if one == name)
    return frozenset()


def forget_dead(keep: Collection[str]) -> None:
    """Delete what is written down of dead processes, but for those of which something is still there."""
    with suppress(OSError):
        for entry in _register().iterdir():
            name = entry.name.partition("@")[0]
            if name not in keep and gone(name):
                entry.unlink(missing_ok=True)
