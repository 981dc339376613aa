"""The run's record in one SQLite file, locked for one process, every write of it committed by one writer."""

import fcntl
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import IO, Any

import anyio
import anyio.to_thread

from swe_scale.errors import StoreError, UsageError
from swe_scale.records import Usage
from swe_scale.store import Key
from swe_scale.store.disk import network_file_system
from swe_scale.store.reading import VERSION, Recorded, newer
from swe_scale.store.texts import compact, fold, packed
from swe_scale.store.writer import Job, Writer, connect

FORGOTTEN = "@forgotten/"
"""Begins the path of a ledger row whose step is no longer there; no issue's id holds an `@`."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS steps (path TEXT, digest TEXT, value TEXT NOT NULL, PRIMARY KEY (path, digest))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS texts (hash TEXT PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS ledger (
    entry INTEGER PRIMARY KEY, path TEXT NOT NULL, usage TEXT NOT NULL, settled INTEGER NOT NULL
);
"""


def _prepare(file: Path) -> bool:
    """Bring the file to the form of this version; return whether it has a write-ahead log."""
    with closing(connect(file)) as connection:
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise newer(file, version)
        journal = "TRUNCATE" if network_file_system(file.parent) else "WAL"
        chosen = connection.execute(f"PRAGMA journal_mode = {journal}").fetchone()[0]
        connection.executescript(_SCHEMA)
        connection.execute(f"PRAGMA user_version = {VERSION}")
        return bool(chosen == "wal")


def _explain(file: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(f"{file} can't be written: {error}. What is recorded is kept; mend it and run again.")


class SqliteStore(Recorded):
    """A store in `run.sqlite`; made by `open_store`."""

    def __init__(self, file: Path, writer: Writer) -> None:
        super().__init__(file, connect(file))
        self._writer = writer
        self._next = 1 + (self._reader.execute("SELECT max(entry) FROM ledger").fetchone()[0] or 0)

    async def put(self, key: Key, value: Any, entry: int | None = None, usage: Usage | None = None) -> None:
        """Record a step's JSON value and, in the same transaction, settle its ledger row."""
        texts: list[tuple[str, bytes]] = []

        def keep(name: str, text: str) -> None:
            texts.append((name, packed(name, text)))

        body = compact(fold(value, keep))

        def write(connection: sqlite3.Connection) -> None:
            connection.executemany("INSERT OR IGNORE INTO texts VALUES (?, ?)", texts)
            connection.execute("INSERT OR REPLACE INTO steps VALUES (?, ?, ?)", (key.path, key.digest, body))
            if entry is not None:
                _settle(connection, entry, usage or Usage())

        await self._commit(write)

    async def reserve(self, path: str, bound: Usage) -> int:
        """Write a ledger row with the most that a call can cost; return its number."""
        entry, self._next = self._next, self._next + 1
        row = (entry, path, bound.model_dump_json(exclude_defaults=True))
        await self._commit(lambda connection: _insert(connection, row))
        return entry

    async def settle(self, entry: int, usage: Usage) -> None:
        """Replace a row's bound by what the call cost."""
        await self._commit(lambda connection: _settle(connection, entry, usage))

    async def forget(self, issue: str) -> None:
        """Drop every step of an issue; what it has cost stays on the books, but no longer on its own."""
        below = (f"{issue}/", f"{issue}0")  # `0` is what follows `/`

        def write(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM steps WHERE path > ? AND path < ?", below)
            connection.execute(
                "UPDATE ledger SET path = ? || path WHERE path > ? AND path < ?", (FORGOTTEN, *below)
            )

        await self._commit(write)

    def close(self) -> None:
        """Write what is queued, and close the file."""
        super().close()
        self._writer.close()

    async def _commit(self, job: Job) -> None:
        try:
            await self._writer.commit(job)
        except sqlite3.Error as error:
            raise _explain(self._file, error) from error


def _insert(connection: sqlite3.Connection, row: tuple[int, str, str]) -> None:
    connection.execute("INSERT INTO ledger VALUES (?, ?, ?, 0)", row)


def _settle(connection: sqlite3.Connection, entry: int, usage: Usage) -> None:
    connection.execute(
        "UPDATE ledger SET usage = ?, settled = 1 WHERE entry = ?",
        (usage.model_dump_json(exclude_defaults=True), entry),
    )


def _lock(folder: Path) -> IO[bytes]:
    held = (folder / "run.lock").open("wb")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        held.close()
        raise UsageError(
            f"{folder} is in use by another swe-scale: wait for it, stop it, or choose another --name."
        ) from error
    return held


def _open(folder: Path) -> tuple[IO[bytes], SqliteStore]:
    file = folder / "run.sqlite"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        held = _lock(folder)
    except OSError as error:
        raise StoreError(f"the run folder {folder} can't be used: {error.strerror}.") from error
    try:
        writer = Writer(file, logs_ahead=_prepare(file))
        return held, SqliteStore(file, writer)
    except sqlite3.Error as error:
        held.close()
        raise _explain(file, error) from error
    except BaseException:
        held.close()
        raise


@asynccontextmanager
async def open_store(folder: Path) -> AsyncIterator[SqliteStore]:
    """Open the record of a run folder, made if need be, for this process alone.

    Raises:
        UsageError: another process has it open.
        StoreError: the folder can't be used, or was written by a newer version.
    """
    held, store = await anyio.to_thread.run_sync(_open, folder)
    try:
        yield store
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(store.close)
        held.close()
