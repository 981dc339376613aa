"""Calendar arithmetic on whole months, which `datetime.timedelta` doesn't know."""

from __future__ import annotations

from calendar import monthrange
from datetime import MAXYEAR, MINYEAR, date


def days_in_month(year: int, month: int) -> int:
    """Return how many days a month has."""
    return monthrange(year, month)[1]


def add_months(day: date, months: int) -> date:
    """Return the same day so many months later, or earlier where `months` is negative.

    A month that is too short gives its last day.

    Raises:
        OverflowError: the result lies outside the years that `date` knows.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError(f"{months} months from {day} is outside the calendar")
    return date(year, month + 1, min(day.day, days_in_month(year, month + 1)))


def months_between(first: date, second: date) -> int:
    """Return how many months the month of `second` comes after that of `first`; days don't count."""
    return (second.year - first.year) * 12 + second.month - first.month


def month_bounds(year: int, month: int) -> tuple[date, date]:
    """Return the first and the last day of a month."""
    return date(year, month, 1), date(year, month, days_in_month(year, month))
