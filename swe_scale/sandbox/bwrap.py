"""Makes boxes of bubblewrap: namespaces of this host, with our first process in them."""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import PIPE

import anyio
from anyio.abc import Process
from anyio.streams.stapled import StapledByteStream

from swe_scale import assets
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.sandbox.box import HELPER, ROOM, Box, Plan, Size
from swe_scale.sandbox.cgroup import Group, Groups
from swe_scale.sandbox.namespaces import apart, linked, per_process
from swe_scale.sandbox.preparation import PATH, SCRATCH

_EMPTY = ("/tmp", SCRATCH, "/dev/shm")  # noqa: S108 - inside
_PREPARED = "/.swe-scale/prepared"
_OWN = 3
"""Processes of our own in a box: bubblewrap's outer one and our first, and a shell before them."""
_SAID = 500
"""Characters of what bubblewrap says that are shown."""


@dataclass(frozen=True, slots=True)
class Rooms:
    """The boxes of one environment on this host."""

    program: Path
    """Our first process, on the host."""
    changed: Mapping[str, Path]
    """Path inside to host folder, of those that cells may change; the host's stay as they are."""
    shown: Mapping[str, Path]
    """Path inside to host file or folder, of those that they may not."""
    groups: Groups | None

    def plan(self) -> Plan:
        """Return what cells look like."""
        prepared = self._prepared()
        empty = tuple(folder for folder in _EMPTY if folder not in prepared)
        return Plan(overlaid=tuple(prepared), empty=empty, prepared=tuple(prepared.values()))

    def _prepared(self) -> dict[str, str]:
        """Return where in a box the content of each folder is, a folder before those within it.

        Not in these places: no overlay is allowed of a folder in which something is mounted.
        """
        return {place: f"{_PREPARED}/{number}" for number, place in enumerate(sorted(self.changed))}

    async def make(self, size: Size, shown: Mapping[str, Path | str] | None = None) -> Box:
        """Return a new box.

        Args:
            size: what it is held to.
            shown: path inside to folder of this host, to be seen read-only.

        Raises:
            SandboxError: it can't be started.
        """
        limits = Limits(memory=size.memory, cpus=size.cpus, pids=size.pids + _OWN, disk=size.disk)
        group = self.groups.create(limits) if self.groups else None
        said = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the box
        try:
            process = await anyio.open_process(
                tuple(self._command(limits, group, shown or {})),
                stdin=PIPE,
                stdout=PIPE,
                stderr=said,
                cwd="/",
                env={"PATH": PATH},
                start_new_session=True,
            )
        except BaseException as error:
            said.close()
            with anyio.CancelScope(shield=True):
                await _removed(group)
            if isinstance(error, OSError):
                raise SandboxError(f"bubblewrap can't be started: {error}") from error
            raise
        assert process.stdin is not None
        assert process.stdout is not None

        async def close() -> None:
            await _ended(process)
            said.close()
            await _removed(group)

        def why() -> str:
            if said.closed:
                return ""
            said.seek(0)
            return said.read().decode("utf-8", "replace").strip()[-_SAID:]

        return Box(StapledByteStream(process.stdin, process.stdout), close, why)

    def _command(self, limits: Limits, group: Group | None, shown: Mapping[str, Path | str]) -> Iterator[str]:
        yield from ("sh", str(assets.folder("sandboxes") / "enter.sh"), "/dev/null")
        yield from map(str, group.entrances if group else ())
        yield from ("--", "bwrap", "--as-pid-1", *apart())
        places = {
            **self.shown,
            **{inside: self.changed[place] for place, inside in self._prepared().items()},
            HELPER: self.program,
            **(group.shown if group else {}),
            **shown,
        }
        # A folder comes before those within it.
        for inside, outside in sorted(places.items()):
            yield from ("--ro-bind", str(outside), inside)
        for folder in (ROOM, SCRATCH, "/tmp", "/run", "/var", *self._prepared()):  # noqa: S108 - inside
            yield from ("--dir", folder)
        yield from linked((*places, *self._prepared()))
        yield from ("--proc", "/proc", "--dev", "/dev", "--remount-ro", "/", "--chdir", "/", "--")
        if group is None:
            yield from per_process(limits, grouped=False)
        yield from (HELPER, "serve")


async def _ended(process: Process) -> None:
    if process.returncode is None:
        # Not by its own method, which takes a dead process's status from whoever waits for it. The whole
        # group: one that is still being made has a child which waits for it, and doesn't end with it yet.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    # Its pipes are closed with it.
    await process.aclose()


async def _removed(group: Group | None) -> None:
    if group is not None:
        await anyio.to_thread.run_sync(group.remove)
