"""The small figures of which a summary is made: each with its interval, and with what it was counted over."""

from swe_scale.records import Record
from swe_scale.statistics import Proportion, wilson


class Measured(Record):
    """A figure with its 95 % interval."""

    value: float
    low: float
    high: float


class Share(Measured):
    """A proportion of issues with its interval by Wilson; `value` is `count` / `of`, 0 of nothing."""

    count: int
    of: int

    @classmethod
    def made(cls, count: int, of: int) -> "Share":
        """Return the proportion of so many of so many.

        Raises:
            ValueError: there are more than there can be, or fewer than none.
        """
        return cls.stated(wilson(count, of))

    @classmethod
    def stated(cls, found: Proportion) -> "Share":
        """Return a proportion as a record."""
        low, high = found.interval
        return cls(value=found.share, low=low, high=high, count=found.count, of=found.of)


class Spread(Record):
    """Least, median and greatest of several values, and their sum."""

    least: float
    median: float
    most: float
    total: float
    of: int
    """How many values."""


class Point(Record):
    """One point of a curve over an amount of compute."""

    at: int
    """Trajectories per issue, or turns per trajectory."""
    figure: Measured


class Cell(Record):
    """One place of the heat map: so many trajectories of so many turns."""

    turns: int
    """Serial compute: each trajectory is cut after so many turns."""
    samples: int
    """Parallel compute: so many of an issue's trajectories, drawn without replacement."""
    coverage: float | None
    """Share of issues in which one of them is resolved, 0 to 1. None: too few of these patches are graded."""
    issues: int
    """In which all patches after these turns were graded."""
