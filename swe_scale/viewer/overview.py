"""Chooses what an overview draws: from the figures of a run, the plots that there are figures for."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from markupsafe import Markup

from swe_scale.viewer import formats
from swe_scale.viewer.axes import Frame, amounts, counts, shares
from swe_scale.viewer.plots import Curve, Dot, Place, Row, heat, intervals, lines, points
from swe_scale.viewer.spans import drawn_spans

Summary = Mapping[str, Any]
"""The document that `swe-scale report --json` prints of a run."""


@dataclass(frozen=True, slots=True)
class Plot:
    """A drawing with what is said of it, and its numbers for those who want to read them."""

    title: str
    text: str
    drawing: Markup
    heads: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    wide: bool = False


def headline(summary: Summary) -> Markup | None:
    """Return the shares of issues that the run is judged by, below one another; None without grades."""
    rows = list(_headline_rows(summary))
    return intervals("Resolved, with 95 % intervals", rows) if rows else None


def _headline_rows(summary: Summary) -> Iterator[Row]:
    hardened, official = summary["hardened"], summary["official"]
    named = [
        ("Resolved, hardened", "first", hardened and hardened["resolved"]),
        ("Resolved, official", "second", official and official["resolved"]),
    ]
    if hardened and hardened["known"]:
        named += [
            ("Oracle (coverage)", "third", hardened["coverage"]),
            ("Selected", "first", hardened["selected"]),
            ("Random candidate", "fourth", hardened["random"]),
        ]
    for name, kind, figure in named:
        if figure:
            note = f"{formats.percent(figure['value'])}  ({formats.between(figure)})"
            yield Row(name, kind, figure["value"], figure["low"], figure["high"], note)


def plots(summary: Summary, others: Sequence[Summary]) -> Iterator[Plot]:
    """Yield every plot that there are figures for."""
    scores = summary["hardened"]
    if scores:
        yield from _scaling(scores)
    if summary["frontier"]:
        yield _frontier(summary, others)
    if summary["calibration"] and summary["calibration"]["of"]:
        yield _calibration(summary["calibration"])
        yield _risk(summary["calibration"])
    if summary["times"]["spans"]:
        spans = drawn_spans(summary["times"]["spans"])
        text = (
            "Each row is an issue; colours are its stages. Gaps are times in which no process worked on it."
        )
        yield Plot("Time line", text, spans, wide=True)


def _scaling(scores: Mapping[str, Any]) -> Iterator[Plot]:
    coverage, ranked = (
        _curve("coverage", "third", scores["pass_at"]),
        _curve("ranked", "first", scores["ranked_at"]),
    )
    if coverage.dots:
        text = "With any resolved candidate, and resolved by the vote alone, without a selection."
        yield _over("Samples", text, "trajectories per issue", (coverage, ranked))
    turns = _curve("coverage", "third", scores["by_turns"])
    if turns.dots:
        text = "All trajectories, each cut after so many turns."
        yield _over("Turns", text, "turns per trajectory", (turns,))
    if scores["heat"]:
        yield _heat(scores["heat"])


def _curve(name: str, kind: str, found: Sequence[Mapping[str, Any]]) -> Curve:
    dots = [_dot(one["at"], one["figure"]) for one in found]
    return Curve(name, kind, tuple(dots))


def _dot(x: float, figure: Mapping[str, Any], label: str = "") -> Dot:
    return Dot(x, figure["value"], figure["low"], figure["high"], label)


def _over(title: str, text: str, across: str, curves: tuple[Curve, ...]) -> Plot:
    dots = [dot for one in curves for dot in one.dots]
    frame = Frame(
        counts(across, [round(dot.x) for dot in dots]),
        shares("issues, %", [value for dot in dots for value in (dot.low, dot.high)]),
    )
    rows = tuple((one.name, f"{dot.x:g}", *_read(dot)) for one in curves for dot in one.dots)
    return Plot(title, text, lines(title, frame, curves), ("curve", across, "share", "95 % interval"), rows)


def _read(dot: Dot) -> tuple[str, str]:
    return formats.percent(dot.y), f"{dot.low * 100:.1f} – {dot.high * 100:.1f} %"


def _heat(cells: Sequence[Mapping[str, Any]]) -> Plot:
    places = [Place(one["turns"], one["samples"], one["coverage"]) for one in cells]
    across, up = "trajectories per issue (parallel)", "turns (serial)"
    rows = tuple(
        (str(one["turns"]), str(one["samples"]), formats.percent(one["coverage"]), str(one["issues"]))
        for one in cells
    )
    title, text = "Serial × parallel", "Coverage in percent of issues, by turns and trajectories."
    return Plot(
        title, text, heat(title, across, up, places), ("turns", "trajectories", "coverage", "issues"), rows
    )


def _frontier(summary: Summary, others: Sequence[Summary]) -> Plot:
    runs = [one for one in (summary, *others) if one["frontier"]]
    unit = "usd" if all(any(point["usd"] for point in one["frontier"]) for one in runs) else "tokens"
    across = "US dollars per issue" if unit == "usd" else "tokens per issue"
    curves = [
        replace(_priced(one["name"], f"other o{place % 4}", one["frontier"], unit, "ranked"), band=False)
        for place, one in enumerate(runs[1:])
    ]
    curves += [
        _priced("coverage", "third", summary["frontier"], unit, "coverage"),
        _priced("ranked", "first", summary["frontier"], unit, "ranked"),
    ]
    dots = [dot for one in curves for dot in one.dots]
    frame = Frame(
        amounts(across, max(dot.x for dot in dots)),
        shares("issues, %", [value for dot in dots for value in (dot.low, dot.high)]),
    )
    rows = tuple((one.name, dot.label, f"{dot.x:,.4g}", *_read(dot)) for one in curves for dot in one.dots)
    heads = ("curve", "trajectories", across, "share", "95 % interval")
    text = "What fewer trajectories would have cost and brought; each point is one more trajectory per issue."
    return Plot("Cost frontier", text, lines("Cost frontier", frame, curves), heads, rows)


def _priced(name: str, kind: str, found: Sequence[Mapping[str, Any]], unit: str, figure: str) -> Curve:
    dots = (_dot(one[unit], one[figure], str(one["samples"])) for one in found)
    return Curve(name, kind, tuple(sorted(dots, key=lambda dot: dot.x)))


def _unit(title: str) -> Frame:
    axis = shares(title, (0.0, 1.0))
    return Frame(axis, shares("resolved, %", (0.0, 1.0)), right=24.0)


def _calibration(found: Mapping[str, Any]) -> Plot:
    dots = [
        _dot(one["confidence"], one["resolved"], str(one["resolved"]["of"]))
        for one in found["bins"]
    ]  # fmt: skip
    rows = tuple((formats.percent(dot.x), dot.label, *_read(dot)) for dot in dots)
    brier, ece = (f"{found[name]['value']:.3f}" for name in ("brier", "ece"))
    text = (
        f"Beside each point, its proposals. Brier score {brier}, expected calibration error {ece}, 0 is best."
    )
    heads = ("mean confidence", "proposals", "resolved", "95 % interval")
    return Plot("Calibration", text, points("Calibration", _unit("confidence, %"), dots), heads, rows)


def _risk(found: Mapping[str, Any]) -> Plot:
    dots = tuple(Dot(one["coverage"], one["risk"], one["risk"], one["risk"]) for one in found["curve"])
    curve = Curve("", "first", dots, band=False, marks=len(dots) <= 20)
    frame = replace(
        _unit("proposals handed out, %"),
        up=shares("of these not resolved, %", [0.0, *(dot.y for dot in dots)]),
    )
    text = f"If only the most confident were handed out. Area {found['aurc']['value']:.3f}, 0 is best."
    rows = tuple(
        (f"{one['confidence']:.2f}", formats.percent(one["coverage"]), formats.percent(one["risk"]))
        for one in found["curve"]
    )
    heads = ("least confidence", "handed out", "not resolved")
    return Plot("Risk and coverage", text, lines("Risk and coverage", frame, [curve]), heads, rows)
