"""Runs one command in namespaces of its own, which show it this host's programs and little else."""

import os
import resource
import shutil
import stat
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import anyio
import anyio.to_thread

from swe_scale import assets
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Execution
from swe_scale.sandbox.cgroup import Group, Groups
from swe_scale.sandbox.preparation import PATH
from swe_scale.sandbox.process import Command, run_process

_SYSTEM = ("/bin", "/lib", "/lib32", "/lib64", "/libx32", "/sbin", "/nix/store")
_SETTINGS = (
    "alternatives",
    "ca-certificates",
    "ld.so.cache",
    "ld.so.conf",
    "ld.so.conf.d",
    "localtime",
    "mime.types",
    "pki/ca-trust",
    "pki/tls/certs",
    "protocols",
    "services",
    "ssl/certs",
    "ssl/openssl.cnf",
)
_DEVICES = ("full", "null", "random", "tty", "urandom", "zero")
"""The host's, as bubblewrap shows them."""
_RESOLVER = Path("/etc/resolv.conf")
_APART = ("--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv")
_USER = ("--uid", "1000", "--gid", "1000", "--hostname", "sandbox")


def apart() -> Iterator[str]:
    """Return the options of `bwrap` that leave nothing of the host but its programs."""
    yield from (*_APART, *_USER, *_system())


def linked(places: Iterable[str]) -> Iterator[str]:
    """Return the options of `bwrap` that make `/var/tmp` the same as `/tmp`, unless something is in it."""
    if not any(place.startswith("/var/tmp/") for place in places):  # noqa: S108 - inside
        yield from ("--symlink", "../tmp", "/var/tmp")  # noqa: S108 - inside


@dataclass(frozen=True, slots=True)
class Inside:
    """What a command sees: the host's programs, its own folders, and where they appear."""

    folder: Path
    """Host folder for this process's own notes; the command doesn't see it."""
    workdir: str
    bound: Mapping[str, Path]
    """Path inside to host folder that can be written."""
    shown: Mapping[str, Path]
    """Path inside to host file or folder that can't."""
    variables: Mapping[str, str]
    preparing: bool = False
    """Whether this is set-up: bound by time only."""
    network: bool = False
    """Whether it shares this host's network."""

    def arguments(self) -> Iterator[str]:
        """Return the options of `bwrap`."""
        yield from apart()
        if self.network:
            yield from ("--share-net", "--ro-bind-try", str(_RESOLVER.resolve()), str(_RESOLVER))
        for inside, outside in self.shown.items():
            yield from ("--ro-bind", str(outside), inside)
        # A folder comes before those within it.
        for inside, outside in sorted(self.bound.items()):
            yield from ("--bind", str(outside), inside)
        # Whoever is root outside could otherwise write the kernel's settings.
        yield from ("--proc", "/proc", "--remount-ro", "/proc")
        yield from ("--dev", "/dev", *_devices(self.folder), "--dir", "/run", "--dir", "/var")
        yield from linked((*self.shown, *self.bound))
        yield from ("--remount-ro", "/", "--chdir", self.workdir)
        for name, value in self.variables.items():
            yield from ("--setenv", name, value)


def _devices(folder: Path) -> Iterator[str]:
    """Show devices of our own where commands could change the modes of the host's: where this is root."""
    if os.geteuid():
        return
    for name in _DEVICES:
        own = folder / f"device-{name}"
        # In a container, neither may be allowed, and its devices are not the host's.
        with suppress(OSError):
            own.unlink(missing_ok=True)
            os.mknod(own, stat.S_IFCHR, Path("/dev", name).stat().st_rdev)
            own.chmod(0o666)
            yield from ("--dev-bind", str(own), f"/dev/{name}")


def _system() -> Iterator[str]:
    yield from ("--ro-bind", "/usr", "/usr")
    for name in _SYSTEM:
        path = Path(name)
        if path.is_symlink():
            yield from ("--symlink", str(path.readlink()), name)
        elif path.is_dir():
            yield from ("--ro-bind", name, name)
    for name in _SETTINGS:
        yield from ("--ro-bind-try", f"/etc/{name}", f"/etc/{name}")
    for file in sorted((assets.folder("sandboxes") / "etc").iterdir()):
        yield from ("--ro-bind", str(file), f"/etc/{file.name}")


@asynccontextmanager
async def _grouped(groups: Groups | None, limits: Limits) -> AsyncIterator[Group | None]:
    if groups is None:
        yield None
        return
    group = groups.create(limits)
    try:
        yield group
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(group.remove)


def per_process(limits: Limits, *, grouped: bool) -> Iterator[str]:
    """Return the beginning of a command that binds each of its processes.

    Args:
        limits: of which the file size is always held, memory and processes only where nothing else does.
        grouped: whether a control group does.
    """
    program = shutil.which("prlimit", path=PATH)
    if program is None:
        return
    wanted = {"fsize": limits.disk}
    if not grouped:
        wanted |= {"as": limits.memory, "nproc": limits.pids}
    yield from (program, "--core=0")
    for name, value in wanted.items():
        _, most = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))
        yield f"--{name}={value if most == resource.RLIM_INFINITY else min(value, most)}"
    yield "--"


async def run_inside(
    inside: Inside, command: Sequence[str], limits: Limits, groups: Groups | None = None, stdin: bytes = b""
) -> Execution:
    """Run a command in namespaces of its own.

    Raises:
        SandboxError: the namespaces can't be made.
    """
    status = inside.folder / f"status-{token_hex(4)}"
    async with _grouped(groups, limits) as group:
        arguments = (
            "sh",
            str(assets.folder("sandboxes") / "enter.sh"),
            str(status),
            *map(str, group.entrances if group else ()),
            *("--", "bwrap", "--json-status-fd", "3", *inside.arguments(), "--"),
            *(() if inside.preparing else per_process(limits, grouped=group is not None)),
            *("sh", "-c", 'exec "$@"', "sh", *command),
        )
        start = Command(arguments, inside.folder, {"PATH": PATH}, stdin)
        execution = await run_process(start, limits, group.kill if group else _nothing)
        hit = group.hit() if group else None
    if not execution.timed_out and '"exit-code"' not in status.read_text(encoding="ascii"):
        raise SandboxError(f"bubblewrap failed: {execution.output.strip()[-500:]}")
    return execution.model_copy(update={"limit": hit}) if hit and not execution.timed_out else execution


def _nothing() -> None:
    # The death of the outer process ends the namespace with everything in it.
    return None
