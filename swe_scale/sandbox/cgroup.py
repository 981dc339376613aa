"""Bounds memory, processes and CPU of one run through the kernel's control groups, of either version."""

import os
import secrets
import signal
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Limit
from swe_scale.sandbox.owner import owner

MOUNT = Path("/sys/fs/cgroup")
PERIOD = 100_000
"""Microseconds over which CPU time is rationed."""
PATIENCE = 5.0
"""Seconds for which a group may take to become empty."""
_PAUSE = 0.005
GROUP_NAME = "swe-scale-"
"""How groups are named, before their owner."""


def _count(file: Path, name: str) -> int:
    with suppress(OSError, ValueError):
        for line in file.read_text(encoding="ascii").splitlines():
            if line.startswith(name + " "):
                return int(line.split()[1])
    return 0


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class Group:
    """The control group of one run: one folder, or one per controller in the first version."""

    folders: tuple[Path, ...]
    shown: Mapping[str, Path] = field(default_factory=dict)
    """Where the folders with the counters are to appear inside."""

    @property
    def entrances(self) -> tuple[Path, ...]:
        """Files into which a process writes its id to come under the limits."""
        return tuple(folder / "cgroup.procs" for folder in self.folders)

    def hit(self) -> Limit | None:
        """Return the limit that the kernel had to enforce, if any."""
        for folder in self.folders:
            if any(_count(folder / file, "oom_kill") for file in ("memory.events", "memory.oom_control")):
                return "memory"
            if _count(folder / "pids.events", "max"):
                return "pids"
        return None

    def _members(self) -> Iterator[int]:
        for entrance in self.entrances:
            with suppress(OSError):
                yield from map(int, entrance.read_text(encoding="ascii").split())

    def kill(self) -> None:
        """Kill every member and wait until none is left, for `PATIENCE` at most."""
        until = time.monotonic() + PATIENCE
        while (members := set(self._members())) and time.monotonic() < until:
            for pid in members:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(_PAUSE)

    def remove(self) -> bool:
        """Kill what is in the group and give it back; False if it stays busy, for a later clean-up.

        A process may still enter after its starter was cancelled, and the kernel may hold on to a dead one.
        """
        until = time.monotonic() + PATIENCE
        self.kill()
        while left := [folder for folder in self.folders if not _removed(folder)]:
            if time.monotonic() > until:
                return False
            time.sleep(_PAUSE)
            Group(tuple(left)).kill()
        return True


@dataclass(frozen=True, slots=True)
class Groups:
    """Where new control groups may be made."""

    parents: Mapping[str, Path]
    """Controller (`memory`, `pids`, `cpu`) to the folder under which its groups go."""
    unified: bool

    @classmethod
    def find(cls, mount: Path = MOUNT, membership: Path = Path("/proc/self/cgroup")) -> "Groups | None":
        """Return where this process may make groups that bound memory and processes; None: nowhere."""
        try:
            lines = membership.read_text(encoding="utf-8").splitlines()
        except OSError:
            return None
        unified = (mount / "cgroup.controllers").is_file()
        parents: dict[str, Path] = {}
        for line in lines:
            _, names, path = line.split(":", 2)
            if unified:
                parents |= {} if names else _delegated(mount, path)
                continue
            for name in {"memory", "pids", "cpu"} & set(names.split(",")):
                # Inside a container the path is the host's, while the mount shows only our part.
                places = (mount / name / path.lstrip("/"), mount / name)
                parents.update((name, place) for place in reversed(places) if _usable(place))
        return cls(parents, unified) if {"memory", "pids"} <= parents.keys() else None

    def create(self, limits: Limits) -> Group:
        """Return a new, empty group with these limits.

        Raises:
            SandboxError: the kernel refuses.
        """
        name = f"{GROUP_NAME}{owner()}-{secrets.token_hex(6)}"
        folders = {controller: parent / name for controller, parent in self.parents.items()}
        group = Group(tuple(dict.fromkeys(folders.values())), self._shown(folders))
        try:
            for folder in group.folders:
                folder.mkdir()
            for controller, folder in folders.items():
                self._bound(controller, folder, limits)
        except OSError as error:
            for folder in group.folders:
                _removed(folder)
            raise SandboxError(f"the control group {name} can't be set up: {error}") from error
        return group

    def _shown(self, folders: Mapping[str, Path]) -> dict[str, Path]:
        if self.unified:
            return {str(MOUNT): folders["memory"]}
        return {str(MOUNT / controller): folders[controller] for controller in ("memory", "pids")}

    def _bound(self, controller: str, folder: Path, limits: Limits) -> None:
        quota = max(1000, int(limits.cpus * PERIOD))
        values: dict[tuple[str, bool], dict[str, object]] = {
            ("memory", True): {"memory.max": limits.memory, "memory.swap.max": 0},
            ("memory", False): {
                "memory.limit_in_bytes": limits.memory,
                "memory.memsw.limit_in_bytes": limits.memory,
            },
            ("pids", True): {"pids.max": limits.pids},
            ("pids", False): {"pids.max": limits.pids},
            ("cpu", True): {"cpu.max": f"{quota} {PERIOD}"},
            ("cpu", False): {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": quota},
        }
        for file, value in values[controller, self.unified].items():
            # Swap is accounted for only where the kernel was built and started for it.
            if "sw" in file and not (folder / file).exists():
                continue
            (folder / file).write_text(str(value), encoding="ascii")


def _usable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK)


def _delegated(mount: Path, path: str) -> dict[str, Path]:
    # Groups go beside ours, under the closest folder that hands the controllers down: one that holds
    # processes itself can't.
    own = mount / path.lstrip("/")
    for folder in (own, *own.parents):
        with suppress(OSError):
            handed = set((folder / "cgroup.subtree_control").read_text(encoding="ascii").split())
            entrance = folder / "cgroup.procs"
            if {"memory", "pids"} <= handed and _usable(folder) and os.access(entrance, os.W_OK):
                return {name: folder for name in ("memory", "pids", "cpu") if name in handed}
        if folder == mount:
            break
    return {}
