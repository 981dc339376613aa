"""Locks between tasks and between processes."""

import sys
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from swe_scale.locks import locked

pytestmark = pytest.mark.anyio

HOLDER = """
import fcntl, sys
with open(sys.argv[1], "ab") as handle:
    fcntl.flock(handle, fcntl.LOCK_EX)
    print(end=".", flush=True)
    sys.stdin.read()
"""


async def test_tasks_take_turns(tmp_path: Path) -> None:
    inside, most = 0, 0

    async def enter() -> None:
        nonlocal inside, most
        async with locked(tmp_path / "new" / "lock"):
            inside += 1
            most = max(most, inside)
            await anyio.lowlevel.checkpoint()
            inside -= 1

    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(enter)
    assert most == 1


async def test_another_process_is_waited_for_until_it_is_dead(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLDER, str(path)]
    async with await anyio.open_process(command) as holder:
        assert holder.stdout is not None and await holder.stdout.receive() == b"."
        entered = False
        with anyio.move_on_after(0.3):
            async with locked(path):
                entered = True
        assert not entered
        holder.kill()
    async with locked(path):
        entered = True
    assert entered


async def test_a_place_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError):
        async with locked(tmp_path / "file" / "lock"):
            pass
