"""Durable steps: made once, found again after a crash, and never half recorded."""

import os
import random
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_loop import run_async

from swe_scale.errors import ModelError, StoreError, UsageError
from swe_scale.records import Completion, Usage
from swe_scale.store import Key, Steps
from swe_scale.store.disk import file_system, network_file_system
from swe_scale.store.sqlite import SqliteStore, open_store
from swe_scale.store.texts import SHORT, fold, unfold

pytestmark = pytest.mark.anyio
KEY = Key("pkg-1/trajectory/01/turn/01", "d1")
BOUND = Usage(calls=1, prompt_tokens=100, completion_tokens=50, usd=0.5)
LONG = "x" * (SHORT + 1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "run") as opened:
        yield opened


async def test_a_step_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = []

    async def make() -> Completion:
        made.append(1)
        return Completion(text=LONG, usage=Usage(calls=1, completion_tokens=7))

    for _ in range(2):
        async with open_store(tmp_path / "run") as store:
            found = await Steps(store).once(KEY, Completion, make)
            assert found == Completion(text=LONG, usage=Usage(calls=1, completion_tokens=7))
    assert len(made) == 1


async def test_another_digest_is_another_result(store: SqliteStore) -> None:
    steps = Steps(store)
    for value in ("a", "b"):

        async def make(value: str = value) -> str:
            return value

        assert await steps.once(Key(KEY.path, value), str, make) == value
    assert steps.recorded(Key(KEY.path, "c"), str) is None


async def test_equal_keys_fly_once(store: SqliteStore) -> None:
    steps, made, got = Steps(store), list[int](), list[str]()

    async def make() -> str:
        made.append(1)
        await anyio.sleep(0.01)
        return "value"

    async def ask() -> None:
        got.append(await steps.once(KEY, str, make))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
    assert got == ["value"] * 100
    assert len(made) == 1


async def test_an_error_is_not_recorded_and_who_waited_tries_again(store: SqliteStore) -> None:
    steps, tries, got = Steps(store), list[int](), list[str]()

    async def make() -> str:
        tries.append(1)
        await anyio.sleep(0.01)
        if len(tries) == 1:
            raise ModelError("down")
        return "value"

    async def ask() -> None:
        try:
            got.append(await steps.once(KEY, str, make))
        except ModelError:
            got.append("error")

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert sorted(got) == ["error", *["value"] * 4]
    assert len(tries) == 2


async def test_a_cancelled_leader_leaves_the_work_to_the_next(store: SqliteStore) -> None:
    steps, began = Steps(store), anyio.Event()

    async def hang() -> str:
        began.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def make() -> str:
        return "second"

    async def lead() -> None:
        await steps.once(KEY, str, hang)

    async with anyio.create_task_group() as outer:  # noqa: SIM117 (the outer one outlives the inner)
        async with anyio.create_task_group() as group:
            group.start_soon(lead)
            await began.wait()
            follower: list[str] = []

            async def follow() -> None:
                follower.append(await steps.once(KEY, str, make))

            outer.start_soon(follow)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert follower == ["second"]


async def test_a_call_is_settled_at_its_cost(store: SqliteStore) -> None:
    async def make() -> Completion:
        [entry] = store.entries()
        assert not entry.settled and entry.usage == BOUND
        return Completion(text="t", usage=Usage(calls=1, prompt_tokens=3))

    await Steps(store).once(KEY, Completion, make, bound=BOUND, cost=lambda one: one.usage)
    [entry] = store.entries()
    assert (entry.path, entry.settled, entry.usage) == (KEY.path, True, Usage(calls=1, prompt_tokens=3))


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (ModelError("refused"), Usage()),
        (ModelError("cut off", charged=True), BOUND),
        (RuntimeError("unknown"), BOUND),
    ],
)
async def test_a_failed_call_is_settled_by_what_it_may_have_cost(
    store: SqliteStore, error: Exception, cost: Usage
) -> None:
    async def make() -> Completion:
        raise error

    with pytest.raises(type(error)):
        await Steps(store).once(KEY, Completion, make, bound=BOUND)
    [entry] = store.entries()
    assert entry.settled and entry.usage == cost


async def test_a_cancelled_call_is_settled_at_its_bound(store: SqliteStore) -> None:
    began = anyio.Event()

    async def make() -> Completion:
        began.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def call() -> None:
        await Steps(store).once(KEY, Completion, make, bound=BOUND)

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await began.wait()
        group.cancel_scope.cancel()
    [entry] = store.entries()
    assert entry.settled and entry.usage == BOUND


async def test_a_result_that_is_there_is_committed_though_cancelled(store: SqliteStore) -> None:
    steps = Steps(store)
    with anyio.CancelScope() as scope:

        async def make() -> str:
            scope.cancel()
            return "paid for"

        await steps.once(KEY, str, make, bound=BOUND, cost=lambda _: Usage(calls=1))
    assert steps.recorded(KEY, str) == "paid for"
    assert store.entries()[0].usage == Usage(calls=1)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text() | st.text(min_size=SHORT, max_size=SHORT + 9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["$text", "a", "b"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(JSON)
def test_texts_fold_and_unfold(value: object) -> None:
    kept: dict[str, str] = {}
    folded = fold(value, kept.__setitem__)
    assert unfold(folded, kept.__getitem__) == value


HOSTILE = [
    {"$text": "an id that is none"},
    {"$text": LONG},
    {"$text": ["x"]},
    [{"$text": {"$text": LONG}}],
    {"body": "\ud800 alone " * 40, "short": "\udcff"},
    {"body": "nul \0 and  and \x1b" * 20},
    ["", LONG, LONG, {"": LONG}],
]


@pytest.mark.parametrize("value", HOSTILE, ids=range(len(HOSTILE)))
async def test_any_value_comes_back_as_it_was(tmp_path: Path, value: object) -> None:
    async with open_store(tmp_path / "run") as store:
        await store.put(KEY, value)
        assert store.get(KEY) == value
    async with open_store(tmp_path / "run") as store:
        assert store.get(KEY) == value


async def test_a_long_text_is_kept_once(tmp_path: Path) -> None:
    text = "word " * 20_000
    async with open_store(tmp_path / "run") as store:
        for number in range(50):
            await store.put(Key(f"pkg-1/{number}", "d"), {"messages": [text, f"{number}"]})
    size = sum(path.stat().st_size for path in (tmp_path / "run").iterdir())
    assert size < 3 * len(text)


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


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_in_any_order_each_key_is_made_once(asked: list[tuple[int, int]]) -> None:
    async def main() -> None:
        made: list[Key] = []
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(Path(folder) / "run") as store:
                steps = Steps(store)

                async def ask(key: Key) -> None:
                    async def make() -> str:
                        made.append(key)
                        await anyio.lowlevel.checkpoint()
                        return key.path

                    assert await steps.once(key, str, make) == key.path

                async with anyio.create_task_group() as group:
                    for path, inputs in asked:
                        group.start_soon(ask, Key(str(path), str(inputs)))
        assert sorted(made, key=str) == sorted(
            {Key(str(path), str(inputs)) for path, inputs in asked}, key=str
        )

    run_async(main)
