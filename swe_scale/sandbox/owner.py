"""Names the process that started a container or a folder, so that what a dead one left is found."""

import os
from pathlib import Path

from swe_scale.records import digest


def _host() -> str:
    # Containers of one machine may share a daemon or a cache, yet not a numbering of processes.
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
    return digest(boot, str(Path("/proc/self/ns/pid").readlink()))


def _started(pid: str) -> str:
    # Field 22, in clock ticks since the boot; the name in field 2 may hold spaces and brackets.
    return (
        Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[19]
    )


def owner() -> str:
    """Return the name of this process, unlike that of any other until the machine starts anew."""
    pid = str(os.getpid())
    return f"{_host()}-{pid}-{_started(pid)}"


def gone(name: str) -> bool:
    """Return whether an owner is dead for certain; one that can't be seen from here is not."""
    host, _, process = name.partition("-")
    pid, _, started = process.partition("-")
    if host != _host() or not pid.isdecimal():
        return False
    try:
        return _started(pid) != started
    except (FileNotFoundError, ProcessLookupError):
        return True
    except OSError:
        return False
