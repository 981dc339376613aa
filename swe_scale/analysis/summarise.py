"""Makes the summary of a run: all its figures, from its record and its grades."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from swe_scale.analysis.calibration import calibration_of
from swe_scale.analysis.costs import Books, costs_of, frontier_of
from swe_scale.analysis.facts import CERTAINTY, Fact, facts_of
from swe_scale.analysis.grouping import (
    abstentions_of,
    counts_of,
    outcomes_of,
    parts_of,
    spread_of,
    variety_of,
)
from swe_scale.analysis.leaks import Finding
from swe_scale.analysis.runs import Run
from swe_scale.analysis.scores import Calibration, Scores
from swe_scale.analysis.scoring import scores_of
from swe_scale.analysis.summary import Counts, Named, Summary, Times
from swe_scale.timeline import Span, read_spans

_FINDINGS = 1000
"""Signs of a leak that are kept."""


def summarise(run: Run) -> Summary:
    """Return the figures of a run; without grades, those that need none.

    Raises:
        StoreError: the record is damaged, or of another version.
    """
    facts = tuple(facts_of(run))
    books = Books.of(run.entries())
    config = run.job.config
    findings = _findings(facts)
    samples, graded, counts = sum(config.strategies.values()), bool(run.grades), counts_of(facts)
    official = scores_of(facts, "official", samples) if graded else None
    hardened = scores_of(facts, "hardened", samples) if graded else None
    return Summary(
        name=run.name,
        folder=str(run.folder),
        models=_models(run),
        strategies=dict(config.strategies),
        samples=samples,
        turns=config.turns,
        counts=counts,
        failures=tuple(Named(issue=one.issue, text=one.reason) for one in facts if one.outcome == "failed"),
        abstentions=abstentions_of(facts),
        graded=len(run.grades),
        official=official,
        hardened=hardened,
        repositories=parts_of(facts, lambda one: one.repo, graded),
        difficulties=parts_of(facts, lambda one: one.difficulty, graded),
        costs=costs_of(books, facts),
        frontier=frontier_of(books, facts, samples),
        calibration=_calibration(facts),
        times=_times(facts, run),
        findings=findings[:_FINDINGS],
        findings_left_out=max(0, len(findings) - _FINDINGS) + sum(one.findings_left_out for one in facts),
        variety=variety_of([one.diversity for one in facts if one.diversity is not None]),
        outcomes=outcomes_of(facts, books.by_issue()),
        notes=tuple(_notes(run, counts, hardened)),
    )


def _models(run: Run) -> tuple[str, ...]:
    asked = run.job.config.asked.get("trajectory", ())
    return tuple(dict.fromkeys(getattr(one, "model", one.kind) for one in asked))


def _calibration(facts: Sequence[Fact]) -> Calibration | None:
    told = [one for one in facts if one.outcome == "proposed" and one.views]
    ruled = [one for one in told if one.views["hardened"].proposal in ("resolved", "unresolved")]
    return calibration_of(
        [one.confidence for one in ruled], [one.views["hardened"].resolved for one in ruled]
    )


def _findings(facts: Sequence[Fact]) -> tuple[Finding, ...]:
    found = (finding for one in facts for finding in one.findings)
    return tuple(sorted(found, key=lambda one: CERTAINTY[one.severity]))


def _times(facts: Sequence[Fact], run: Run) -> Times:
    stages: dict[str, list[float]] = defaultdict(list)
    whole = []
    for one in facts:
        if one.seconds is not None:
            whole.append(sum(one.seconds.values()))
            for name, seconds in one.seconds.items():
                stages[name].append(seconds)
    spreads = {name: spread for name, values in stages.items() if (spread := spread_of(values)) is not None}
    return Times(issue=spread_of(whole), stages=spreads, spans=tuple(_spans(run)))


def _spans(run: Run) -> list[Span]:
    found = (span for task in run.job.tasks for span in read_spans(run.record, task.issue.id))
    return sorted(found, key=lambda one: (one.began, one.issue, one.kind, one.step))


def _notes(run: Run, counts: Counts, hardened: Scores | None) -> Iterator[str]:
    """Yield what is missing, and the command that would bring it."""
    grade = f"swe-scale grade {run.folder} --dataset …"
    if counts.failed or counts.unstarted:
        again = f"go on with: swe-scale resume {run.folder}"
        yield (
            f"{counts.failed} issues failed and {counts.unstarted} have no solution yet: "
            f"they count as not resolved; {again}"
        )
    if run.job.faults:
        yield f"{len(run.job.faults)} rows of the dataset could not be used and are no part of this run"
    if hardened is None:
        yield f"nothing is graded, so nothing is said of what is resolved: {grade}"
        return
    if hardened.ungraded:
        yield f"{hardened.ungraded} proposals have no grade and are left out of what is resolved: {grade}"
    if hardened.infra:
        yield f"on {hardened.infra} proposals the machine failed; they are left out: {grade}"
    if hardened.known < counts.finished:
        yield (
            f"of {counts.finished} finished issues all candidates of {hardened.known} are graded; coverage "
            "and what rests on it are over these, which are rather those with few candidates: "
            f"{grade} --candidates"
        )
    if any(one.coverage is None for one in hardened.heat):
        yield f"patches of earlier turns have no grades, so little is said of turns: {grade} --turns"
    foreign = {issue for issue, _ in run.grades} - {task.issue.id for task in run.job.tasks}
    if foreign:
        yield f"grades of {len(foreign)} other issues are not used, such as {min(foreign)}"
