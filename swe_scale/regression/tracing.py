"""A sandbox in which every Python program writes down which functions of the work tree it executes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources

from swe_scale.config import Limits
from swe_scale.records import Changes, Execution, File
from swe_scale.regression.executed import Executed, read_trace
from swe_scale.sandbox import Sandbox

_LARGEST = 8 << 20
"""Bytes of a trace that are read."""
_FIRST_ON_PATH = 'PYTHONPATH="$0${PYTHONPATH:+:$PYTHONPATH}"; export PYTHONPATH; exec "$@"'


def tracer() -> bytes:
    """Return the source of the tracer; another one may see otherwise."""
    return resources.files("swe_scale.regression").joinpath("tracer.py").read_bytes()


@dataclass(slots=True)
class Traced:
    """Passes everything on to another sandbox; only what commands find on Python's path is more."""

    inner: Sandbox
    workdir: str = field(init=False)
    scratch: str = field(init=False)
    address: str = field(init=False)
    _ours: set[str] = field(default_factory=set)
    """What was put into the work tree besides."""

    def __post_init__(self) -> None:
        """Take the folders over."""
        self.workdir, self.scratch = self.inner.workdir, self.inner.scratch
        self.address = self.inner.address

    @property
    def folder(self) -> str:
        """Where the tracer lies and writes."""
        return f"{self.scratch}/traced"

    async def begin(self) -> None:
        """Put the tracer in place.

        Raises:
            SandboxError: the backend failed.
        """
        root = self.workdir.encode("utf-8", "surrogateescape")
        parts = {"traced/sitecustomize.py": tracer(), "traced/root": root}
        await self.write(self.scratch, {path: File(mode="100644", data=data) for path, data in parts.items()})

    async def executed(self) -> Executed:
        """Return what was executed so far of what isn't put there through this.

        Raises:
            SandboxError: the backend failed.
        """
        data = await self.read(f"{self.folder}/executed", _LARGEST) or b""
        return read_trace(data, _LARGEST).without(self._ours)

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        """Run a command, traced."""
        traced = ("sh", "-c", _FIRST_ON_PATH, self.folder, *command)
        return await self.inner.run(traced, limits=limits, stdin=stdin, variables=variables)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        """Return a file's content."""
        return await self.inner.read(path, limit)

    async def write(self, folder: str, files: Changes) -> None:
        """Put files below a folder."""
        if folder == self.workdir:
            self._ours |= files.keys()
        await self.inner.write(folder, files)

    async def snapshot(self) -> Changes:
        """Return how the work tree differs from the template's."""
        return await self.inner.snapshot()
