"""Draws the plots of a report by hand: lines with bands, points with intervals, a heat map, bars of time."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from swe_scale.viewer.axes import HEIGHT, WIDTH, Frame, amounts, shares
from swe_scale.viewer.svg import element, joined, picture

_APART = 13.0
"""Between two texts beside the ends of lines."""


@dataclass(frozen=True, slots=True)
class Dot:
    """A point with its interval; `label` is written beside it."""

    x: float
    y: float
    low: float
    high: float
    label: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """Points of one kind, from left to right."""

    name: str
    kind: str
    """Names its colour: `first`, `second`, …"""
    dots: tuple[Dot, ...]
    band: bool = True
    """Whether its interval is drawn."""
    marks: bool = True
    """Whether its points are."""


def lines(title: str, frame: Frame, curves: Sequence[Curve], diagonal: bool = False) -> Markup:
    """Return curves with their intervals as bands, each named at its right end.

    Args:
        title: what it shows, for those who don't see it.
        frame: its axes.
        curves: what is drawn, the foremost last.
        diagonal: whether the line on which both coordinates are equal is drawn.
    """
    drawn = [one for one in curves if one.dots]
    parts = [frame.drawn()]
    if diagonal:
        parts.append(_path(frame, [(0.0, 0.0), (1.0, 1.0)], "ideal"))
    parts += [_band(frame, one) for one in drawn if one.band and len(one.dots) > 1]
    for one in drawn:
        parts.append(_path(frame, [(dot.x, dot.y) for dot in one.dots], f"line {one.kind}"))
        parts += [_mark(frame, dot, one.kind) for dot in one.dots if one.marks]
    return picture(title, _told(drawn), WIDTH, HEIGHT, *parts, _names(frame, drawn))


def points(title: str, frame: Frame, dots: Sequence[Dot], kind: str = "first") -> Markup:
    """Return points with their intervals as bars, and the line on which both coordinates are equal."""
    parts = [frame.drawn(), _path(frame, [(0.0, 0.0), (1.0, 1.0)], "ideal")]
    for dot in dots:
        x = frame.x(dot.x)
        parts.append(
            element("line", x1=x, x2=x, y1=frame.y(dot.low), y2=frame.y(dot.high), class_=f"reach {kind}")
        )
        parts.append(_mark(frame, dot, kind))
        parts.append(element("text", dot.label, x=x + 6, y=frame.y(dot.y) - 6, class_="note"))
    return picture(title, f"{len(dots)} points.", WIDTH, HEIGHT, *parts)


def _path(frame: Frame, places: Sequence[tuple[float, float]], kind: str) -> Markup:
    steps = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in places)
    return element("polyline", points=steps, class_=kind)


def _band(frame: Frame, curve: Curve) -> Markup:
    upper = [(dot.x, dot.high) for dot in curve.dots]
    lower = [(dot.x, dot.low) for dot in reversed(curve.dots)]
    steps = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in upper + lower)
    return element("polygon", points=steps, class_=f"band {curve.kind}")


def _mark(frame: Frame, dot: Dot, kind: str) -> Markup:
    told = f"{dot.label or f'{dot.x:g}'}: {dot.y:.1%} ({dot.low:.1%} – {dot.high:.1%})"
    return element(
        "circle", element("title", told), cx=frame.x(dot.x), cy=frame.y(dot.y), r=2.8, class_=f"mark {kind}"
    )


def _names(frame: Frame, curves: Sequence[Curve]) -> Markup:
    """Return the names of curves beside their ends, moved apart where they would lie on one another."""
    made: list[Markup] = []
    last = -_APART
    for one in sorted(curves, key=lambda one: frame.y(one.dots[-1].y)):
        end = one.dots[-1]
        last = max(frame.y(end.y) + 3.5, last + _APART)
        made.append(element("text", one.name, x=frame.x(end.x) + 8, y=last, class_=f"name {one.kind}"))
    return joined(made)


def _told(curves: Sequence[Curve]) -> str:
    return " ".join(
        f"{one.name}: {one.dots[0].y:.1%} at {one.dots[0].x:g}, {one.dots[-1].y:.1%} at {one.dots[-1].x:g}."
        for one in curves
    )


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a plot of intervals."""

    name: str
    kind: str
    value: float
    low: float
    high: float
    note: str


def intervals(title: str, rows: Sequence[Row]) -> Markup:
    """Return shares below one another on one axis, each with its interval."""
    left, right, pitch = 140.0, 190.0, 26.0
    width, bottom = 820.0, 10.0 + pitch * len(rows)
    axis = shares("issues, %", [value for one in rows for value in (one.low, one.high)])

    def x(value: float) -> float:
        return left + (width - left - right) * (value - axis.low) / (axis.high - axis.low)

    parts = [
        element("line", x1=x(value), x2=x(value), y1=4, y2=bottom, class_="grid")
        + element("text", label, x=x(value), y=bottom + 14, class_="tick middle")
        for value, label in axis.ticks
    ]
    parts.append(element("text", axis.title, x=width - right + 22, y=bottom + 14, class_="title"))
    for place, one in enumerate(rows):
        y = 10 + pitch * (place + 0.5)
        parts += [
            element("text", one.name, x=left - 12, y=y + 4, class_="label end"),
            element("line", x1=x(one.low), x2=x(one.high), y1=y, y2=y, class_=f"reach {one.kind}"),
            element("circle", cx=x(one.value), cy=y, r=4.5, class_=f"mark {one.kind}"),
            element("text", one.note, x=width - right + 12, y=y + 4, class_="label"),
        ]
    told = " ".join(f"{one.name}: {one.value:.1%}, {one.low:.1%} to {one.high:.1%}." for one in rows)
    return picture(title, told, width, bottom + 22, *parts)


@dataclass(frozen=True, slots=True)
class Place:
    """One cell of a heat map; None: nothing is known of it."""

    row: int
    column: int
    value: float | None


def heat(title: str, across: str, up: str, places: Sequence[Place]) -> Markup:
    """Return shares over two amounts, each written into its cell, the darkest the greatest."""
    rows, columns = sorted({one.row for one in places}), sorted({one.column for one in places})
    known = [one.value for one in places if one.value is not None]
    least, most = (min(known), max(known)) if known else (0.0, 1.0)
    wide, high = (WIDTH - 50.0) / max(1, len(columns)), min(26.0, 218.0 / max(1, len(rows)))
    bottom = 8.0 + high * len(rows)
    parts = []
    for one in places:
        x = 46.0 + wide * columns.index(one.column)
        y = bottom - high * (rows.index(one.row) + 1)
        depth = 0 if one.value is None else 1 + round(7 * (one.value - least) / ((most - least) or 1.0))
        parts.append(element("rect", x=x, y=y, width=wide - 1.5, height=high - 1.5, class_=f"heat h{depth}"))
        text = "–" if one.value is None else f"{one.value * 100:.0f}"
        if wide >= 20:
            place = {"x": x + wide / 2 - 0.75, "y": y + high / 2 + 3.2}
            parts.append(element("text", text, class_=f"in-heat h{depth}", **place))
    skip = 1 + len(columns) // 20
    parts += [
        element("text", str(one), x=46 + wide * (place + 0.5), y=bottom + 14, class_="tick middle")
        for place, one in enumerate(columns)
        if place % skip == 0
    ]
    parts += [
        element("text", str(one), x=40, y=bottom - high * (place + 0.5) + 3.5, class_="tick end")
        for place, one in enumerate(rows)
    ]
    parts += [_below(across, (46 + WIDTH) / 2, bottom), _beside(up, (8 + bottom) / 2)]
    return picture(title, f"From {least:.1%} to {most:.1%}.", WIDTH, bottom + 38, *parts)


def _below(title: str, middle: float, bottom: float) -> Markup:
    return element("text", title, x=middle, y=bottom + 32, class_="title middle")


def _beside(title: str, middle: float) -> Markup:
    turned = f"translate(11 {middle:.1f}) rotate(-90)"
    return element("text", title, x=0, y=0, class_="title middle", transform=turned)


@dataclass(frozen=True, slots=True)
class Bar:
    """Something that took time, in one of the rows."""

    row: int
    kind: str
    began: float
    """In the axis' unit, from the beginning."""
    length: float
    told: str


def time_line(title: str, unit: str, rows: int, bars: Sequence[Bar]) -> Markup:
    """Return what ran when, each row an issue, the earliest on top."""
    pitch = min(14.0, max(1.0, 420.0 / max(1, rows)))
    width, bottom = 940.0, 8 + pitch * rows
    axis = amounts(unit, max((one.began + one.length for one in bars), default=0.0))
    scale = (width - 54.0) / (axis.high or 1.0)
    parts = [
        element("line", x1=46 + value * scale, x2=46 + value * scale, y1=4, y2=bottom, class_="grid")
        + element("text", label, x=46 + value * scale, y=bottom + 14, class_="tick middle")
        for value, label in axis.ticks
    ]
    parts += [
        element(
            "rect", element("title", one.told), x=46 + one.began * scale, y=8 + pitch * one.row,
            width=max(0.6, one.length * scale), height=max(0.8, pitch - 1.5 if pitch > 4 else pitch),
            class_=f"bar {one.kind}",
        )
        for one in bars
    ]  # fmt: skip
    parts += [_below(unit, (46 + width) / 2, bottom), _beside("issues", (8 + bottom) / 2)]
    return picture(title, f"{rows} issues.", width, bottom + 38, *parts)
