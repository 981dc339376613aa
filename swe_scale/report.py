"""The decision record: what was tried, what the checks said, who won, why, and what it cost."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from swe_scale.events import printable
from swe_scale.given import STRATEGY
from swe_scale.ranking import Outcomes, authors_of
from swe_scale.records import BASE, Check, Ranked, Solution, Trajectory

_SIGNS = {"pass": "✓", "fail": "✗", "error": "!", "timeout": "⏱", "infra": "?", None: "·"}
_LEGEND = "✓ resolved  ✗ not resolved  ! the check broke  ⏱ timed out  ? sandbox failed  · not needed"
_LABELS = 8
"""Trajectories that are named at most where one thing is by many."""
_WITHOUT_AUTHOR = {"reproduction": "given", "distinguishing": "selection", "regression": ""}
_ON_BASE = {"fail": "reproduces", "pass": "passes: no vote", None: "none"}
_STYLES = {
    "pass": "green",
    "fail": "red",
    "error": "yellow",
    "timeout": "yellow",
    "infra": "yellow",
    None: "dim",
}


def document(solution: Solution) -> dict[str, Any]:
    """Return the solution as the JSON document of `--json`: see the README for its fields."""
    whole = solution.model_dump(mode="json")
    names = (
        "outcome", "patch", "confidence", "reason", "candidates", "checks", "verdicts", "decisions", "usage",
        "issue", "candidate", "ranking", "stages", "seconds", "diversity", "crossed",
        "opinions", "scores", "reproduction", "words",
    )  # fmt: skip
    reach: dict[str, dict[str, str]] = {}
    for one in solution.reached:
        reach.setdefault(one.check, {})[one.candidate] = one.reach
    return {name: whole[name] for name in names} | {
        "checks": [{**one, "reach": reach.get(one["id"], {})} for one in whole["checks"]],
        "trajectories": [_short(one) for one in solution.trajectories],
    }


def _short(one: Trajectory) -> dict[str, Any]:
    kept = one.model_dump(mode="json", exclude={"turns", "patch", "check", "account"})
    return kept | {"turns": _replies(one), "check": one.check.id if one.check else None}


def _replies(one: Trajectory) -> int:
    return len(one.account.exchanges) if one.account else len(one.turns)


def show(solution: Solution, console: Console) -> None:
    """Print the decision record for a person to read."""
    console.print(Group(*_parts(solution)))


def _parts(solution: Solution) -> Iterator[RenderableType]:
    if any(one.strategy != STRATEGY for one in solution.trajectories) or not solution.trajectories:
        yield _trajectories(solution)
    if solution.candidates:
        yield _matrix(solution)
        yield Text(_LEGEND, style="dim")
        yield from _reached(solution)
        yield from _differing(solution)
        yield from _crossed(solution)
        yield _ranking(solution)
        yield _diversity(solution)
        yield from _said(solution)
    yield from _answer(solution)
    yield _cost(solution)


def _label(index: int) -> str:
    return f"#{index}"


def _labels(indexes: Sequence[int]) -> str:
    """Return the labels of trajectories; of many, some, and how many there are."""
    shown = ",".join(_label(index) for index in indexes[:_LABELS])
    return shown if len(indexes) <= _LABELS else f"{shown},… ({len(indexes)})"


def _trajectories(solution: Solution) -> Table:
    table = Table(title="Trajectories", title_justify="left", show_edge=False)
    for column in ("", "strategy", "replies", "ended", "candidate", "its check on the untouched code"):
        table.add_column(column)
    outcomes = Outcomes(solution.verdicts)
    brought = {author: one.id for one in solution.candidates for author in one.authors}
    for one in solution.trajectories:
        if one.strategy == STRATEGY:
            continue
        said = outcomes.of(BASE, one.check.id) if one.check else None
        meaning = _ON_BASE.get(said, f"{said}: no vote")
        table.add_row(
            _label(one.index), one.strategy, str(_replies(one)), one.outcome,
            brought.get(one.index, "–")[:8], meaning,
        )  # fmt: skip
    return table


def _matrix(solution: Solution) -> Table:
    outcomes = Outcomes(solution.verdicts)
    written = authors_of(solution.checks)
    missed = {(one.check, one.candidate) for one in solution.reached if one.reach == "misses"}
    own = [check for check in _distinct(solution) if check.kind != "regression"]
    table = Table(title="Candidates × checks", title_justify="left", show_edge=False)
    table.add_column("candidate")
    for number, check in enumerate(own, start=1):
        by = _labels(sorted(written[check.id])) or _WITHOUT_AUTHOR[check.kind]
        table.add_column(f"c{number} {by}", justify="center")
    table.add_column("repository's tests")
    for candidate in (BASE, *(one.candidate for one in solution.ranking)):
        cells = [
            _sign(
                outcomes.of(candidate, one.id),
                "°" * ((one.id, candidate) in missed) + "~" * outcomes.differ(candidate, one.id),
            )
            for one in own
        ]
        table.add_row(candidate[:8], *cells, _tests(solution, candidate))
    return table


def _reached(solution: Solution) -> Iterator[Text]:
    """Yield how many checks execute what candidates change; nothing where that wasn't asked."""
    found = Counter(one.reach for one in solution.reached)
    if found:
        told = f"executed in {found['executes']} of {_counted(found.total(), 'cell')}"
        rest = f"not in {found['misses']} (°), unknown in {found['unknown']}"
        yield Text(f"What the candidate changes is {told}, {rest}", style="dim")


def _differing(solution: Solution) -> Iterator[Text]:
    """Yield how many cells said different things in several runs; nothing where none did."""
    outcomes = Outcomes(solution.verdicts)
    places = {(one.candidate, one.check) for one in solution.verdicts if one.repeat}
    if found := sum(outcomes.differ(*place) for place in places):
        yield Text(f"{_counted(found, 'cell')} passed in one run and not in another (~)", style="dim")


def _crossed(solution: Solution) -> Iterator[Text]:
    """Yield what was left out of the matrix, and why; nothing where all of it was run."""
    found = solution.crossed
    if not found.why:
        return
    tests = f", the repository's tests on {found.tested} of {len(solution.candidates)} candidates"
    ran = f"{found.run} of {_counted(found.of, 'cell')} run{tests if found.tested else ''}"
    yield Text(f"{ran}: {printable(found.why)}", style="dim")


def _distinct(solution: Solution) -> list[Check]:
    return list({check.id: check for check in solution.checks}.values())


def _sign(outcome: Any, marks: str) -> Text:
    return Text(_SIGNS[outcome] + marks, style=_STYLES.get(outcome, "yellow"))


def _tests(solution: Solution, candidate: str) -> str:
    if candidate == BASE:
        return "–"
    regression = {check.id for check in solution.checks if check.kind == "regression"}
    verdicts = [one for one in solution.verdicts if one.candidate == candidate and one.check in regression]
    if not verdicts:
        return "not run"
    broken = sum(len(one.broken) for one in verdicts)
    files = f"{len(verdicts)} file{'s' if len(verdicts) != 1 else ''}"
    return f"[red]{broken} broken[/red] in {files}" if broken else f"kept, {files}"


def _ranking(solution: Solution) -> Table:
    authors = {one.id: one.authors for one in solution.candidates}
    table = Table(title="Ranking", title_justify="left", show_edge=False)
    for column in ("candidate", "by", "votes", "same", "like the others", "estimate", "why"):
        table.add_column(column)
    for one in solution.ranking:
        chosen = one.candidate == solution.candidate
        by = _labels(authors[one.candidate])
        table.add_row(
            f"{one.candidate[:8]}{' ←' if chosen else ''}", by, f"{one.votes}/{one.of}", str(one.similar),
            f"{one.agreement:.2f}", f"{one.posterior:.2f}", escape(why(solution, one)),
            style="bold" if chosen else "",
        )  # fmt: skip
    return table


def why(solution: Solution, one: Ranked) -> str:
    """Return why a candidate was chosen, or why it lost to the one that was."""
    winner = next((other for other in solution.ranking if other.candidate == solution.candidate), None)
    if winner is None or winner.candidate == one.candidate:
        return "; ".join(one.reasons)
    if one.form == winner.form:
        return "the same change as the chosen one, but for formatting and comments"
    if one.of - one.votes > winner.of - winner.votes:
        return f"lost: fails {one.of - one.votes} of {one.of} reproduction checks"
    if one.broken - one.excused > winner.broken - winner.excused:
        return f"lost: breaks {one.broken} of the repository's tests"
    if one.similar < winner.similar:
        return "lost: fewer trajectories chose it"
    return "lost: level, but not chosen"


def _diversity(solution: Solution) -> Text:
    found = solution.diversity
    parts = (
        _counted(found.trees, "tree"),
        _counted(found.forms, "form"),
        _counted(found.files, "set", " of files"),
        _counted(found.behaviours, "behaviour"),
    )
    overlap = "" if found.overlap is None else f"; mean overlap of changed lines {found.overlap:.2f}"
    several = (
        f"{name} {one.candidates} of {one.trajectories}, {_counted(one.own, 'form')} of its own"
        for name, one in found.strategies.items()
    )
    by = f"; candidates by strategy: {'; '.join(several)}" if len(found.strategies) > 1 else ""
    return Text(f"Diversity: {', '.join(parts)}{overlap}{printable(by)}", style="dim")


def _said(solution: Solution) -> Iterator[Text]:
    """Yield what judges and a verifier said."""
    chosen = Counter("none of them" if one.chosen is None else one.chosen[:8] for one in solution.opinions)
    if chosen:
        told = ", ".join(f"{count} × {name}" for name, count in chosen.most_common())
        judges = ", ".join(dict.fromkeys(one.judge for one in solution.opinions))
        yield Text(f"Verdicts on finalists: {told} (by {printable(judges)})", style="dim")
    if (scores := solution.scores) is not None:
        fault = f": {scores.fault}" if scores.fault else ""
        of = f"{len(scores.values)} of {len(solution.candidates)} candidates"
        yield Text(f"Scores: of {of}, by {printable(scores.by + fault)}", style="dim")


def _counted(count: int, word: str, rest: str = "") -> str:
    return f"{count} {word}{'' if count == 1 else 's'}{rest}"


def _answer(solution: Solution) -> Iterator[RenderableType]:
    patch, shown = solution.delivered, solution.reproduction
    if patch is None:
        yield Text(f"\nNo patch is proposed: {printable(solution.reason)}", style="bold yellow")
        return
    estimate = f"confidence {solution.confidence:.2f}, an estimate that is not calibrated"
    yield Text(f"\nProposed: {solution.candidate} ({estimate})", style="bold green")
    yield Text(printable(solution.reason))
    if shown is not None:
        told = f"Fails without it, passes with it: {', '.join(shown.tests)}"
        yield Text(printable(told if shown.tests else f"No test of the issue is added: {shown.fault}"))
    yield Syntax(printable(patch), "diff", background_color="default", word_wrap=True)


def _cost(solution: Solution) -> Text:
    usage = solution.usage
    stages = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in solution.seconds.items())
    money = f", {usage.usd:.4f} USD" if usage.usd else ""
    written = f", {usage.written_tokens:,} written to a cache" if usage.written_tokens else ""
    return Text(
        f"{usage.calls} calls, {usage.prompt_tokens:,} prompt tokens "
        f"({usage.cached_tokens:,} cached{written}), "
        f"{usage.completion_tokens:,} completion tokens{money}; {stages}",
        style="dim",
    )
