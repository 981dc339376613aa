"""Provides the program that is the first process of a box: compiled once for each architecture."""

import os
import platform
import shutil
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path

import anyio

from swe_scale import assets
from swe_scale.config import cache_folder
from swe_scale.errors import SandboxError
from swe_scale.records import digest
from swe_scale.sandbox.preparation import PATH, locked

FLAGS = ("-static", "-Os", "-s", "-std=gnu11")
_COMPILERS = ("cc", "gcc", "clang")
_SECONDS = 120
_NAMES = {"amd64": "x86_64", "arm64": "aarch64"}

Compile = Callable[[Mapping[str, bytes]], Awaitable[bytes]]
"""Returns the program that a compiler elsewhere makes of these files; raises SandboxError without one."""


@cache
def sources() -> Mapping[str, bytes]:
    """Return the program's files by name."""
    folder = assets.folder("sandboxes") / "helper"
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir()) if file.suffix in (".c", ".h")}


@cache
def version() -> str:
    """Return what tells this program from every other version of it."""
    return digest(*(part for name, text in sources().items() for part in (name, text)), *FLAGS)


def architecture(name: str) -> str:
    """Return the kernel's name of an architecture of which this is a common one."""
    return _NAMES.get(name, name)


async def provide(machine: str, elsewhere: Compile | None = None) -> Path:
    """Return the program for an architecture, compiled now or before.

    Args:
        machine: the architecture's name.
        elsewhere: compiles where this host can't.

    Raises:
        SandboxError: there is no compiler for it.
    """
    wanted = architecture(machine)
    program = cache_folder() / "helper" / f"{version()}-{wanted}"
    if program.is_file():
        return program
    async with locked(program.with_suffix(".lock")):
        if not program.is_file():
            try:
                made = await _compiled(wanted)
            except SandboxError:
                if elsewhere is None:
                    raise
                made = await elsewhere(sources())
            part = program.with_suffix(".part")
            part.write_bytes(made)
            part.chmod(0o555)
            part.replace(program)
    return program


async def _compiled(wanted: str) -> bytes:
    compiler = next((found for name in _COMPILERS if (found := shutil.which(name, path=PATH))), None)
    if compiler is None or architecture(platform.machine()) != wanted:
        raise SandboxError(f"no C compiler for {wanted} was found (apt-get install gcc libc6-dev)")
    with tempfile.TemporaryDirectory(prefix="swe-scale-") as name:
        folder = Path(name)
        for file, text in sources().items():
            (folder / file).write_bytes(text)
        files = [file for file in sources() if file.endswith(".c")]
        command = [compiler, *FLAGS, "-o", "box", *files]
        try:
            with anyio.fail_after(_SECONDS):
                done = await anyio.run_process(
                    command, cwd=folder, check=False, env={"PATH": PATH, "TMPDIR": os.fspath(folder)}
                )
        except (OSError, TimeoutError) as error:
            raise SandboxError(f"{compiler} can't be run: {error}") from error
        if done.returncode:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()[-3:]
            raise SandboxError(f"{compiler} fails: {' '.join(said)[-300:]}")
        return (folder / "box").read_bytes()
