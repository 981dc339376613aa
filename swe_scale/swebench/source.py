"""Opens a dataset, whatever holds it, as a stream of rows with only the columns that are asked for."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from swe_scale.errors import UsageError
from swe_scale.swebench.columns import read_parquet
from swe_scale.swebench.hub import read_hub
from swe_scale.swebench.lines import read_lines
from swe_scale.swebench.named import Hub, resolve
from swe_scale.swebench.objects import read_objects
from swe_scale.swebench.rows import Found

_HEAD = 1 << 16
_MARK = b"\xef\xbb\xbf"


def stream(
    source: str | Path, columns: frozenset[str], needed: frozenset[str] = frozenset()
) -> Iterator[Found]:
    """Yield the rows of a dataset, in its order, in memory that doesn't grow with it.

    Args:
        source: a name such as `verified` or `live:lite`, an OWNER/NAME of the Hugging Face hub, or a file:
            JSON Lines, a JSON array or object of rows, Parquet; of a folder, its Parquet files by name.
        columns: those that are kept; what else a row has is dropped as soon as it is parsed.
        needed: those without which a table is of no use.

    Raises:
        UsageError: there is no such dataset, or it can't be read.
    """
    found = resolve(source)
    if isinstance(found, Hub):
        yield from read_hub(found, columns, needed)
        return
    try:
        for path in _files(found):
            yield from _of_file(path, columns, needed)
    except OSError as error:
        raise UsageError(f"{found} can't be read: {error.strerror or error}.") from error


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    files = sorted(path.glob("*.parquet"))
    if not files:
        raise UsageError(f"{path} is a folder without a .parquet file; name a file of rows.")
    return files


def _of_file(path: Path, columns: frozenset[str], needed: frozenset[str]) -> Iterator[Found]:
    if path.suffix.lower() == ".parquet":
        yield from read_parquet(path, columns, needed)
        return
    with path.open("rb") as file:
        read = read_objects if _is_one_document(file, path.suffix.lower()) else read_lines
        file.seek(0)
        yield from read(file, columns)


def _is_one_document(file: BinaryIO, suffix: str) -> bool:
    """Return whether a file is one JSON document of rows: an array, or an object over several lines."""
    head = file.read(_HEAD).removeprefix(_MARK).lstrip()
    if suffix == ".json" and head.startswith(b"{"):
        # JSON Lines by another name: a whole row on the first line.
        file.seek(0)
        return "instance_id" not in next(iter(read_lines(file, frozenset()))).names
    return suffix not in (".jsonl", ".ndjson") and head.startswith(b"[")
