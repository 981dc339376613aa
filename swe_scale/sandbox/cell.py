"""A running container in which one command runs at a time, to its end or its deadline."""

from collections.abc import Mapping, Sequence
from secrets import token_hex
from time import monotonic
from typing import Any

import anyio

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Changes, Execution, File, Limit
from swe_scale.sandbox.archive import pack
from swe_scale.sandbox.engine import Engine, script
from swe_scale.sandbox.following import Exec
from swe_scale.sandbox.process import Output
from swe_scale.sandbox.tree import parts_of

_ENDED = "ended 0\n"
"""What the shell around a command says last."""
_CHUNK = 256
"""Paths per deletion; a command line can't be of any length."""


class Cell:
    """A running container whose first process idles."""

    def __init__(
        self, engine: Engine, container: Any, workdir: str, variables: Mapping[str, str], user: int = 0
    ) -> None:
        self.engine = engine
        self.container = container
        self._workdir = workdir
        self._variables = variables
        self._user = user
        self._turn = anyio.Lock()
        self._counts: Mapping[str, int] = {}

    async def run(
        self,
        command: Sequence[str],
        limits: Limits,
        *,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command; whatever it leaves running ends with it.

        Args:
            command: program and arguments.
            limits: `seconds` and `output` are held here, the others by the container.
            stdin: what it reads.
            variables: further environment variables.

        Raises:
            SandboxError: the service failed.
        """
        given = "/dev/null"
        async with self._turn:
            if stdin:
                # Who runs the command can delete what is in a folder of its own.
                given = f"/.stdin-{token_hex(8)}/given"
                await self.put("/", {given[1:]: File(mode="100644", data=stdin)})
            wrapped = ("sh", "-c", script("cell"), "sh", given, *command)
            return await self._run(
                Exec(wrapped, self._workdir, {**self._variables, **(variables or {})}, self._user), limits
            )

    async def _run(self, what: Exec, limits: Limits) -> Execution:
        spoken, report = Output(limits.output), Output(8192)
        ended = anyio.Event()
        outcome: int | SandboxError | None = None

        async def follow() -> None:
            nonlocal outcome
            try:
                outcome = await self.engine.follow(self.container.id, what, (spoken, report))
            except SandboxError as error:
                outcome = error
            ended.set()

        started = monotonic()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(follow)
            try:
                with anyio.move_on_after(limits.seconds) as deadline:
                    await ended.wait()
            finally:
                # The stream can't be cancelled; it ends with the container's processes.
                if not ended.is_set():
                    with anyio.CancelScope(shield=True):
                        await self._restart()
        if not deadline.cancelled_caught:
            if isinstance(outcome, SandboxError):
                raise outcome
            if _ENDED not in report.text:
                # The shell that ends what the command left was killed before it could.
                await self._restart()
        return Execution(
            exit_code=outcome if isinstance(outcome, int) and not deadline.cancelled_caught else None,
            output=spoken.text,
            timed_out=deadline.cancelled_caught,
            seconds=monotonic() - started,
            truncated=spoken.truncated,
            limit="wall" if deadline.cancelled_caught else self._hit(report.text, spoken.truncated),
        )

    async def _restart(self) -> None:
        """Kill every process in the container; its files stay."""
        self._counts = {}
        await self.engine.call(lambda: self.container.restart(timeout=0))

    def _hit(self, report: str, truncated: int) -> Limit | None:
        counts: dict[str, int] = {}
        for line in report.splitlines():
            name, _, number = line.rpartition(" ")
            if number.isdecimal():
                counts[name] = int(number)
        before, self._counts = self._counts, counts
        names: dict[str, Limit] = {
            "memory.oom_control oom_kill": "memory",
            "memory.events oom_kill": "memory",
            "pids.events max": "pids",
        }
        hit = (limit for name, limit in names.items() if counts.get(name, 0) > before.get(name, 0))
        return next(hit, "output" if truncated else None)

    async def put(self, folder: str, files: Changes) -> None:
        """Put files below an absolute folder inside, deletions first.

        Raises:
            SandboxError: a path leaves the folder, or the service failed.
        """
        if not folder.startswith("/"):
            raise SandboxError(f"{folder!r} is not an absolute folder")
        paths = {"/".join(parts_of(path)): file for path, file in files.items()}
        deleted = [path for path, file in paths.items() if file is None]
        for start in range(0, len(deleted), _CHUNK):
            chunk = deleted[start : start + _CHUNK]
            await self._delete(folder, chunk)
        if kept := {path: file for path, file in paths.items() if file}:
            await self.engine.put(self.container, pack(kept, folder, self._user))

    async def _delete(self, folder: str, paths: Sequence[str]) -> None:
        said = Output(1024)
        command = ("sh", "-c", script("delete"), "sh", folder, *paths)
        if await self.engine.follow(self.container.id, Exec(command, "/", user=self._user), (said, said)):
            raise SandboxError(f"files can't be deleted in the sandbox: {said.text.strip()}")
