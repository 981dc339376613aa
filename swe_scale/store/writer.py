"""Commits what many tasks want written to SQLite: all that has gathered, in one transaction."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import anyio
import anyio.to_thread

Job = Callable[[sqlite3.Connection], object]
"""Writes something, within the transaction in which it is called."""

_PER_CHECKPOINT = 1024
"""Transactions after which the write-ahead log is carried over into the file: at about 20 MB."""


def connect(file: Path) -> sqlite3.Connection:
    """Return a connection that leaves transactions to us, and may change threads.

    Raises:
        sqlite3.Error: the file can't be opened.
    """
    connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False, timeout=30)
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


@dataclass(slots=True, eq=False)
class _Pending:
    job: Job
    written: bool = False
    error: Exception | None = None


class Writer:
    """The one connection that writes to a file.

    With a write-ahead log a commit only goes to the system's memory, which takes a fraction of what changing
    threads does: it is made at once, and a thread waits for the disk only when the log is carried over.
    Without one every commit waits for the disk, and therefore in a thread.
    """

    def __init__(self, file: Path, *, logs_ahead: bool) -> None:
        self._file = file
        self._logs_ahead = logs_ahead
        self._connection = connect(file)
        self._connection.execute("PRAGMA wal_autocheckpoint = 0")
        self._gathered: list[_Pending] = []
        self._turn = anyio.Lock()
        self._limiter = anyio.CapacityLimiter(1)
        self._commits = 0

    async def commit(self, job: Job) -> None:
        """Return when the job's writes are committed; a cancelled wait doesn't take them back.

        Raises:
            sqlite3.Error: they can't be, or those that gathered with them.
        """
        pending = _Pending(job)
        if self._logs_ahead:
            _write(self._connection, [pending])
        else:
            await self._write_aside(pending)
        if pending.error is not None:
            raise pending.error
        self._commits += 1
        if self._logs_ahead and self._commits % _PER_CHECKPOINT == 0:
            await self._aside(lambda: _checkpoint(self._file))

    def close(self) -> None:
        """Write what has gathered, and close the file. Nobody may be waiting any more."""
        with closing(self._connection):
            if self._gathered:
                _write(self._connection, self._gathered)

    async def _write_aside(self, pending: _Pending) -> None:
        self._gathered.append(pending)
        async with self._turn:
            if pending.written:
                return
            batch, self._gathered = self._gathered, []
            await self._aside(lambda: _write(self._connection, batch))

    async def _aside(self, work: Callable[[], None]) -> None:
        # Begun once, it is waited for: what it does can't be half done.
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(work, limiter=self._limiter)


def _write(connection: sqlite3.Connection, batch: list[_Pending]) -> None:
    error: Exception | None = None
    try:
        connection.execute("BEGIN IMMEDIATE")
        for pending in batch:
            pending.job(connection)
        connection.execute("COMMIT")
    except Exception as fault:
        # It goes to every task whose writes were in this transaction.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        error = fault
    for pending in batch:
        pending.written, pending.error = True, error


def _checkpoint(file: Path) -> None:
    with closing(connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
