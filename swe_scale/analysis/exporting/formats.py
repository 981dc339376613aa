"""The two forms of a table's file: JSON Lines, and parquet by pyarrow where that is installed."""

import json
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

from swe_scale.analysis.exporting.tables import Row, Table
from swe_scale.analysis.exporting.texts import decoded, encoded
from swe_scale.errors import UsageError

Format = Literal["jsonl", "parquet"]
_BATCH = 1 << 24
"""Characters that are gathered before a row group is written."""
_ROWS = 256
"""Of a row group that are read at a time."""


class Writer(Protocol):
    """Writes the rows of one table."""

    def write(self, row: Row) -> None:
        """Take one row; a column that it lacks is null."""
        ...

    def close(self) -> None:
        """Write what is left; the file is then whole."""
        ...


class _Lines:
    def __init__(self, file: Path, table: Table) -> None:
        self._names = [one.name for one in table.columns]
        self._file = file.open("w", encoding="ascii", newline="")

    def write(self, row: Row) -> None:
        self._file.write(json.dumps({name: encoded(row.get(name)) for name in self._names}) + "\n")

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, file: Path, table: Table) -> None:
        self._arrow = arrow("pyarrow")
        types = {
            "text": self._arrow.string(), "int": self._arrow.int64(), "float": self._arrow.float64(),
            "bool": self._arrow.bool_(), "json": self._arrow.string(),
        }  # fmt: skip
        self._table = table
        self._schema = self._arrow.schema([(one.name, types[one.type]) for one in table.columns])
        self._writer = arrow("pyarrow.parquet").ParquetWriter(str(file), self._schema, compression="zstd")
        self._rows: list[Row] = []
        self._size = 0

    def write(self, row: Row) -> None:
        told: Row = {}
        for column in self._table.columns:
            value = row.get(column.name)
            value = value if column.type == "float" else encoded(value)
            if column.type == "json" and value is not None:
                value = json.dumps(value)
            told[column.name] = value
            self._size += len(value) if isinstance(value, str) else 8
        self._rows.append(told)
        if self._size > _BATCH:
            self._flush()

    def close(self) -> None:
        try:
            self._flush()
        finally:
            self._writer.close()

    def _flush(self) -> None:
        self._writer.write_table(self._arrow.Table.from_pylist(self._rows, schema=self._schema))
        self._rows, self._size = [], 0


def arrow(module: str) -> Any:
    """Return a module of pyarrow.

    Raises:
        UsageError: it isn't installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise UsageError(
            "parquet needs pyarrow, which isn't installed: pip install 'swe-scale[swebench]', or take "
            "--format jsonl."
        ) from error


def open_writer(form: Format, file: Path, table: Table) -> Writer:
    """Return what writes a table.

    Raises:
        UsageError: pyarrow is needed, and isn't installed.
        OSError: the file can't be made.
    """
    return _Lines(file, table) if form == "jsonl" else _Parquet(file, table)


def read_rows(file: Path, table: Table) -> Iterator[Row]:
    """Yield the rows of a table, as they were written.

    Raises:
        ValueError, OSError: it can't be read.
    """
    if file.suffix == ".parquet":
        yield from _read_parquet(file, table)
        return
    with file.open(encoding="ascii") as lines:
        for line in lines:
            yield decoded(json.loads(line))


def _read_parquet(file: Path, table: Table) -> Iterator[Row]:
    structured = [one.name for one in table.columns if one.type == "json"]
    with arrow("pyarrow.parquet").ParquetFile(str(file)) as opened:
        for batch in opened.iter_batches(batch_size=_ROWS):
            for row in batch.to_pylist():
                for name in structured:
                    if row.get(name) is not None:
                        row[name] = json.loads(row[name])
                yield decoded(row)
