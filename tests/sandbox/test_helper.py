"""The first process's program is compiled once, where there is a compiler."""

import platform
import shutil
from collections.abc import Mapping
from pathlib import Path

import anyio
import pytest

from swe_scale.errors import SandboxError
from swe_scale.sandbox import helper

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def own_helpers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own_folders: None) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))


MACHINE = platform.machine()


@pytest.fixture(autouse=True)
def compiler() -> None:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")


async def test_it_is_compiled_once_however_many_ask() -> None:
    found: list[Path] = []

    async def ask() -> None:
        found.append(await helper.provide(MACHINE))

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(ask)
    assert len(set(found)) == 1
    before = found[0].stat()
    assert (await helper.provide(MACHINE)).stat() == before
    assert before.st_mode & 0o777 == 0o555


async def test_it_compiles_without_a_warning_and_needs_no_library(tmp_path: Path) -> None:
    for name, text in helper.sources().items():
        (tmp_path / name).write_bytes(text)
    files = [name for name in helper.sources() if name.endswith(".c")]
    strict = ["-Wall", "-Wextra", "-Wshadow", "-Werror"]
    command = ["cc", *helper.FLAGS, *strict, "-o", "box", *files]
    done = await anyio.run_process(command, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert b"INTERP" not in (await anyio.run_process(["readelf", "-l", "box"], cwd=tmp_path)).stdout


async def test_it_kills_nothing_where_it_is_not_the_first_process() -> None:
    program = await helper.provide(MACHINE)
    async with await anyio.open_process(["sleep", "60"]) as bystander:
        done = await anyio.run_process([str(program), "serve"], check=False)
        assert bystander.returncode is None
        bystander.kill()
    assert done.returncode == 2
    assert b"first process" in done.stderr


async def test_without_a_compiler_another_place_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(helper, "_COMPILERS", ())
    with pytest.raises(SandboxError, match="no C compiler"):
        await helper.provide(MACHINE)

    async def elsewhere(files: Mapping[str, bytes]) -> bytes:
        assert "main.c" in files
        return b"program"

    assert (await helper.provide(MACHINE, elsewhere)).read_bytes() == b"program"


async def test_another_machines_program_is_not_made_here() -> None:
    with pytest.raises(SandboxError, match="no C compiler for riscv64"):
        await helper.provide("riscv64")


async def test_what_a_compiler_says_is_passed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\necho 'no such header' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(helper, "PATH", str(tmp_path))
    assert shutil.which("cc", path=str(tmp_path))
    with pytest.raises(SandboxError, match="fails: no such header"):
        await helper.provide(MACHINE)
