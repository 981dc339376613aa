"""What is written under a pull request and an issue: the answer first, the evidence folded below it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from swe_scale.bot.evidence import Evidence, Row
from swe_scale.bot.handover import Handover
from swe_scale.bot.marks import Mark
from swe_scale.quoting import fenced, markdown_text
from swe_scale.records import Outcome, Usage

_LARGEST = 60_000
"""Characters of a page; GitHub takes 65,536."""
_SIGNS: dict[Outcome | None, str] = {
    "pass": "✓", "fail": "✗", "error": "!", "timeout": "⏱", "infra": "?", None: "·"
}  # fmt: skip
_LEGEND = "✓ resolved · ✗ not resolved · ! the check broke · ⏱ timed out · ? the sandbox failed · · not run"
_LONGEST_LINE = 600


@dataclass(frozen=True, slots=True)
class Facts:
    """What delivering knows beside the answer."""

    number: int
    """Of the issue."""
    notes: tuple[str, ...] = ()
    """What a reader must know of this delivery, such as a base that has moved: our words, others' names."""
    run_url: str = ""
    """Page of the job that has the decision page, if there is one."""


def tested_text(evidence: Evidence) -> str:
    """Return, a line each, what the checks and tests say of the patch."""
    return "\n".join(f"- {line}" for line in _standing(evidence))


def pull_text(description: str, handover: Handover, facts: Facts, mark: Mark) -> str:
    """Return the text of a pull request: its description in the project's manner, then what speaks for it."""
    tested = tested_text(handover.evidence)
    shown = "" if tested in description else tested
    top = (description, _confidence(handover), shown, *_notes(facts), *_warned(handover))
    return _page((*top, *_folded(handover, facts), mark.text))


def comment_text(handover: Handover, facts: Facts, mark: Mark, pull_url: str = "") -> str:
    """Return the text of a comment under the issue: where the pull request is, or why there is none."""
    if pull_url:
        said = f"swe-scale proposes {pull_url}. {_confidence(handover)}"
        return _page((said, *_notes(facts), *_warned(handover), mark.text))
    found = "has no patch that it would propose" if handover.patch is None else "opens no pull request"
    reason = markdown_text(handover.reason, 2000)
    patch: tuple[str, ...] = ()
    if handover.patch is not None:
        patch = (_fold("The patch, for who wants to look at it", fenced(handover.patch, 20_000, "diff")),)
    said = f"swe-scale {found} for this issue. {_confidence(handover)}"
    return _page(
        (said, reason, *_notes(facts), *_warned(handover), *patch, *_folded(handover, facts), mark.text)
    )


def _page(parts: Iterable[str]) -> str:
    """Return the parts below one another; the last always, others as far as there is room."""
    *above, last = [part for part in parts if part]
    room = _LARGEST - len(last)
    kept = []
    for part in above:
        if len(part) + 2 > room:
            kept.append("_What would not fit here is in the run's own record._")
            break
        kept.append(part)
        room -= len(part) + 2
    return "\n\n".join((*kept, last))


def _confidence(handover: Handover) -> str:
    return f"Confidence **{handover.confidence:.2f}**, an estimate that isn't calibrated for this project."


def _notes(facts: Facts) -> tuple[str, ...]:
    return ("\n".join(f"- {_quoted(note)}" for note in facts.notes),) if facts.notes else ()


def _warned(handover: Handover) -> Iterator[str]:
    if handover.warnings:
        lines = "\n".join(f"> - {_quoted(line)}" for line in handover.warnings)
        yield f"> **Look at the issue's text first:**\n{lines}"


def _quoted(line: str) -> str:
    """Return a line of which nothing acts: it may hold the name of a file or a branch, which others chose."""
    return markdown_text(" ".join(line[: 4 * _LONGEST_LINE].split()), _LONGEST_LINE)


def _standing(evidence: Evidence) -> Iterator[str]:
    """Yield what the checks and tests say of the patch."""
    if not evidence.rows:
        return
    best = evidence.rows[0]
    told = [one.untouched == "fail" for one in evidence.columns]
    telling = [cell for cell, tells in zip(best.cells, told, strict=False) if tells]
    if telling:
        passed = sum(cell == "pass" for cell in telling)
        yield f"Passes {passed} of {len(telling)} checks that fail without it."
    else:
        yield "No check could be used that fails without it."
    others = f"of {evidence.candidates} different patches that {evidence.trajectories} attempts brought"
    yield f"{_counted(best.trajectories, 'attempt')} came to it, {others}."
    if evidence.added:
        added = _quoted(", ".join(evidence.added))
        yield f"What it adds to the project's tests fails without it and passes with it: {added}."
    if evidence.tests:
        broken = f"breaks {best.broken} tests of them" if best.broken else "breaks none of them"
        yield f"Of the project's tests, {_counted(evidence.tests, 'file')} near the change ran: it {broken}."


def _folded(handover: Handover, facts: Facts) -> Iterator[str]:
    evidence = handover.evidence
    if evidence.rows and evidence.columns:
        yield _fold("Candidates × checks", f"{_table(evidence)}\n\n{_LEGEND}")
    if evidence.script:
        shown = fenced(evidence.script, 8000, evidence.language)
        yield _fold("A check that fails without the patch and passes with it", shown)
    if handover.unchecked:
        lines = "\n".join(f"- {_quoted(line)}" for line in handover.unchecked)
        yield _fold("What was not checked", lines)
    yield _fold("Cost, and how to run it again", "\n".join(_again(handover, facts)))


def _again(handover: Handover, facts: Facts) -> Iterator[str]:
    yield f"- {_cost(handover.usage)}"
    yield f"- Made and judged on {handover.base_commit}, answer {handover.digest}"
    if facts.run_url:
        yield f"- Every decision: {facts.run_url}"
    yield "- Again: the label anew, or a comment `/swe-scale`; with a word on it: `/swe-scale revise …`"


def _cost(usage: Usage) -> str:
    money = f", {usage.usd:.2f} USD" if usage.usd else ""
    return f"{_counted(usage.calls, 'call')} of models, {usage.tokens:,} tokens{money}"


def _table(evidence: Evidence) -> str:
    heads = [f"c{number}" for number in range(1, len(evidence.columns) + 1)]
    lines = [
        _line(["", *heads, "breaks", "attempts", "probability"]),
        _line(["---", *(":-:" for _ in heads), "--:", "--:", "--:"]),
        _line(["without", *(_SIGNS[one.untouched] for one in evidence.columns), "", "", ""]),
    ]
    for number, row in enumerate(evidence.rows):
        name = "**this patch**" if number == 0 else f"other {number}"
        lines.append(
            _line(
                [
                    name,
                    *_cells(row, len(heads)),
                    str(row.broken),
                    str(row.trajectories),
                    f"{row.posterior:.2f}",
                ]
            )
        )
    return "\n".join(lines)


def _cells(row: Row, count: int) -> list[str]:
    return [_SIGNS[cell] for cell in (*row.cells, *(None,) * count)[:count]]


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _fold(title: str, content: str) -> str:
    return f"<details><summary>{title}</summary>\n\n{content}\n\n</details>"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"
