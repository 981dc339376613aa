"""What a run that was killed has left: the steps on record, and what it has executed."""

import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path


def finished(folder: Path) -> set[str]:
    """Return the addresses of the steps that are recorded."""
    if not (folder / "run.sqlite").is_file():
        return set()
    with closing(sqlite3.connect(folder / "run.sqlite")) as record:
        try:
            return {path for (path,) in record.execute("SELECT path FROM steps")}
        except sqlite3.OperationalError:
            return set()


def counted(log: Path) -> Counter[str]:
    """Return how often each line stands in a log."""
    return Counter(log.read_text().splitlines()) if log.is_file() else Counter()


def judging(step: str) -> bool:
    """Return whether a step is a run of a check: in a cell, or in a control experiment."""
    return "/cell/" in step or "/control/" in step
