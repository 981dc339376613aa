"""A container that runs one service of an image, without network, reached through a socket in a volume."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from docker.errors import APIError
from docker.types import DriverConfig, Mount

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Service
from swe_scale.sandbox.box import HELPER, Size
from swe_scale.sandbox.boxes import packed
from swe_scale.sandbox.container import bounds
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.following import Exec
from swe_scale.sandbox.process import Output
from swe_scale.sandbox.services.notes import failure

PATIENCE = 120.0
"""Seconds that a service may take to come up."""
_WAY = "/.swe-scale/way"
_SOCKET = f"{_WAY}/socket"
_POWERS = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"]
"""What images need to give their files to a user, and to go on as that user."""
_OWN = 8
"""Processes of our own: those that carry bytes."""
_PAUSE = 0.05
_NOTICED = 1.0
_LOG = {"type": "json-file", "config": {"max-size": "1m", "max-file": "1"}}
_VOLUME = {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0755"}


@dataclass(frozen=True, slots=True)
class Companion:
    """A running service."""

    engine: Engine
    service: Service
    container: str
    """Its id."""
    volume: str
    """Name of the volume that holds the socket."""

    async def run(self, line: str, seconds: float) -> int | None:
        """Run a shell line in the service's container; return its exit code.

        One that takes too long, or that nobody waits for any more, ends with all that runs in the container.

        Raises:
            SandboxError: the container service failed.
        """
        code: int | SandboxError | None = None
        ended = anyio.Event()
        what = Exec(("sh", "-c", line), None, user=None)

        async def follow() -> None:
            nonlocal code
            ignored = Output(0)
            try:
                code = await self.engine.follow(self.container, what, (ignored, ignored))
            except SandboxError as error:
                code = error
            ended.set()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            try:
                with anyio.move_on_after(seconds):
                    await ended.wait()
            finally:
                if not ended.is_set():
                    with anyio.CancelScope(shield=True), suppress(SandboxError):
                        # The stream can't be cancelled; one that has ended by now is told by its state.
                        await self.engine.call(self.engine.api.kill, self.container)
        if isinstance(code, SandboxError):
            raise code
        return code

    async def wait(self) -> None:
        """Return as soon as it can be used.

        Raises:
            SandboxError: it ended or takes too long; says why, with the end of its output.
        """
        until, state = anyio.current_time() + PATIENCE, await self._state(PATIENCE)
        while state is None and (left := until - anyio.current_time()) > 0:
            await anyio.sleep(_PAUSE)
            state = await self._state(left)
        if state == "":
            return
        # What is asked for too long is ended by us, and hasn't ended by itself.
        late = anyio.current_time() >= until
        reason = f"isn't ready after {PATIENCE:g} s" if late or not state else state
        said = await self.engine.call(partial(self.engine.api.logs, self.container, tail=50))
        raise SandboxError(failure(self.service, reason, said.decode("utf-8", "replace")))

    async def _state(self, seconds: float) -> str | None:
        """Return nothing as long as it may yet come up, an empty text if it has, otherwise what it did."""
        if ended := await self._end():
            return ended
        try:
            return "" if await self._is_ready(seconds) else None
        except SandboxError:
            # Nothing runs in one that has ended, which the container service notices a little later.
            await anyio.sleep(_NOTICED)
            if ended := await self._end():
                return ended
            raise

    async def _end(self) -> str:
        state = (await self.engine.call(self.engine.api.inspect_container, self.container))["State"]
        return "" if state["Running"] else f"ended with exit code {state['ExitCode']}"

    async def _is_ready(self, seconds: float) -> bool:
        # The bridge makes the socket as soon as the port is open.
        line = f"[ -S {_SOCKET} ] || exit\n{self.service.ready}"
        return await self.run(line, seconds) == 0


@asynccontextmanager
async def companion(engine: Engine, service: Service, image: Any, program: bytes) -> AsyncIterator[Companion]:
    """Return a service of an image, up; it is gone when the context ends, with all that it wrote.

    Raises:
        SandboxError: it doesn't come up, or the container service failed.
    """
    fixed = {name: value for name, value in engine.identity().items() if name != "entrypoint"}
    try:
        found = await engine.call(partial(_start, engine, service, image, fixed, program))
        await found.wait()
        yield found
    finally:
        with anyio.CancelScope(shield=True):
            await engine.remove(fixed["name"])


def _start(
    engine: Engine, service: Service, image: Any, fixed: Mapping[str, Any], program: bytes
) -> Companion:
    api = engine.api
    size = Size.of(Limits())
    volumes = image.attrs["Config"].get("Volumes") or {}
    host = api.create_host_config(
        **bounds(size, _OWN),
        cap_add=_POWERS,
        security_opt=["no-new-privileges"],
        runtime=engine.config.runtime,
        log_config=_LOG,
        mounts=[Mount(_WAY, None, "volume", driver_config=DriverConfig("local", _VOLUME))],
        # What the image keeps apart from its own files is bounded so.
        tmpfs=dict.fromkeys(volumes, f"rw,nosuid,nodev,size={size.room},mode=1777"),
    )
    made = api.create_container(image.id, environment=dict(service.variables), host_config=host, **fixed)[
        "Id"
    ]
    api.put_archive(made, "/", packed(program))
    api.start(made)
    bridge = [HELPER, "bridge", _SOCKET, str(service.port)]
    with suppress(APIError):
        # One that has ended by now is told by its state, with what it said.
        api.exec_start(api.exec_create(made, bridge, user="0:0")["Id"], detach=True)
    mounted = api.inspect_container(made)["Mounts"]
    volume = next(mount["Name"] for mount in mounted if mount["Destination"] == _WAY)
    return Companion(engine, service, made, volume)
