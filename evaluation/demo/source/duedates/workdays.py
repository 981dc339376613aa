"""On which days money moves, and what happens to a due date on which it doesn't."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import Enum

from duedates.errors import DueDatesError

_ONE_DAY = timedelta(days=1)
_LONGEST_CLOSURE = 60
"""Days in a row without a working day that are taken for a mistake."""


class Roll(Enum):
    """Which working day stands in for a day that isn't one."""

    NONE = "none"
    FOLLOWING = "following"
    PRECEDING = "preceding"
    MODIFIED = "modified"


@dataclass(frozen=True)
class WorkCalendar:
    """Weekends (Monday is 0) and further closed days."""

    closed: frozenset[date] = frozenset()
    weekend: tuple[int, ...] = (5, 6)

    def is_open(self, day: date) -> bool:
        """Return whether money moves on that day."""
        return day.weekday() not in self.weekend and day not in self.closed

    def roll(self, day: date, how: Roll) -> date:
        """Return the day itself where it is open, otherwise the one that stands in for it.

        Raises:
            DueDatesError: there is no working day anywhere near.
        """
        if how is Roll.NONE or self.is_open(day):
            return day
        if how is Roll.PRECEDING:
            return self._nearest(day, -_ONE_DAY)
        following = self._nearest(day, _ONE_DAY)
        if how is Roll.MODIFIED and following.month != day.month:
            return self._nearest(day, -_ONE_DAY)
        return following

    def _nearest(self, day: date, step: timedelta) -> date:
        found = day
        for _ in range(_LONGEST_CLOSURE):
            found += step
            if self.is_open(found):
                return found
        raise DueDatesError(f"no working day within {_LONGEST_CLOSURE} days of {day}")
