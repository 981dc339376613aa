"""Reads the record of a run without writing to it, whoever else has it open."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from swe_scale.errors import StoreError, UsageError
from swe_scale.records import Usage
from swe_scale.store import Entry, Key
from swe_scale.store.texts import unfold, unpacked

VERSION = 2
"""Of the record, in SQLite's `user_version`. Before 2, no part of a value stood apart from it."""


class Recorded:
    """What is recorded in a `run.sqlite`, for reading; other processes may write to it meanwhile."""

    def __init__(self, file: Path, reader: sqlite3.Connection) -> None:
        self._file = file
        self._reader = reader

    def get(self, key: Key) -> Any | None:
        """Return the JSON value of a step; None where there is none for this digest."""
        try:
            row = self._reader.execute(
                "SELECT value FROM steps WHERE path = ? AND digest = ?", (key.path, key.digest)
            ).fetchone()
            return None if row is None else unfold(json.loads(row[0]), self._text)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StoreError(f"{self._file} can't be read: {error}.") from error

    def under(self, path: str) -> tuple[tuple[str, Any], ...]:
        """Return every step below an address, with its JSON value, in the order of their addresses.

        Raises:
            StoreError: the file can't be read.
        """
        # What follows a slash: all that begins with `path/` comes before `path0`.
        wanted = "SELECT path, value FROM steps WHERE path > ? AND path < ? ORDER BY path"
        try:
            rows = self._reader.execute(wanted, (f"{path}/", f"{path}0")).fetchall()
            return tuple((name, unfold(json.loads(value), self._text)) for name, value in rows)
        except (sqlite3.Error, ValueError, TypeError) as error:
            raise StoreError(f"{self._file} can't be read: {error}.") from error

    def entries(self, issue: str | None = None) -> tuple[Entry, ...]:
        """Return the rows of the ledger, of one issue or all, in order.

        Raises:
            StoreError: the file can't be read.
        """
        wanted = "SELECT path, usage, settled FROM ledger WHERE substr(path, 1, ?) = ? ORDER BY entry"
        prefix = f"{issue}/" if issue is not None else ""
        try:
            rows = self._reader.execute(wanted, (len(prefix), prefix)).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._file} can't be read: {error}.") from error
        return tuple(Entry(path, Usage.model_validate_json(usage), bool(done)) for path, usage, done in rows)

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def _text(self, key: str) -> str:
        row = self._reader.execute("SELECT body FROM texts WHERE hash = ?", (key,)).fetchone()
        if row is None:
            raise StoreError(f"{self._file} is damaged: a recorded text is missing.")
        return unpacked(key, bytes(row[0]))


@contextmanager
def open_recorded(folder: Path) -> Iterator[Recorded]:
    """Open the record of a run folder for reading alone; whoever writes to it isn't disturbed.

    Raises:
        UsageError: there is no record.
        StoreError: it can't be read, is damaged, or was written by a newer version.
    """
    file = folder / "run.sqlite"
    if not file.is_file():
        raise UsageError(f"there is no run in {folder}: {file} doesn't exist.")
    try:
        reader = _read_only(file)
    except sqlite3.Error as error:
        raise StoreError(f"{file} can't be read: {error}. Is it a run's record, and whole?") from error
    with closing(reader):
        yield Recorded(file, reader)


def _read_only(file: Path) -> sqlite3.Connection:
    reader = sqlite3.connect(
        f"{file.absolute().as_uri()}?mode=ro", uri=True, timeout=30, check_same_thread=False
    )
    try:
        version = reader.execute("PRAGMA user_version").fetchone()[0]
        if version > VERSION:
            raise newer(file, version)
        reader.execute("SELECT count(*) FROM ledger WHERE entry < 0")
        return reader
    except BaseException:
        reader.close()
        raise


def newer(file: Path, version: int) -> StoreError:
    """Return what is said of a record that only a newer version can read."""
    return StoreError(
        f"{file} was written by a newer swe-scale (record version {version}, known {VERSION}): "
        "update swe-scale, or choose another --name."
    )
