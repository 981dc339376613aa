"""A deadline is one moment, in local time unless it says otherwise; what isn't one is refused."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from swe_scale.cli.deadline import deadline_of
from swe_scale.errors import UsageError

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"
"""Clocks are put forward on the last Sunday of March at 2:00, and back on that of October at 3:00."""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", BERLIN)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(year: int, month: int, day: int, hour: int, *rest: int, hours: int) -> datetime:
    minute, second = (*rest, 0)[:2]
    return datetime(year, month, day, hour, minute, second, tzinfo=timezone(timedelta(hours=hours)))


NOW = at(2026, 7, 1, 12, 0, hours=2)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("18:30", at(2026, 7, 1, 18, 30, hours=2)),
        (" 12:00:01 ", at(2026, 7, 1, 12, 0, 1, hours=2)),
        ("2026-12-01T18:30", at(2026, 12, 1, 18, 30, hours=1)),
        ("2026-12-01 18:30:05", at(2026, 12, 1, 18, 30, 5, hours=1)),
        ("2026-07-01T10:30Z", at(2026, 7, 1, 12, 30, hours=2)),
        ("2026-07-01T10:30-05:00", at(2026, 7, 1, 10, 30, hours=-5)),
        ("2026-10-25T02:30+01:00", at(2026, 10, 25, 2, 30, hours=1)),
        ("+45min", at(2026, 7, 1, 12, 45, hours=2)),
        ("+ 1 minute", at(2026, 7, 1, 12, 1, hours=2)),
        ("+1.5h", at(2026, 7, 1, 13, 30, hours=2)),
        ("+2 hours", at(2026, 7, 1, 14, 0, hours=2)),
    ],
)
def test_what_a_deadline_names(text: str, moment: datetime) -> None:
    assert deadline_of(text, NOW) == moment


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "can't be understood: write 18:30"),
        ("soon", "can't be understood"),
        ("6pm", "can't be understood"),
        ("45min", "can't be understood"),
        ("+45", "can't be understood"),
        ("+-5min", "can't be understood"),
        ("+1.2.3h", "can't be understood"),
        ("+٤٥min", "can't be understood"),
        ("+99999999999h", "can't be understood"),
        ("25:00", "can't be understood"),
        ("18:30 CET", "can't be understood"),
        ("2026-13-01T00:00", "can't be understood"),
        ("2026-12-01", "can't be understood"),
        ("2026-W50-1", "can't be understood"),
        ("11:59", "is over: it is 2026-07-01 12:00:00 UTC+0200"),
        ("2020-01-01T00:00Z", "is over"),
        ("+0min", "is over"),
        ("2027-03-28T02:30", "never comes: clocks are put forward"),
        ("2026-10-25T02:30", "write 2026-10-25T02:30:00+02:00 or 2026-10-25T02:30:00+01:00"),
    ],
)
def test_what_is_no_deadline(text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"^--deadline") as caught:
        deadline_of(text, NOW)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def test_now_is_local_time() -> None:
    found = deadline_of("+1h")
    assert found is not None and timedelta(0) < found - datetime.now(UTC) <= timedelta(hours=1)
    assert found.utcoffset() in (timedelta(hours=1), timedelta(hours=2))
    assert deadline_of(None) is None
