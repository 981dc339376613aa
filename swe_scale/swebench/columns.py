"""Reads rows out of Parquet files a batch at a time, and only the columns that are asked for."""

from collections.abc import Iterator
from pathlib import Path

from swe_scale.errors import UsageError
from swe_scale.swebench.rows import Found

_BATCH = 32
"""Rows at a time: of a dataset with megabytes in each row, some hundred megabytes at most."""
_BUFFER = 1 << 20
"""Bytes of a column at a time; otherwise a whole row group of it is held."""
INSTALL = "install it with: pip install 'swe-scale[swebench]'"


def read_parquet(path: Path, columns: frozenset[str], needed: frozenset[str]) -> Iterator[Found]:
    """Yield the rows of a file, with the columns that are asked for; others are never read from the disk.

    Raises:
        UsageError: it is no Parquet file, lacks a column that is needed, or the package that reads them is
            missing.
    """
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise UsageError(f"to read {path}, the package pyarrow is needed; {INSTALL}") from error
    number = 0
    try:
        with ParquetFile(path, buffer_size=_BUFFER, pre_buffer=False) as file:
            names = frozenset(file.schema_arrow.names)
            check_columns(str(path), names, needed)
            for batch in file.iter_batches(_BATCH, columns=sorted(columns & names), use_threads=False):
                for row in batch.to_pylist():
                    number += 1
                    yield Found(f"row {number}", row, names)
    except (ArrowException, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())[:200]
        raise UsageError(f"{path} can't be read as a Parquet file, after {number} rows: {said}") from error


def check_columns(name: str, names: frozenset[str], needed: frozenset[str]) -> None:
    """Refuse a table without columns that every row needs.

    Raises:
        UsageError: it lacks one; says which it has.
    """
    if lacks := sorted(needed - names):
        has = ", ".join(sorted(names))[:300]
        raise UsageError(f"{name} lacks the columns {', '.join(lacks)}; it has: {has or 'none'}.")
