"""Axes of plots: where a value lies, and which values are written beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from math import ceil, floor, log10

from markupsafe import Markup

from swe_scale.viewer.svg import element, joined

WIDTH, HEIGHT = 460.0, 270.0
LEFT, RIGHT, TOP, BOTTOM = 46.0, 96.0, 10.0, 40.0
_STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class Axis:
    """One direction of a plot."""

    title: str
    """With its unit."""
    low: float
    high: float
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """Two axes, and the place that lies between them."""

    across: Axis
    up: Axis
    right: float = RIGHT
    """Room for what is written beside the ends of lines."""

    def x(self, value: float) -> float:
        """Return where a value lies from the left."""
        return LEFT + (WIDTH - LEFT - self.right) * _part(value, self.across)

    def y(self, value: float) -> float:
        """Return where a value lies from the top."""
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * _part(value, self.up)

    def drawn(self) -> Markup:
        """Return both axes with their titles, and the lines across."""
        end, bottom = WIDTH - self.right, HEIGHT - BOTTOM
        rows = [
            element("line", x1=LEFT, x2=end, y1=self.y(value), y2=self.y(value), class_="grid")
            + element("text", label, x=LEFT - 6, y=self.y(value) + 3.5, class_="tick end")
            for value, label in self.up.ticks
        ]
        columns = [
            element("line", x1=self.x(value), x2=self.x(value), y1=bottom, y2=bottom + 4, class_="axis")
            + element("text", label, x=self.x(value), y=bottom + 16, class_="tick middle")
            for value, label in self.across.ticks
        ]
        titles = [
            element("text", self.across.title, x=(LEFT + end) / 2, y=HEIGHT - 6, class_="title middle"),
            element(
                "text", self.up.title, x=0, y=0, class_="title middle",
                transform=f"translate(11 {(TOP + bottom) / 2:.1f}) rotate(-90)",
            ),
        ]  # fmt: skip
        line = element("line", x1=LEFT, x2=end, y1=bottom, y2=bottom, class_="axis")
        return element("g", joined([*rows, line, *columns, *titles]), class_="axes")


def _part(value: float, axis: Axis) -> float:
    span = axis.high - axis.low
    return (value - axis.low) / span if span else 0.5


def shares(title: str, values: Sequence[float]) -> Axis:
    """Return an axis of shares, in percent: as much of 0 to 1 as the values need."""
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    low, high = max(0.0, floor(low * 10) / 10), min(1.0, ceil(high * 10) / 10)
    if high - low < 0.2:
        low, high = max(0.0, low - 0.1), min(1.0, high + 0.1)
    # A scale that nearly begins at nothing is easier to read where it does.
    low = 0.0 if low <= 0.3 else low
    step = 0.1 if high - low <= 0.5 else 0.2
    steps = range(round(low / step + 0.49), round(high / step) + 1)
    return Axis(title, low, high, tuple((place * step, f"{place * step * 100:.0f}") for place in steps))


def counts(title: str, values: Sequence[int]) -> Axis:
    """Return an axis of whole numbers, all of which are named where there is room."""
    least, most = (min(values), max(values)) if values else (0, 1)
    step = max(1, ceil((most - least) / 10))
    ticks = tuple((float(value), str(value)) for value in range(least, most + 1, step))
    return Axis(title, float(least), float(most), ticks)


def amounts(title: str, most: float) -> Axis:
    """Return an axis that begins at 0, with round numbers up to the most."""
    if most <= 0:
        return Axis(title, 0.0, 1.0, ((0.0, "0"),))
    rough = most / 5
    base = 10.0 ** floor(log10(rough))
    step = next(base * part for part in _STEPS if base * part >= rough)
    places = takewhile(lambda place: place * step <= most * 1.0001, range(100))
    return Axis(title, 0.0, most, tuple((place * step, _short(place * step)) for place in places))


def _short(value: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:g}{letter}"
    return f"{value:.3g}"
