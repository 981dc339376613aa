"""A run folder survives kills and full disks, is for one process, and refuses what is no record of ours."""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from swe_scale.errors import StoreError, UsageError
from swe_scale.records import Completion
from swe_scale.store import Key, Steps
from swe_scale.store.disk import file_system, network_file_system
from swe_scale.store.sqlite import open_store
from swe_scale.store.texts import SHORT

pytestmark = pytest.mark.anyio
KEY = Key("pkg-1/trajectory/01/turn/01", "d1")
LONG = "x" * (SHORT + 1)
STEPS = """
import sys, anyio
from pathlib import Path
from swe_scale.records import Completion, Usage
from swe_scale.store import Key, Steps
from swe_scale.store.sqlite import open_store

async def main():
    async with open_store(Path(sys.argv[1])) as store:
        steps = Steps(store)
        start = len(store.entries())
        async def one(number):
            async def make():
                await anyio.sleep(0.001)
                return Completion(text=f"{number} " * 100, usage=Usage(calls=1))
            key = Key(f"pkg-1/trajectory/{number:02}/turn/01", "d")
            bound = Usage(calls=1, prompt_tokens=9)
            await steps.once(key, Completion, make, bound=bound, cost=lambda made: made.usage)
            print(number, flush=True)
        for number in range(start, start + 100_000, 4):
            async with anyio.create_task_group() as group:
                for more in range(4):
                    group.start_soon(one, number + more)
anyio.run(main)
"""


def work_until_killed(folder: Path, chance: random.Random) -> set[int]:
    """Do steps in another process, kill it at a random instant; return the steps that it had finished."""
    command = [sys.executable, "-c", STEPS, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(chance.uniform(0, 0.1))
        child.send_signal(signal.SIGKILL)
        return {int(line) for line in [first, *child.stdout.read().split("\n")[:-1]]}


async def test_killed_at_any_instant_nothing_finished_is_lost(tmp_path: Path) -> None:
    chance = random.Random(5)
    finished: set[int] = set()
    for _ in range(6):
        finished |= await anyio.to_thread.run_sync(work_until_killed, tmp_path / "run", chance)
        async with open_store(tmp_path / "run") as store:
            steps = Steps(store)
            for number in finished:
                key = Key(f"pkg-1/trajectory/{number:02}/turn/01", "d")
                found = steps.recorded(key, Completion)
                assert found is not None and found.text == f"{number} " * 100
            rows = {entry.path: entry for entry in store.entries()}
            for entry in rows.values():
                recorded = steps.recorded(Key(entry.path, "d"), Completion)
                assert entry.settled == (recorded is not None)
                assert entry.usage.prompt_tokens == (0 if entry.settled else 9)


async def test_a_run_folder_is_for_one_process(tmp_path: Path) -> None:
    async with open_store(tmp_path / "run"):
        script = (
            "import sys, anyio\nfrom pathlib import Path\nfrom swe_scale.store.sqlite import open_store\n"
            "from swe_scale.errors import UsageError\n"
            "async def main():\n"
            "    try:\n        async with open_store(Path(sys.argv[1])): print('opened')\n"
            "    except UsageError as error: print(error)\n"
            "anyio.run(main)\n"
        )
        command = [sys.executable, "-c", script, str(tmp_path / "run")]
        done = await anyio.run_process(command)
        assert b"is in use by another swe-scale" in done.stdout
    done = await anyio.run_process(command)
    assert done.stdout.strip() == b"opened"


async def test_one_process_can_not_open_it_twice_either(tmp_path: Path) -> None:
    async with open_store(tmp_path / "run"):
        with pytest.raises(UsageError, match="in use"):
            async with open_store(tmp_path / "run"):
                pass


async def test_a_newer_record_is_refused(tmp_path: Path) -> None:
    async with open_store(tmp_path / "run"):
        pass
    with closing(sqlite3.connect(tmp_path / "run" / "run.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreError, match="newer swe-scale"):
        async with open_store(tmp_path / "run"):
            pass


async def test_what_is_no_record_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "run.sqlite").write_bytes(b"this is no database" * 100)
    with pytest.raises(StoreError, match=r"run\.sqlite"):
        async with open_store(folder):
            pass
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="can't be used"):
        async with open_store(tmp_path / "file"):
            pass


@pytest.fixture
def small_files() -> Iterator[None]:
    """Let no file of this process grow beyond 256 KiB, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (256 * 1024, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


async def fill(folder: Path) -> tuple[list[int], str]:
    """Record until the disk is full; return what was recorded, and what was said then."""
    recorded: list[int] = []
    async with open_store(folder) as store:
        for number in range(1000):
            try:
                await store.put(Key(f"pkg-1/{number}", "d"), os.urandom(2000).hex())
            except StoreError as error:
                return recorded, str(error)
            recorded.append(number)
    raise AssertionError("the disk never was full")


async def test_a_full_disk_is_said_and_what_was_recorded_is_kept(tmp_path: Path, small_files: None) -> None:
    recorded, said = await fill(tmp_path / "run")
    assert "run.sqlite can't be written" in said and "\n" not in said
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert recorded
    async with open_store(tmp_path / "run") as store:
        assert all(store.get(Key(f"pkg-1/{number}", "d")) for number in recorded)


MOUNTS = """\
22 1 0:20 / / rw,relatime - ext4 /dev/vda rw
23 22 0:21 / /data rw - nfs4 server:/data rw
24 23 0:22 / /data/own rw shared:1 master:2 - ext4 /dev/vdb rw
25 22 0:23 / /my\\040disk rw - fuse.sshfs who:/ rw
26 22 0:24 / /over rw - ext4 /dev/vdc rw
27 26 0:25 / /over rw - cifs //server/share rw
"""


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("/", "ext4"),
        ("/data/run", "nfs4"),
        ("/data", "nfs4"),
        ("/database", "ext4"),
        ("/data/own/run", "ext4"),
        ("/my disk/run", "fuse.sshfs"),
        ("/over/run", "cifs"),
    ],
)
def test_the_file_system_of_a_folder(tmp_path: Path, place: str, kind: str) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert file_system(Path(place), mounts) == kind


def test_where_mounts_can_not_be_read_nothing_is_claimed(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "absent") == ""
    assert network_file_system(tmp_path) is None


async def test_on_a_network_file_system_there_is_no_write_ahead_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swe_scale.store.sqlite.network_file_system", lambda folder: "nfs")
    async with open_store(tmp_path / "run") as store:
        await store.put(KEY, {"a": LONG})
        assert not (tmp_path / "run" / "run.sqlite-wal").exists()
        assert store.get(KEY) == {"a": LONG}
