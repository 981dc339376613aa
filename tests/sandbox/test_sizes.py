import pytest

from swe_scale.errors import UsageError
from swe_scale.sandbox.sizes import parse_size, size


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("50GB", 50 * 10**9),
        ("500 mb", 5 * 10**8),
        ("10GiB", 10 << 30),
        ("1.5T", 15 * 10**11),
        ("7", 7),
        ("7B", 7),
    ],
)
def test_amounts_are_read(text: str, count: int) -> None:
    assert parse_size(text) == count


@pytest.mark.parametrize("text", ["", "GB", "5x", "-1GB", "1iB", "nan", "1e3", "1..2GB", "٣GB"])
def test_other_words_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is no amount of disk space"):
        parse_size(text)


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 B"), (999, "999 B"), (4096, "4.1 KB"), (26_900_000, "27 MB"), (10**12, "1.0 TB")],
)
def test_amounts_are_written(count: int, text: str) -> None:
    assert size(count) == text
