"""A rule tied to its first date: the dates themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice, takewhile

from duedates.errors import RuleError
from duedates.rule import Rule


@dataclass(frozen=True)
class Schedule:
    """The dates that a rule gives from `start` on, in order, without those in `skipped`."""

    start: date
    rule: Rule
    skipped: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if self.rule.weekdays and self.start.weekday() not in self.rule.weekdays:
            raise RuleError(f"the start, {self.start}, is not on one of the rule's weekdays")
        object.__setattr__(self, "skipped", frozenset(self.skipped))

    def __iter__(self) -> Iterator[date]:
        """Yield every date; without an `until`, up to the end of the calendar."""
        return self._walk(self.start)

    def between(self, first: date, last: date) -> list[date]:
        """Return the dates from `first` to `last`, both included."""
        return list(takewhile(lambda day: day <= last, self._walk(first)))

    def after(self, day: date, count: int) -> list[date]:
        """Return the next `count` dates after `day`; fewer where the schedule ends."""
        if day == date.max:
            return []
        return list(islice(self._walk(day + timedelta(days=1)), count))

    def _walk(self, day: date) -> Iterator[date]:
        """Yield the dates that are not before `day`."""
        try:
            current = self.rule.first_from(self.start, day)
            while self.rule.until is None or current <= self.rule.until:
                if current not in self.skipped:
                    yield current
                current = self.rule.next(current)
        except OverflowError:  # the calendar ends with the year 9999
            return
