"""Files that are handed from job to job: read within bounds, written whole."""

from pathlib import Path

from swe_scale.errors import UsageError
from swe_scale.records import Record


def read_bounded(path: Path, largest: int, what: str) -> bytes:
    """Return a file's content.

    Args:
        path: of a file that anybody may have written.
        largest: bytes that it may have.
        what: it stands for, for the error: `event`.

    Raises:
        UsageError: it can't be read, or is larger.
    """
    try:
        with path.open("rb") as file:
            data = file.read(largest + 1)
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    if len(data) > largest:
        raise UsageError(f"{path} is larger than {largest >> 20} MiB; no {what} is that large")
    return data


def write_record(path: Path, record: Record) -> None:
    """Write what is handed on.

    Raises:
        UsageError: the file can't be written.
    """
    try:
        path.write_text(record.model_dump_json(indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path} can't be written: {error.strerror}") from error
