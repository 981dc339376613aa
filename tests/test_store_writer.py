"""What is written is committed, in either form of SQLite's journal, whoever waits for it."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from swe_scale.store.writer import Job, Writer, connect

pytestmark = pytest.mark.anyio


@pytest.fixture
def file(tmp_path: Path, logs_ahead: bool) -> Path:
    place = tmp_path / "some.sqlite"
    with closing(connect(place)) as connection:
        connection.execute(f"PRAGMA journal_mode = {'WAL' if logs_ahead else 'TRUNCATE'}")
        connection.execute("CREATE TABLE numbers (number INTEGER PRIMARY KEY, body TEXT)")
    return place


def insert(number: int, body: str = "") -> Job:
    return lambda connection: connection.execute("INSERT INTO numbers VALUES (?, ?)", (number, body))


def numbers(file: Path) -> set[int]:
    with closing(connect(file)) as connection:
        return {row[0] for row in connection.execute("SELECT number FROM numbers")}


@pytest.mark.parametrize("logs_ahead", [True, False])
async def test_what_is_waited_for_is_there_for_another_connection(file: Path, logs_ahead: bool) -> None:
    writer = Writer(file, logs_ahead=logs_ahead)
    seen: list[bool] = []

    async def write(number: int) -> None:
        await writer.commit(insert(number))
        seen.append(number in numbers(file))

    with closing(writer):
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(write, number)
    assert seen == [True] * 40


@pytest.mark.parametrize("logs_ahead", [True, False])
@pytest.mark.parametrize("fault", [sqlite3.IntegrityError, UnicodeEncodeError])
async def test_a_write_that_fails_leaves_nothing_and_the_next_works(
    file: Path, logs_ahead: bool, fault: type[Exception]
) -> None:
    def twice(connection: sqlite3.Connection) -> None:
        insert(1)(connection)
        insert(1, body="\ud800" if fault is UnicodeEncodeError else "")(connection)

    with closing(Writer(file, logs_ahead=logs_ahead)) as writer:
        with pytest.raises(fault):
            await writer.commit(twice)
        assert numbers(file) == set()
        await writer.commit(insert(2))
    assert numbers(file) == {2}


@pytest.mark.parametrize("logs_ahead", [False])
async def test_without_a_log_what_gathers_is_one_transaction(file: Path, logs_ahead: bool) -> None:
    begun: list[str] = []
    writer = Writer(file, logs_ahead=logs_ahead)
    writer._connection.set_trace_callback(lambda line: begun.append(line) if "BEGIN" in line else None)
    with closing(writer):
        async with anyio.create_task_group() as tasks:
            for number in range(40):
                tasks.start_soon(writer.commit, insert(number))
    assert numbers(file) == set(range(40))
    assert len(begun) < 20


@pytest.mark.parametrize("logs_ahead", [False])
async def test_a_cancelled_wait_takes_nothing_back(file: Path, logs_ahead: bool) -> None:
    with closing(Writer(file, logs_ahead=logs_ahead)) as writer:
        async with anyio.create_task_group() as tasks:
            for number in range(10):
                tasks.start_soon(writer.commit, insert(number))
            await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
    assert numbers(file) == set(range(10))


@pytest.mark.parametrize("logs_ahead", [True])
async def test_the_log_is_carried_over_into_the_file_as_the_run_goes_on(
    file: Path, logs_ahead: bool, tmp_path: Path
) -> None:
    alone = tmp_path / "alone.sqlite"
    with closing(Writer(file, logs_ahead=logs_ahead)) as writer:
        for number in range(1100):
            await writer.commit(insert(number, "x" * 500))
        assert file.with_name("some.sqlite-wal").exists()
        shutil.copyfile(file, alone)
    carried = numbers(alone)
    assert len(carried) > 1000
    assert numbers(file) == set(range(1100))
