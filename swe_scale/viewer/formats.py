"""How figures are written: shares in percent, money, counts, times, each with the same care everywhere."""

from collections.abc import Mapping
from typing import Any

Figure = Mapping[str, Any]
"""`value`, `low`, `high`, of a proportion `count` and `of` too."""

NONE = "–"


def percent(value: float | None) -> str:
    """Return a share in percent."""
    return NONE if value is None else f"{_tenths(value)} %"


def between(figure: Figure | None) -> str:
    """Return the interval of a share in percent."""
    return "" if figure is None else f"{_tenths(figure['low'])} – {_tenths(figure['high'])} %"


def _tenths(share: float) -> str:
    return f"{share * 100:.1f}".replace("-", "−")


def number(value: float | None) -> str:
    """Return a count, its thousands apart."""
    return NONE if value is None else f"{round(value):,}"


def short(value: float | None) -> str:
    """Return a large count in three digits."""
    if value is None:
        return NONE
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}"
    return f"{value:.3g}"


def money(value: float | None) -> str:
    """Return US dollars."""
    if value is None:
        return NONE
    return f"${value:,.2f}" if value >= 1 or value == 0 else f"${value:.4f}"


def seconds(value: float | None) -> str:
    """Return a time in the unit that suits it."""
    if value is None:
        return NONE
    if value < 60:
        return f"{value:.1f} s"
    if value < 3600:
        return f"{value / 60:.1f} min"
    return f"{value / 3600:.1f} h"
