"""Amounts that are not known yet: a low, a likely and a high value, and what is spent in each case."""

from collections.abc import Callable
from math import ceil, floor
from typing import Literal, Self

from swe_scale.records import Record, Usage

Level = Literal["low", "likely", "high"]
LEVELS: tuple[Level, ...] = ("low", "likely", "high")


class Range(Record):
    """Three values of one amount, each for the estimate of its name.

    Of what makes an estimate smaller the more there is of it, such as a speed, `low` is the largest.
    """

    low: float
    likely: float
    high: float

    @classmethod
    def of(cls, value: Callable[[Level], float]) -> Self:
        """Return the values of three cases, the likely one between the two others."""
        low, likely, high = (value(level) for level in LEVELS)
        return cls(low=min(low, likely), likely=likely, high=max(likely, high))

    def at(self, level: Level) -> float:
        """Return the value of one case."""
        match level:
            case "low":
                return self.low
            case "likely":
                return self.likely
            case "high":
                return self.high

    def up_to(self, most: float) -> "Range":
        """Return the range with no value above `most`."""
        return Range.of(lambda level: min(self.at(level), most))

    def __add__(self, other: "Range") -> "Range":
        """Return the sum, case by case: wider than what is probable of a sum."""
        return Range(low=self.low + other.low, likely=self.likely + other.likely, high=self.high + other.high)

    def times(self, other: "Range | float") -> "Range":
        """Return the product, case by case."""
        return Range.of(
            lambda level: self.at(level) * (other.at(level) if isinstance(other, Range) else other)
        )

    def whole(self) -> "Range":
        """Return the range in whole numbers."""
        return Range(low=floor(self.low), likely=round(self.likely), high=ceil(self.high))


class Typical(Record):
    """A low and a likely value of what has a bound: where nothing else is known, that is its high value."""

    low: float
    likely: float

    def up_to(self, most: float) -> Range:
        """Return the range that ends at the bound."""
        return Range(low=min(self.low, most), likely=min(self.likely, most), high=most)


NOTHING = Range(low=0, likely=0, high=0)


class Spending(Record):
    """What is spent on a model in each case, and what its calls can be charged at most.

    In `low` and `likely` the endpoint's cache is used as well as can be, in `high` not at all.
    """

    low: Usage = Usage()
    likely: Usage = Usage()
    high: Usage = Usage()
    cacheable: int = 0
    """Prompt tokens of `high` that a cache would have."""
    bound: Usage = Usage()
    """Calls at the bounds under which a budget admits them, none of them broken off."""

    def at(self, level: Level) -> Usage:
        """Return the spending of one case."""
        match level:
            case "low":
                return self.low
            case "likely":
                return self.likely
            case "high":
                return self.high

    def __add__(self, other: "Spending") -> "Spending":
        """Return the sum, case by case."""
        return Spending(
            low=self.low + other.low,
            likely=self.likely + other.likely,
            high=self.high + other.high,
            cacheable=self.cacheable + other.cacheable,
            bound=self.bound + other.bound,
        )
