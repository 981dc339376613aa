"""How a date comes back: every so many days, weeks, months or years."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from duedates.errors import RuleError
from duedates.months import add_months, months_between


class Frequency(Enum):
    """The unit in which a rule counts."""

    DAILY = "day"
    WEEKLY = "week"
    MONTHLY = "month"
    YEARLY = "year"


@dataclass(frozen=True)
class Rule:
    """A way of coming back, without a date to start from.

    `weekdays` (Monday is 0) belongs to weekly rules; without it the weekday of the start counts.
    `until` is the last day on which a date may fall.
    """

    frequency: Frequency
    every: int = 1
    weekdays: tuple[int, ...] = ()
    until: date | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise RuleError(f"a rule can't come back every {self.every} {self.frequency.value}s")
        if self.weekdays and self.frequency is not Frequency.WEEKLY:
            raise RuleError("weekdays belong to weekly rules")
        if any(not 0 <= weekday <= 6 for weekday in self.weekdays):
            raise RuleError(f"weekdays go from 0 (Monday) to 6, not {self.weekdays}")
        object.__setattr__(self, "weekdays", tuple(sorted(set(self.weekdays))))

    @property
    def months(self) -> int:
        """Months from one date to the next; 0 for rules that count in days or weeks."""
        if self.frequency is Frequency.MONTHLY:
            return self.every
        if self.frequency is Frequency.YEARLY:
            return 12 * self.every
        return 0

    def next(self, previous: date) -> date:
        """Return the date that follows `previous`, which must be a date of this rule.

        Raises:
            OverflowError: it lies outside the calendar.
        """
        if self.months:
            return add_months(previous, self.months)
        if self.frequency is Frequency.DAILY:
            return previous + timedelta(days=self.every)
        return self._next_weekday(previous)

    def first_from(self, start: date, day: date) -> date:
        """Return the first date, counted from `start`, that is not before `day`; no walking from the start.

        Raises:
            OverflowError: it lies outside the calendar.
        """
        if day <= start:
            return start
        if self.months:
            periods = months_between(start, day) // self.months
            found = add_months(start, periods * self.months)
            return found if found >= day else add_months(start, (periods + 1) * self.months)
        period = timedelta(days=self.every * (1 if self.frequency is Frequency.DAILY else 7))
        found = start + (day - start) // period * period
        while found < day:
            found = self.next(found)
        return found

    def _next_weekday(self, previous: date) -> date:
        if not self.weekdays:
            return previous + timedelta(weeks=self.every)
        monday = previous - timedelta(days=previous.weekday())
        for weekday in self.weekdays:
            if weekday > previous.weekday():
                return monday + timedelta(days=weekday)
        return monday + timedelta(weeks=self.every, days=self.weekdays[0])
