"""Shows a comparison to a person."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from swe_scale.analysis.compare import Comparison, Contrast, Paid
from swe_scale.analysis.figures import Measured
from swe_scale.analysis.shown import line, percent

_ISSUES = 20
"""Issues that are named of many."""


def compared(comparison: Comparison) -> Iterator[RenderableType]:
    """Yield what a person reads of a comparison."""
    for one in comparison.contrasts:
        yield _contrast(one)
        yield Text.from_markup(f"{line(one.words, 1000)}\n")
    # Which issues they differ on is much the same by both ways; the hardened one counts.
    for one in comparison.contrasts:
        if one.way == "hardened":
            for name, other, issues in (
                (one.first, one.other, one.only_first),
                (one.other, one.first, one.only_other),
            ):
                yield Text.from_markup(f"{line(name)} resolves, {line(other)} doesn't: {_named(issues)}")
    for reason in comparison.left_out:
        yield Text.from_markup(f"left out, {line(reason.text)}: {_named(reason.issues)}")


def _contrast(one: Contrast) -> Table:
    title = f"{one.way}, {one.issues} issues"
    table = Table(title=title, title_justify="left", show_edge=False, pad_edge=False)
    for column in ("", line(one.first), line(one.other), "first - other"):
        table.add_column(column)
    table.add_row(
        "resolved", percent(one.resolved_first), percent(one.resolved_other), percent(one.difference)
    )
    table.add_row("  by bootstrap", "", "", percent(one.bootstrap))
    table.add_row("  exact McNemar", "", "", f"p = {one.p:.3g}, corrected {one.adjusted:.3g}")
    for paid in one.paid:
        if paid.first or paid.other:
            table.add_row(f"{paid.unit} per issue", *_amounts(paid))
    return table


def _amounts(paid: Paid) -> tuple[str, str, str]:
    digits = 4 if paid.unit == "usd" else 0

    def amount(figure: Measured) -> str:
        low, high = f"{figure.low:,.{digits}f}", f"{figure.high:,.{digits}f}"
        return f"{figure.value:,.{digits}f} ({low} … {high})"

    return f"{paid.first:,.{digits}f}", f"{paid.other:,.{digits}f}", amount(paid.difference)


def _named(issues: Sequence[str]) -> str:
    more = f" and {len(issues) - _ISSUES} more: see --json" if len(issues) > _ISSUES else ""
    return f"{len(issues)}: {line(', '.join(issues[:_ISSUES]), 2000)}{more}" if issues else "none"
