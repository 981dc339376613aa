"""Shows advice to a person."""

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from swe_scale.analysis.advice.document import Advice, Ahead, Cost, Figures, Guesses, Part, SamplePoint
from swe_scale.analysis.advice.levers import points
from swe_scale.analysis.figures import Measured
from swe_scale.analysis.shown import line

_WORDS = 1000
"""Characters of a sentence."""
_ROWS = 24
"""Rows of a table up to which all are shown; of more, those that were replayed, and doublings."""


def advised(advice: Advice) -> Iterator[RenderableType]:
    """Yield what a person reads of advice."""
    for note in advice.notes:
        yield _said(note)
    for one in advice.parts:
        yield from _part(one, advice.wrong_costs)


def _said(text: str, style: str = "") -> Text:
    found = Text.from_markup(line(text, _WORDS))
    found.stylize(style)
    return found


def _part(part: Part, wrong_costs: float | None) -> Iterator[RenderableType]:
    strategies = ", ".join(f"{count} × {name}" for name, count in part.strategies.items())
    graded = f"{part.issues} of {_issues(part.finished)} graded in full ({part.way})"
    # A run that chose among patches from elsewhere may have neither trajectories nor models.
    about = filter(None, (strategies, ", ".join(part.models), f"rule {part.rule}", graded))
    yield _said(f"{', '.join(part.runs)}: {'; '.join(about)}", "bold")
    if part.figures is not None:
        yield from _figures(part.figures, wrong_costs)
    if part.guesses is not None:
        yield from _guesses(part.guesses)
    for note in part.notes:
        yield _said(f"note: {note}", "dim")


def _issues(count: int) -> str:
    return f"{count} issue{'' if count == 1 else 's'}"


def _figures(found: Figures, wrong_costs: float | None) -> Iterator[RenderableType]:
    yield _said(found.verdict, "bold")
    yield _samples(found.by_samples, wrong_costs)
    if wrong_costs is not None:
        yield _said(f"¹ resolved less {wrong_costs:g} × wrong", "dim")
    for text in (found.paid, found.best.words if found.best else ""):
        if text:
            yield _said(text)
    if any(one.coverage is not None for one in found.by_turns):
        yield _turns(found)
    if found.unfit:
        yield _said(f"No law is fitted, so nothing is said of more samples: {found.unfit}.")
    else:
        yield _ahead(found.ahead, wrong_costs)
        yield _said(found.trust)
        yield _said(f"To rank and spend by it, put at the top of the configuration: {_prior(found)}")
    yield from _checks(found)
    if found.levers:
        yield _levers(found)
        for place, one in enumerate(found.levers, start=1):
            yield _said(f"{place}. {one.step}: {one.words}")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=f"\n{title}", title_justify="left", show_edge=False, pad_edge=False)
    for column in columns:
        table.add_column(column)
    return table


def _shown(points: Sequence[SamplePoint]) -> Iterator[SamplePoint]:
    for one in points:
        doubled = one.samples & (one.samples - 1) == 0
        if len(points) <= _ROWS or doubled or one.resolved is not None or one is points[-1]:
            yield one


def _samples(several: Sequence[SamplePoint], wrong_costs: float | None) -> Table:
    worth = [] if wrong_costs is None else ["worth ¹"]
    table = _table(
        "By samples", ["", "coverage, %", "resolved, %", "wrong, %", "resolved/covered", *worth, "per issue"]
    )
    for one in _shown(several):
        utility = [] if wrong_costs is None else [_number(one.utility)]
        table.add_row(
            str(one.samples), _percent(one.coverage), _percent(one.resolved), _percent(one.wrong),
            _number(one.efficiency), *utility, _cost(one.cost),
        )  # fmt: skip
    return table


def _turns(found: Figures) -> Table:
    table = _table("By turns, all samples", ["", "one sample, %", "coverage, %", "resolved, %", "per issue"])
    for one in found.by_turns:
        table.add_row(
            str(one.turns),
            _percent(one.single),
            _percent(one.coverage),
            _percent(one.resolved),
            _cost(one.cost),
        )
    return table


def _ahead(several: Sequence[Ahead], wrong_costs: float | None) -> Table:
    worth = [] if wrong_costs is None else ["worth"]
    columns = ["", "zero-inflated, %", "power law, %", "resolved, a range, %", *worth, "per issue"]
    table = _table("More samples than there are: coverage by two fits, and what may be resolved", columns)
    for one in several:
        resolved = [scenario.resolved for scenario in one.scenarios]
        utility = [scenario.utility for scenario in one.scenarios if scenario.utility is not None]
        table.add_row(
            f"{one.factor} × = {one.samples}", _percent(one.zero_inflated), _percent(one.power_law),
            _range(resolved, 100), *([_range(utility, 1)] if worth else []), _cost(one.cost),
        )  # fmt: skip
    return table


def _prior(found: Figures) -> str:
    """Return what the zero-inflated law says of issues like these, as a line of the configuration."""
    told = found.laws[0].parameters
    values = (f"{name} = {told[name].value:.3g}" for name in ("hopeless", "successes", "failures"))
    return f"prior = {{{', '.join(values)}}}"


def _range(several: Sequence[Measured], times: float) -> str:
    """Return the least and the greatest of several figures, with the ends of their intervals."""
    if not several:
        return "–"
    digits = 1 if times > 1 else 2
    low, high = (times * ends(one.value for one in several) for ends in (min, max))
    least, most = times * min(one.low for one in several), times * max(one.high for one in several)
    return f"{low:.{digits}f} … {high:.{digits}f} ({least:.{digits}f} … {most:.{digits}f})"


def _checks(found: Figures) -> Iterator[RenderableType]:
    wrong, right = found.checks.pass_wrong, found.checks.pass_right
    if wrong is None or right is None:
        return
    text = (
        f"A check by another trajectory passes on {_percent(right)} % of right patches and on "
        f"{_percent(wrong)} % of wrong ones."
    )
    if found.checks.ceiling is not None:
        most = _percent(found.checks.ceiling)
        text += f" If one such check decided, no number of samples would resolve more than {most} %."
    yield _said(text)


def _levers(found: Figures) -> Table:
    table = _table(
        "What the next unit of compute could go to",
        ["", "gain", "how known", "for what a sample costs", "cost"],
    )
    for one in found.levers:
        table.add_row(one.step, points(one.gain), one.kind, points(one.rate), _cost(one.cost))
    return table


def _guesses(found: Guesses) -> Iterator[RenderableType]:
    yield _said(
        f"Not graded: what follows is an estimate by the confidence of rule {found.rule}, no measurement.",
        "bold",
    )
    table = _table(
        f"By samples, {_issues(found.issues)}",
        ["", "agreement", "leader probable", "expected resolved", "trajectories"],
    )
    for one in found.points:
        shares = (f"{100 * share:.1f} %" for share in (one.agreement, one.probable, one.expected))
        table.add_row(str(one.samples), *shares, _cost(one.cost))
    yield table


def _percent(figure: Measured | None) -> str:
    if figure is None:
        return "–"
    return f"{100 * figure.value:.1f} ({100 * figure.low:.1f} … {100 * figure.high:.1f})"


def _number(figure: Measured | None) -> str:
    return "–" if figure is None else f"{figure.value:.2f} ({figure.low:.2f} … {figure.high:.2f})"


def _cost(cost: Cost | None) -> str:
    if cost is None:
        return "–"
    return f"{cost.usd:,.4f} USD" if cost.usd else f"{cost.tokens:,.0f} tokens"
