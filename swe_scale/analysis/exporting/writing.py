"""Writes an export: issue by issue, and under its final name only when it is whole."""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from swe_scale.analysis.exporting.formats import Format, Writer, open_writer
from swe_scale.analysis.exporting.tables import TABLES, Row, grade_row, issue_row, ledger_row, rows_of
from swe_scale.analysis.runs import Run
from swe_scale.errors import StoreError, UsageError
from swe_scale.records import Record
from swe_scale.timeline import read_spans

__all__ = ["MANIFEST", "VERSION", "Exported", "Format", "export_run"]

MANIFEST = "export.json"
"""Written last: an export without it isn't whole."""
VERSION = 1
"""Of the tables: a column's name or meaning never changes within a version."""


class Exported(Record):
    """What an export holds; also its `export.json`."""

    version: int
    run: str
    format: Format
    rows: Mapping[str, int]
    """By table."""


def export_run(run: Run, to: Path, form: Format = "jsonl", tables: Collection[str] = ()) -> Exported:
    """Write a run's record as tables.

    Args:
        run: open for reading.
        to: the folder, made if need be; files of an earlier export in it are replaced.
        form: of the files.
        tables: those that are wanted; none is all.

    Raises:
        UsageError: there is no such table, or parquet can't be written here.
        StoreError: the record can't be read, or the folder can't be written.
    """
    if unknown := sorted({*tables} - TABLES.keys()):
        raise UsageError(f"there is no table {unknown[0]!r}; known are {', '.join(TABLES)}.")
    wanted = [name for name in TABLES if name in tables or not tables]
    try:
        to.mkdir(parents=True, exist_ok=True)
        counts = dict.fromkeys(wanted, 0)
        with _replacing(to, wanted, form) as writers:
            for name, row in _rows(run):
                if name in writers:
                    writers[name].write(row)
                    counts[name] += 1
        made = Exported(version=VERSION, run=run.name, format=form, rows=counts)
        _write_manifest(to, made)
        return made
    except (OverflowError, ValueError) as error:
        raise StoreError(f"a value doesn't fit the table's form: {error}. Take --format jsonl.") from error
    except OSError as error:
        raise StoreError(
            f"{to} can't be written: {error.strerror or error}. Free some space, or choose another folder."
        ) from error


def _rows(run: Run) -> Iterator[tuple[str, Row]]:
    """Yield all rows, those of an issue together, issues in the run's order."""
    for task in run.job.tasks:
        solution, issue = run.solution(task), {"issue": task.issue.id}
        failure = run.failure(task) if solution is None else None
        spans = [
            one.model_dump(mode="json", exclude={"issue"}) for one in read_spans(run.record, task.issue.id)
        ]
        yield "issues", issue_row(task, solution, failure) | {"spans": spans}
        if solution is not None:
            for name, row in rows_of(solution):
                yield name, row | issue
    for entry in run.entries():
        yield "ledger", ledger_row(entry)
    for grade in run.grades.values():
        yield "grades", grade_row(grade)


@contextmanager
def _replacing(to: Path, names: list[str], form: Format) -> Iterator[Mapping[str, Writer]]:
    """Open a writer per table; their files get their names when all of them are whole."""
    fresh = {name: to / f".{name}.{form}.{os.getpid()}" for name in names}
    writers: dict[str, Writer] = {}
    try:
        try:
            for name in names:
                writers[name] = open_writer(form, fresh[name], TABLES[name])
            yield writers
        finally:
            _close(list(writers.values()))
        (to / MANIFEST).unlink(missing_ok=True)
        for name in names:
            fresh[name].replace(to / f"{name}.{form}")
    finally:
        for file in fresh.values():
            file.unlink(missing_ok=True)


def _close(writers: list[Writer]) -> None:
    """Close all of them, though one may fail."""
    if writers:
        try:
            writers[0].close()
        finally:
            _close(writers[1:])


def _write_manifest(to: Path, made: Exported) -> None:
    fresh = to / f".{MANIFEST}.{os.getpid()}"
    try:
        fresh.write_text(json.dumps(made.model_dump(mode="json"), indent=1) + "\n", encoding="ascii")
        fresh.replace(to / MANIFEST)
    finally:
        fresh.unlink(missing_ok=True)
