"""Nothing of a server that tests start outlives them, even where they are killed."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KEEPER = Path(__file__).with_name("vllm_keeper.py")
COMMAND = "(trap '' TERM; sleep 600) & echo $$ $! $TMPDIR; wait"
"""Says its process, its child's, and its folder for scratch files; the child can't be told to end."""


@pytest.fixture
def watched() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "600"]) as process:
        yield process
        process.kill()


@contextmanager
def kept(watched: subprocess.Popen[bytes], script: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(KEEPER), str(watched.pid), "sh", "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as keeper:
        yield keeper
        keeper.kill()


def said(keeper: subprocess.Popen[str]) -> tuple[int, int, Path]:
    assert keeper.stdout
    first, second, scratch = keeper.stdout.readline().split()
    return int(first), int(second), Path(scratch)


def wait_until_gone(process: int) -> None:
    end = time.monotonic() + 60
    # A process at which its parent has yet to look is gone, too.
    while (status := Path(f"/proc/{process}/status")).exists() and "\nState:\tZ" not in status.read_text():
        assert time.monotonic() < end, f"{process} still runs"
        time.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_nothing_outlives_who_it_is_for(watched: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with kept(watched, COMMAND) as keeper:
        command, child, scratch = said(keeper)
        assert scratch.is_dir()
        watched.send_signal(number)
        keeper.wait(60)
    wait_until_gone(command)
    wait_until_gone(child)
    assert not scratch.exists()


def test_nothing_outlives_a_keeper_told_to_end(watched: subprocess.Popen[bytes]) -> None:
    with kept(watched, COMMAND) as keeper:
        command, child, scratch = said(keeper)
        keeper.terminate()
        keeper.wait(60)
    wait_until_gone(command)
    wait_until_gone(child)
    assert not scratch.exists()
    assert watched.poll() is None


def test_a_keeper_that_is_killed_takes_its_command_along(watched: subprocess.Popen[bytes]) -> None:
    with kept(watched, "echo $$ 0 $TMPDIR; exec sleep 600") as keeper:
        command, _, scratch = said(keeper)
        keeper.kill()
        keeper.wait(60)
    wait_until_gone(command)
    scratch.rmdir()


def test_a_command_that_ends_by_itself(watched: subprocess.Popen[bytes]) -> None:
    with kept(watched, "exit 3") as keeper:
        assert keeper.wait(60) == 3
