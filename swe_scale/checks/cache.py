"""Verdicts kept across runs in the user's cache folder: the same check on the same tree says the same."""

import sqlite3
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from swe_scale.records import Record, Verdict
from swe_scale.store.disk import network_file_system

R = TypeVar("R", bound=Record)


class VerdictCache:
    """A context manager over one SQLite file that several processes may share.

    A cache that can't be read or written costs time, never a run.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / "verdicts.sqlite"
        self._connection: sqlite3.Connection | None = None

    def __enter__(self) -> "VerdictCache":
        """Open the file, made if need be."""
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(self._file, isolation_level=None, timeout=2)
            journal = "TRUNCATE" if network_file_system(self._file.parent) else "WAL"
            self._connection.execute(f"PRAGMA journal_mode = {journal}")
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS verdicts (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID"
            )
        except (OSError, sqlite3.Error):
            self._connection = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def get(self, key: str) -> Verdict | None:
        """Return the verdict kept under a key."""
        return self.recall(key, Verdict)

    def put(self, key: str, verdict: Verdict) -> None:
        """Keep a verdict; time-outs and infrastructure faults are not kept."""
        if verdict.outcome not in ("timeout", "infra"):
            self.keep(key, verdict)

    def recall(self, key: str, kind: type[R]) -> R | None:
        """Return what is kept under a key; None where there is nothing of this kind."""
        if self._connection is None:
            return None
        try:
            row = self._connection.execute("SELECT value FROM verdicts WHERE key = ?", (key,)).fetchone()
            return None if row is None else kind.model_validate_json(row[0])
        except (sqlite3.Error, ValueError):
            return None

    def keep(self, key: str, value: Record) -> None:
        """Keep any other result that depends on nothing but what its key tells."""
        if self._connection is None:
            return
        try:
            self._connection.execute(
                "INSERT OR REPLACE INTO verdicts VALUES (?, ?)", (key, value.model_dump_json())
            )
        except sqlite3.Error:
            self._connection.close()
            self._connection = None
