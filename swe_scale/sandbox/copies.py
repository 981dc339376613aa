"""A copy of the tree for each cell, in namespaces of this host: where no overlay can be mounted."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Execution
from swe_scale.sandbox.cgroup import Groups
from swe_scale.sandbox.host import Box, HostSandbox, Prepared, copied
from swe_scale.sandbox.in_place import furnished, shown
from swe_scale.sandbox.namespaces import Inside, run_inside
from swe_scale.sandbox.preparation import HOME, SCRATCH, VENV, fixed_variables
from swe_scale.sandbox.python import Interpreter

VENV_FOLDER = "venv"
"""Name of the virtual environment's folder beside the prepared tree."""


def places(box: Box, workdir: str, home: str = HOME) -> dict[str, Path]:
    """Return where a copy's folders appear inside."""
    return {workdir: box.tree, SCRATCH: box.scratch, home: box.home, "/tmp": box.temporary}  # noqa: S108


def programs(root: Path, python: Interpreter) -> dict[str, Path]:
    """Return what is shown of this host beside its programs: an interpreter, and what set-up installed.

    Of an environment that somebody has made ready: what that needs.
    """
    if (own := furnished(root)) is not None:
        return shown(root, own.here)
    venv = root / VENV_FOLDER
    built = {VENV: venv} if venv.is_dir() else {}
    return built if python.prefix.is_relative_to("/usr") else {str(python.prefix): python.prefix, **built}


class CopiedSandbox(HostSandbox):
    """A copy whose commands run as an unprivileged user in namespaces of their own."""

    scratch = SCRATCH
    address = ""

    def __init__(
        self, box: Box, prepared: Prepared, shown: Mapping[str, Path], groups: Groups | None
    ) -> None:
        self.workdir = prepared.environment.workdir
        self._places = places(box, self.workdir, prepared.environment.variables.get("HOME", HOME))
        self._shown = shown
        self._groups = groups
        super().__init__(box, prepared, self._places)

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command in the work tree; whatever it leaves running ends with it. See the protocol."""
        inside = Inside(
            folder=self.box.folder,
            workdir=self.workdir,
            bound=self._places,
            shown=self._shown,
            variables=fixed_variables(HOME)
            | dict(self.prepared.environment.variables)
            | dict(variables or {}),
        )
        return await run_inside(inside, command, limits, self._groups, stdin)


class CopyingTemplate:
    """A prepared tree under the cache folder, copied for each cell."""

    def __init__(self, prepared: Prepared, python: Interpreter, groups: Groups | None) -> None:
        self._prepared = prepared
        self._shown = programs(prepared.root, python)
        self._groups = groups

    @asynccontextmanager
    async def fork(
        self,
        limits: Limits | None = None,  # noqa: ARG002
        socket: Path | None = None,
    ) -> AsyncIterator[CopiedSandbox]:
        """Return a copy of the tree; limits are held per command, so none are needed here."""
        if socket is not None:
            raise SandboxError("a server can be reached alone only where our first process runs inside")
        async with copied(self._prepared) as box:
            yield CopiedSandbox(box, self._prepared, self._shown, self._groups)
