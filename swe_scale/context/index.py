"""Keeps what is known of contents by their hash: a later issue or commit looks only at what changed."""

import json
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock
from typing import NamedTuple

from swe_scale.contents.facts import Facts
from swe_scale.contents.outline import Definition
from swe_scale.store.disk import network_file_system

_VERSION = 1
"""Of what is found out and how it is written; files of earlier versions are removed."""
_KNOWN = 400_000
"""Words whose numbers are held in memory."""
_WAIT = 10.0
"""Seconds that a write waits for another process's."""
_TABLES = """
CREATE TABLE IF NOT EXISTS facts (
    blob TEXT, language TEXT, skipped TEXT, size INT, lines INT, terms BLOB, counts BLOB, names BLOB,
    defined BLOB, imports TEXT, PRIMARY KEY (blob, language)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS outlines (
    blob TEXT, language TEXT, definitions BLOB, PRIMARY KEY (blob, language)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS words (number INTEGER PRIMARY KEY, word TEXT UNIQUE);
CREATE TABLE IF NOT EXISTS notes (kind TEXT, key TEXT, note TEXT, PRIMARY KEY (kind, key)) WITHOUT ROWID;
"""


class Content(NamedTuple):
    """A file's content, and the language that its path says it is in."""

    blob: str
    language: str


class Row(NamedTuple):
    """What is known of a content; numbers of words are little-endian, of four bytes each."""

    skipped: str
    size: int
    lines: int
    terms: bytes
    counts: bytes
    """Two bytes each."""
    names: bytes
    defined: bytes
    """Names of what it defines."""
    imports: str
    """Statements, a line each."""


@dataclass(slots=True)
class Index:
    """One SQLite file per repository that several processes may share; threads take turns.

    It is a cache: where it can't be read or written, it is held in memory, and things are found out again.
    """

    connection: sqlite3.Connection
    _lock: RLock = field(default_factory=RLock)
    _numbers: dict[str, int] = field(default_factory=dict)

    def missing(self, contents: Iterable[Content]) -> set[Content]:
        """Return those contents of which nothing is known yet."""
        wanted = set(contents)
        with self._lock:
            known = self.connection.execute(
                "SELECT blob, language FROM facts JOIN json_each(?) ON blob = value",
                (json.dumps(sorted({one.blob for one in wanted})),),
            )
            return wanted - {Content(*row) for row in known}

    def add(self, found: Mapping[Content, Facts]) -> None:
        """Keep what was found out of contents: where the file can't be written, in memory."""
        with self._lock:
            try:
                self._add(found)
            except sqlite3.DatabaseError:
                self._go_on_in_memory()
                self._add(found)

    def _add(self, found: Mapping[Content, Facts]) -> None:
        with self._writing() as connection:
            numbers = self._number({word for facts in found.values() for word in _words_of(facts)})
            connection.executemany(
                "INSERT OR IGNORE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [(*content, *_row(facts, numbers)) for content, facts in found.items()],
            )
            connection.executemany(
                "INSERT OR IGNORE INTO outlines VALUES (?, ?, ?)",
                [(*content, _packed(facts.outline.definitions)) for content, facts in found.items()],
            )

    def rows(self, contents: Iterable[Content]) -> dict[Content, Row]:
        """Return what is known of contents; those of which nothing is are absent."""
        wanted = set(contents)
        with self._lock:
            rows = self.connection.execute(
                "SELECT facts.* FROM facts JOIN json_each(?) ON blob = value",
                (json.dumps(sorted({one.blob for one in wanted})),),
            )
            return {
                content: Row(*row)
                for blob, language, *row in rows
                if (content := Content(blob, language)) in wanted
            }

    def outline(self, content: Content) -> tuple[Definition, ...]:
        """Return what a content defines, in its order."""
        with self._lock:
            row = self.connection.execute(
                "SELECT definitions FROM outlines WHERE blob = ? AND language = ?", content
            ).fetchone()
        return _unpacked(row[0]) if row else ()

    def numbers(self, words: Iterable[str]) -> dict[str, int]:
        """Return the numbers of those words that stand in any content."""
        with self._lock:
            rows = self.connection.execute(
                "SELECT word, number FROM words JOIN json_each(?) ON word = value",
                (json.dumps(sorted(words)),),
            )
            return dict(rows.fetchall())

    def recall(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        """Return the notes of a kind that are kept under these keys."""
        with self._lock:
            rows = self.connection.execute(
                "SELECT notes.key, note FROM notes JOIN json_each(?) ON notes.key = value WHERE kind = ?",
                (json.dumps(sorted(set(keys))), kind),
            )
            return dict(rows.fetchall())

    def keep(self, kind: str, notes: Mapping[str, str]) -> None:
        """Keep notes of a kind under their keys."""
        with self._lock, suppress(sqlite3.OperationalError), self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", [(kind, *one) for one in notes.items()]
            )

    def _go_on_in_memory(self) -> None:
        """Leave the file to others; what can be read of it is known still, and the rest is missing again."""
        memory = _connected(Path(":memory:"), False)
        with suppress(sqlite3.Error):
            self.connection.backup(memory)
        memory.executescript(_TABLES)
        self.connection.close()
        self.connection = memory

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield self.connection
            self.connection.execute("COMMIT")
        except BaseException:
            self._numbers.clear()
            with suppress(sqlite3.Error):  # It may have been taken back already, as where the disk is full.
                self.connection.execute("ROLLBACK")
            raise

    def _number(self, words: set[str]) -> dict[str, int]:
        """Return the numbers of words, new ones for those that have none yet."""
        if len(self._numbers) + len(words) > _KNOWN:
            self._numbers.clear()
        unknown = words - self._numbers.keys()
        self._numbers |= self.numbers(unknown)
        fresh = sorted(unknown - self._numbers.keys())
        self.connection.executemany("INSERT INTO words (word) VALUES (?)", [(word,) for word in fresh])
        self._numbers |= self.numbers(fresh)
        return self._numbers


@contextmanager
def open_index(folder: Path) -> Iterator[Index]:
    """Open the index that is kept in a folder, made if need be."""
    _remove_older(folder)
    index = Index(_opened(folder / f"context-{_VERSION}.sqlite"))
    try:
        yield index
    finally:
        index.connection.close()


def _remove_older(folder: Path) -> None:
    for version in range(1, _VERSION):
        _remove(folder / f"context-{version}.sqlite")


def _remove(file: Path) -> None:
    for name in (file.name, f"{file.name}-wal", f"{file.name}-shm", f"{file.name}-journal"):
        with suppress(OSError):
            file.with_name(name).unlink()


def _opened(file: Path) -> sqlite3.Connection:
    for _ in range(2):
        try:
            return _connected(file, network_file_system(file.parent) is not None)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                break
            _remove(file)  # It is damaged, and holds nothing that can't be found out again.
        except OSError:
            break
    return _connected(Path(":memory:"), False)


def _connected(file: Path, remote: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(file, isolation_level=None, timeout=_WAIT, check_same_thread=False)
    try:
        connection.execute(f"PRAGMA journal_mode = {'TRUNCATE' if remote else 'WAL'}")
        connection.execute("PRAGMA synchronous = OFF")
        connection.executescript(_TABLES)
        # Damage within would show only where it is read.
        if (told := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise sqlite3.DatabaseError(told)
    except BaseException:
        connection.close()
        raise
    return connection


def _words_of(facts: Facts) -> Iterator[str]:
    yield from facts.terms
    yield from facts.names
    yield from (one.name for one in facts.outline.definitions)


def _row(facts: Facts, numbers: Mapping[str, int]) -> Row:
    return Row(
        skipped=facts.skipped,
        size=facts.size,
        lines=facts.lines,
        terms=_array(facts.terms, numbers),
        counts=b"".join(count.to_bytes(2, "little") for count in facts.terms.values()),
        names=_array(facts.names, numbers),
        defined=_array(dict.fromkeys(one.name for one in facts.outline.definitions), numbers),
        imports="\n".join(facts.outline.imports),
    )


def _array(words: Iterable[str], numbers: Mapping[str, int]) -> bytes:
    return b"".join(numbers[word].to_bytes(4, "little") for word in words)


def _packed(definitions: Sequence[Definition]) -> bytes:
    rows = [(one.name, one.first, one.last, one.body) for one in definitions]
    return zlib.compress(json.dumps(rows).encode(), 1)


def _unpacked(data: bytes) -> tuple[Definition, ...]:
    return tuple(Definition(*row) for row in json.loads(zlib.decompress(data)))
