"""Makes boxes of containers: an image with our first process in it, and a container that runs it."""

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from docker.types import Mount

from swe_scale import assets
from swe_scale.config import Limits, cache_folder
from swe_scale.errors import SandboxError
from swe_scale.records import Environment, File
from swe_scale.sandbox import helper
from swe_scale.sandbox.archive import read_member
from swe_scale.sandbox.attached import Attached, own_socket
from swe_scale.sandbox.box import HELPER, ROOM, Box, Plan, Size
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.container import bounds
from swe_scale.sandbox.engine import OWNER, RUN, Engine
from swe_scale.sandbox.preparation import PATH, SCRATCH, SETUP, locked

BOX = "swe-scale.box"
"""Label of an image that holds our first process; its value is the environment's digest."""
REPOSITORY = "swe-scale/box"
EMPTY = ("/tmp", SCRATCH, "/dev/shm", "/var/tmp")  # noqa: S108 - inside
_SYSTEM = ("/home", "/opt", "/root", "/srv", "/usr", "/var")
"""What root may change, besides the work tree. Overlays of `/` and `/etc` are refused."""
_COPIES = "/.swe-scale/copies"
_OWN = 1
"""Processes of our own in a box."""


def profile() -> Path:
    """Return the file that says which system calls a box may make: its cells', and those that make cells."""
    return assets.folder("sandboxes") / "helper" / "seccomp.json"


async def compile_inside(cell: Cell, files: Mapping[str, bytes]) -> bytes:
    """Compile in a container that is trusted; see `helper.provide`."""
    place = "/tmp/swe-scale"  # noqa: S108 - inside
    sources = {name: File(mode="100644", data=text) for name, text in files.items()}
    await cell.put(place, sources)
    line = f"cd {place} && cc {' '.join(helper.FLAGS)} -o box *.c"
    ran = await cell.run(("sh", "-c", line), Limits())
    made = await cell.engine.archive(cell.container, f"{place}/box", read_member)
    await cell.run(("rm", "-rf", place), Limits())
    if ran.exit_code != 0 or made is None:
        raise SandboxError("neither this host nor the base image has a C compiler")
    return made.data


@dataclass(slots=True)
class Boxes:
    """The boxes of one environment."""

    engine: Engine
    environment: Environment
    home: str
    plain: bool = False
    """Whether cells are containers of their own, because the kernel refuses namespaces in them."""
    _image: str | None = None
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

    def plan(self) -> Plan:
        """Return what cells look like."""
        folders = self._folders()
        if self.plain:
            copies = tuple(f"{_COPIES}/{index}" for index, _ in enumerate(folders))
            return Plan(overlaid=folders, prepared=copies, plain=True)
        return Plan(overlaid=folders, empty=EMPTY)

    def _folders(self) -> tuple[str, ...]:
        workdir = self.environment.workdir
        if self.environment.user or self.plain:
            venv = self.environment.variables.get("VIRTUAL_ENV")
            return (workdir, self.home, *((venv,) if venv and not self.plain else ()))
        return (*(() if workdir.startswith(tuple(f"{top}/" for top in _SYSTEM)) else (workdir,)), *_SYSTEM)

    async def image(self) -> str:
        """Return the name of an image with our first process in it, made now or before.

        Raises:
            SandboxError: there is no compiler for it, or the service failed.
        """
        kind = "plain" if self.plain else "fork"
        tag = f"{self.environment.digest}-{helper.version()}-{kind}"
        name = f"{REPOSITORY}:{tag}"
        async with locked(cache_folder() / "environments" / "docker" / f"box-{tag}.lock"):
            if await self.engine.image(name) is None:
                prepared = await self.engine.image(str(self.environment.image))
                if prepared is None:
                    raise SandboxError(f"the image {self.environment.image} is gone; build it again")
                await self._make(await helper.provide(prepared.attrs["Architecture"]), tag)
        return name

    async def _make(self, program: Path, tag: str) -> None:
        labels = {BOX: self.environment.digest, OWNER: "", RUN: ""}
        image = str(self.environment.image)
        async with self.engine.container(image, started=self.plain, network_mode="none") as container:
            if self.plain:
                cell = Cell(self.engine, container, "/", {"PATH": PATH})
                for index, folder in enumerate(self._folders()):
                    await self._copy(cell, folder, f"{_COPIES}/{index}")
            await self.engine.put(container, packed(await anyio.Path(program).read_bytes()))
            await self.engine.commit(container, REPOSITORY, tag, labels)

    async def _copy(self, cell: Cell, folder: str, to: str) -> None:
        line = 'mkdir -p "$2" && cp -a -- "$1/." "$2"'
        ran = await cell.run(("sh", "-c", line, "sh", folder, to), SETUP)
        if ran.exit_code != 0:
            raise SandboxError(f"{folder} can't be copied in the image: {ran.output.strip()[-300:]}")

    async def make(self, size: Size, shown: Mapping[str, Path | str] | None = None) -> Box:
        """Return a new box.

        Args:
            size: what it is held to.
            shown: path inside to folder of this host, or name of a volume, to be seen read-only.

        Raises:
            SandboxError: the service failed, can't be attached to, or doesn't see this host's folders.
        """
        if not self.engine.local and any(isinstance(place, Path) for place in (shown or {}).values()):
            raise SandboxError(
                "the container service is remote: a sandbox of it can't reach one address alone"
            )
        async with self._turn:
            if self._image is None:
                self._image = await self.image()
        options = self.engine.identity() | {"user": f"{self.environment.user}:{self.environment.user}"}
        name = options["name"]
        try:
            attached = await self.engine.call(partial(self._start, self._image, options, size, shown or {}))
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.engine.remove(name)
            raise

        async def close() -> None:
            await attached.aclose()
            await self.engine.remove(name)

        box = Box(attached, close, lambda: attached.said)
        if self.plain:
            await self._copied(box, size)
        return box

    async def _copied(self, box: Box, size: Size) -> None:
        """Begin the one cell of a plain box, so that nobody waits for the copies."""
        try:
            await box.begin(self.plan(), size.room)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await box.close()
            raise

    def _start(
        self, image: str, options: Mapping[str, Any], size: Size, shown: Mapping[str, Path | str]
    ) -> Attached:
        api = self.engine.api
        mounts = [
            Mount(inside, str(place), "bind" if isinstance(place, Path) else "volume", read_only=True)
            for inside, place in shown.items()
        ]
        runtime = self.engine.config.runtime
        host = api.create_host_config(runtime=runtime, mounts=mounts, **self._bounds(size))
        command = [HELPER, "serve"]
        made = api.create_container(image, command, stdin_open=True, host_config=host, **options)["Id"]
        streams = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}
        mine = own_socket(api.attach_socket(made, params=streams))
        try:
            api.start(made)
        except BaseException:
            mine.close()
            raise
        return Attached(mine)

    def _bounds(self, size: Size) -> dict[str, Any]:
        # Podman wants the file itself, where it runs.
        allowed = profile() if self.engine.podman else profile().read_text(encoding="utf-8")
        options = bounds(size, _OWN) | {
            "security_opt": ["no-new-privileges", f"seccomp={allowed}"],
            "read_only": True,
            "auto_remove": True,
            "log_config": {"type": "none"},
        }
        if self.plain:
            user = f"uid={self.environment.user},gid={self.environment.user}"
            room = f"rw,exec,nosuid,nodev,size={size.room}"
            options["tmpfs"] = dict.fromkeys(self._folders(), f"{room},mode=0755,{user}")
            options["tmpfs"] |= dict.fromkeys(EMPTY, f"{room},mode=1777")
        elif self.environment.user == 0:
            # Without it, a namespace can't show root's files to its own user.
            options["cap_add"] = ["SETFCAP"]
        return options


def packed(program: bytes) -> bytes:
    """Return an archive of what a box needs, to be unpacked at its root."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for folder in (str(Path(ROOM).parent), ROOM):
            entry = tarfile.TarInfo(folder.lstrip("/"))
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        entry = tarfile.TarInfo(HELPER.lstrip("/"))
        entry.size, entry.mode = len(program), 0o555
        archive.addfile(entry, io.BytesIO(program))
    return out.getvalue()
