"""Draws when what was worked on: the spans of issues and their stages on one clock."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from swe_scale.viewer import formats
from swe_scale.viewer.plots import Bar, time_line

_UNITS = ((10_800.0, "hours", 3600.0), (240.0, "minutes", 60.0), (0.0, "seconds", 1.0))
_STAGES = ("environment", "context", "search", "selection")
_MOST = 4_000
"""Bars; of more, only those of whole issues are drawn."""

Span = Mapping[str, Any]


def drawn_spans(spans: Sequence[Span]) -> Markup:
    """Return the time line of stages, or of whole issues where no stages are known or there are very many."""
    stages = [one for one in spans if one["kind"] == "stage"]
    kept = stages if 0 < len(stages) <= _MOST else [one for one in spans if one["kind"] == "issue"]
    kept = sorted(kept or spans, key=lambda one: float(one["began"]))[:_MOST]
    start = min(one["began"] for one in kept)
    length = max(one["began"] + one["seconds"] for one in kept) - start
    name, size = next((name, size) for least, name, size in _UNITS if length >= least)
    rows = {issue: place for place, issue in enumerate(dict.fromkeys(one["issue"] for one in kept))}
    return time_line("Time line", f"{name} since the start", len(rows), list(_bars(kept, rows, start, size)))


def _bars(spans: Sequence[Span], rows: Mapping[str, int], start: float, size: float) -> Iterator[Bar]:
    for one in spans:
        kind = one["step"] if one["step"] in _STAGES else "other"
        told = f"{one['issue']} {one['step']}: {formats.seconds(one['seconds'])}"
        yield Bar(rows[one["issue"]], kind, (one["began"] - start) / size, one["seconds"] / size, told)
