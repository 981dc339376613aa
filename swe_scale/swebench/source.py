"""Opens a dataset, whatever holds it, as a stream of rows with only the columns that are asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from swe_scale.errors import UsageError
from swe_scale.swebench.lines import read_lines
from swe_scale.swebench.rows import Found


def stream(source: str | Path, columns: frozenset[str]) -> Iterator[Found]:
    """Yield the rows of a dataset, in its order.

    Args:
        source: a file.
        columns: those that are kept; what else a row has is dropped as soon as it is parsed.

    Raises:
        UsageError: there is no such dataset, or it can't be read.
    """
    path = Path(source)
    with _readable(path), path.open("rb") as file:
        yield from read_lines(file, columns)


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}.") from error
