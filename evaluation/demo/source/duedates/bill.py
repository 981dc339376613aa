"""A bill that comes back, and its single payments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from duedates.errors import DueDatesError
from duedates.schedule import Schedule
from duedates.workdays import Roll, WorkCalendar


@dataclass(frozen=True)
class Bill:
    """Something that is paid again and again, always the same amount, in cents."""

    name: str
    amount: int
    schedule: Schedule
    roll: Roll = Roll.NONE

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise DueDatesError("a bill needs a name")
        if self.amount <= 0:
            raise DueDatesError(f"{self.name}: an amount must be more than nothing")

    def payments(self, days: Iterable[date], calendar: WorkCalendar) -> Iterator[Payment]:
        """Yield the payment for each due date."""
        for day in days:
            yield Payment(self, due=day, paid=calendar.roll(day, self.roll))


@dataclass(frozen=True)
class Payment:
    """One payment of a bill: `due` by the rule, `paid` on a working day."""

    bill: Bill
    due: date
    paid: date

    @property
    def amount(self) -> int:
        """Cents."""
        return self.bill.amount

    @property
    def order(self) -> tuple[date, str]:
        """What lists are sorted by."""
        return self.due, self.bill.name
