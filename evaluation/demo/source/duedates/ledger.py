"""Several bills together: what is due in a stretch of time, what comes next, what it adds up to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

from duedates.bill import Bill, Payment
from duedates.errors import DueDatesError
from duedates.months import month_bounds
from duedates.workdays import WorkCalendar


class Ledger:
    """A collection of bills with different names."""

    def __init__(self, bills: Iterable[Bill], calendar: WorkCalendar | None = None) -> None:
        """Raise DueDatesError where two bills have the same name."""
        self.bills = tuple(bills)
        self.calendar = calendar or WorkCalendar()
        names = [bill.name for bill in self.bills]
        for name in names:
            if names.count(name) > 1:
                raise DueDatesError(f"two bills are called {name!r}")

    def between(self, first: date, last: date) -> list[Payment]:
        """Return what is due from `first` to `last`, both included, by due date and then by name."""
        return self._sorted((bill, bill.schedule.between(first, last)) for bill in self.bills)

    def month(self, year: int, month: int) -> list[Payment]:
        """Return what is due in a month."""
        return self.between(*month_bounds(year, month))

    def year(self, year: int) -> list[Payment]:
        """Return what is due in a year."""
        return self.between(date(year, 1, 1), date(year, 12, 31))

    def upcoming(self, day: date, count: int) -> list[Payment]:
        """Return the next `count` payments that are due after `day`."""
        return self._sorted((bill, bill.schedule.after(day, count)) for bill in self.bills)[:count]

    def totals(self, year: int) -> dict[int, int]:
        """Return the cents that are due in each month of a year; months without a payment have 0."""
        cents = dict.fromkeys(range(1, 13), 0)
        for payment in self.year(year):
            cents[payment.due.month] += payment.amount
        return cents

    def _sorted(self, due: Iterable[tuple[Bill, list[date]]]) -> list[Payment]:
        payments = (payment for bill, days in due for payment in bill.payments(days, self.calendar))
        return sorted(payments, key=lambda payment: payment.order)
