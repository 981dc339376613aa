"""Shows summaries to a person: runs side by side, then what is of one run alone."""

from collections.abc import Callable, Iterator, Sequence

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from swe_scale.analysis.amounts import duration
from swe_scale.analysis.figures import Measured, Point, Share, Spread
from swe_scale.analysis.leaks import Finding
from swe_scale.analysis.scores import Scores
from swe_scale.analysis.summary import Summary
from swe_scale.events import printable

_ISSUES = 8
"""Issues that are named of many."""
_TEXT = 200
"""Characters of what others wrote that are shown."""


def shown(summaries: Sequence[Summary]) -> Iterator[RenderableType]:
    """Yield what a person reads of one run, or of several side by side."""
    yield _table("", [line(one.name) for one in summaries], [*_rows(summaries)])
    for one in summaries:
        if len(summaries) > 1:
            yield Text(f"\n{line(one.name)}", style="bold")
        yield from _details(one)


def line(text: str, most: int = _TEXT) -> str:
    """Return a text of unknown origin on one line, without what steers a terminal."""
    return escape(" ".join(printable(text).split())[:most])


def percent(figure: Measured | None) -> str:
    """Return a share as it is printed, with its interval and what it was counted over."""
    if figure is None:
        return "–"
    counted = f", {figure.count} of {figure.of}" if isinstance(figure, Share) else ""
    return f"{100 * figure.value:.1f} % ({100 * figure.low:.1f} … {100 * figure.high:.1f}){counted}"


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    table = Table(title=title or None, title_justify="left", show_edge=False, pad_edge=False)
    for column in ("", *columns):
        table.add_column(column)
    for row in rows:
        table.add_row(*row)
    return table


def _rows(summaries: Sequence[Summary]) -> Iterator[list[str]]:
    def row(title: str, told: Callable[[Summary], str]) -> list[str]:
        return [title, *(told(one) for one in summaries)]

    yield row("issues", lambda one: _counts(one))
    yield row("trajectories × turns", lambda one: f"{one.samples} × {one.turns}")
    yield row("model", lambda one: line(", ".join(one.models)))
    if any(one.graded for one in summaries):
        yield row("resolved, hardened", lambda one: percent(one.hardened.resolved if one.hardened else None))
        yield row("resolved, official", lambda one: percent(one.official.resolved if one.official else None))
        yield from _hardened(summaries)
    yield row("cost per issue", lambda one: _cost(one.costs.usd_per_issue, one.costs.tokens_per_issue))
    yield row(
        "cost per resolved issue ¹",
        lambda one: _cost(one.costs.usd_per_resolved, one.costs.tokens_per_resolved),
    )
    yield row("seconds per issue", lambda one: _spread(one.times.issue))
    if any(one.findings for one in summaries):
        yield row("signs of a leak, certain or likely", lambda one: str(sum(map(_weighs, one.findings))))


def _hardened(summaries: Sequence[Summary]) -> Iterator[list[str]]:
    for title, told in _SCORES:
        figures = [told(one.hardened) if one.hardened else None for one in summaries]
        yield [f"{title} ¹", *map(percent, figures)]


_SCORES: tuple[tuple[str, Callable[[Scores], Measured | None]], ...] = (
    ("resolved of what is proposed", lambda one: one.precision),
    ("coverage", lambda one: one.coverage),
    ("a random candidate", lambda one: one.random),
    ("selected, same issues", lambda one: one.selected),
    ("selection efficiency", lambda one: one.efficiency),
    ("share of random → oracle", lambda one: one.gap),
)


def _counts(one: Summary) -> str:
    parts = {
        "proposed": one.counts.proposed,
        "abstained": one.counts.abstained,
        "failed": one.counts.failed,
        "without solution": one.counts.unstarted,
    }
    return f"{one.counts.issues}: " + ", ".join(f"{count} {name}" for name, count in parts.items() if count)


def _cost(usd: float | None, tokens: float | None) -> str:
    if usd is None or tokens is None:
        return "–"
    return f"{usd:,.4f} USD, {tokens:,.0f} tokens" if usd else f"{tokens:,.0f} tokens"


def _spread(found: Spread | None) -> str:
    if found is None:
        return "–"
    return f"{duration(found.least)} … {duration(found.median)} … {duration(found.most)}"


def _details(one: Summary) -> Iterator[RenderableType]:
    if one.hardened is not None:
        yield Text("¹ hardened grades; intervals are 95 %", style="dim")
        yield from _curves(one, one.hardened)
        for title, parts in (("By repository", one.repositories), ("By difficulty", one.difficulties)):
            if len(parts) > 1:
                rows = [
                    [line(part.name), str(part.issues), percent(part.hardened), percent(part.official)]
                    for part in parts
                ]
                yield _table(f"\n{title}", ["issues", "hardened", "official"], rows)
    yield _stages(one)
    if one.calibration is not None:
        said = one.calibration
        yield Text(
            f"\nconfidence of {said.of} proposals: Brier {_plain(said.brier)}, "
            f"calibration error {_plain(said.ece)}, risk-coverage area {_plain(said.aurc)}"
        )
    yield from _endings(one)


def _curves(one: Summary, scores: Scores) -> Iterator[RenderableType]:
    ranked = {point.at: point for point in scores.ranked_at}
    priced = {point.samples: point for point in one.frontier}
    rows = [
        [
            str(point.at), percent(point.figure), _at(ranked.get(point.at)),
            _cost(priced[point.at].usd, priced[point.at].tokens) if point.at in priced else "–",
        ]
        for point in scores.pass_at
    ]  # fmt: skip
    yield _table("\nBy trajectories", ["coverage", "resolved by ranking", "cost per issue"], rows)
    if scores.by_turns:
        turns = [[str(point.at), percent(point.figure)] for point in scores.by_turns]
        yield _table("\nBy turns", ["coverage"], turns)


def _at(point: Point | None) -> str:
    return percent(point.figure) if point is not None else "–"


def _plain(figure: Measured) -> str:
    return f"{figure.value:.3f} ({figure.low:.3f} … {figure.high:.3f})"


def _stages(one: Summary) -> Table:
    rows = [
        [
            line(stage.name), f"{stage.usage.calls:,}", f"{stage.usage.prompt_tokens:,}",
            f"{stage.usage.cached_tokens:,}", f"{stage.usage.completion_tokens:,}",
            f"{stage.usage.reasoning_tokens:,}", f"{stage.usage.usd:,.4f}",
        ]
        for stage in one.costs.stages
    ]  # fmt: skip
    columns = ["calls", "prompt tokens", "cached", "completion", "reasoning", "USD"]
    return _table("\nCost by stage", columns, rows)


def _endings(one: Summary) -> Iterator[RenderableType]:
    for reason in one.abstentions:
        yield Text.from_markup(
            f"abstained, {len(reason.issues)}: {line(reason.text)} ({_named(reason.issues)})"
        )
    for failure in one.failures[:_ISSUES]:
        yield Text.from_markup(f"failed: {line(failure.issue)}: {line(failure.text)}")
    if len(one.failures) > _ISSUES:
        yield Text(f"… and {len(one.failures) - _ISSUES} others failed: see --json")
    for finding in [found for found in one.findings if _weighs(found)][:_ISSUES]:
        place = f"{finding.issue}, trajectory {finding.trajectory}, turn {finding.turn}"
        told = f"{finding.kind}, {finding.severity}: {finding.excerpt}"
        yield Text.from_markup(f"leak: {line(place)}: {line(told)}")
    for note in one.notes:
        yield Text.from_markup(f"note: {line(note)}")


def _weighs(finding: Finding) -> bool:
    return finding.severity != "note"


def _named(issues: Sequence[str]) -> str:
    more = f" and {len(issues) - _ISSUES} more" if len(issues) > _ISSUES else ""
    return line(", ".join(issues[:_ISSUES])) + more
