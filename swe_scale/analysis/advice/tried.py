"""What one run tried on one issue: how many samples are right, what its rule makes of fewer, of cut ones."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from swe_scale.analysis.recording import Recording
from swe_scale.analysis.replay import IssueScores, Label, Labels, Method, Plan, Point, Score, replay_issue
from swe_scale.analysis.runs import Run
from swe_scale.grades import Judged
from swe_scale.policy import find_policy
from swe_scale.ranking import Evidence, Ranking, Rule, find_rule
from swe_scale.ranking.outcomes import authors_of
from swe_scale.records import Solution, Trajectory, digest

Way = Literal["hardened", "official"]
_RULED = ("resolved", "unresolved")
_EVERY = 8
"""Turns up to which each is looked at; beyond, they double."""


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of written checks that fail on the untouched code; those of a patch's own authors left out."""

    wrong_passed: int = 0
    wrong: int = 0
    right_passed: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """What one run tried on one issue."""

    samples: int
    """Trajectories that began with the issue alone, or with a plan."""
    late: int
    """Those that learnt from others."""
    right: int | None
    """Of the samples; None where a candidate has no grade."""
    turned: Mapping[int, int]
    """The same after so many turns; missing where a patch has no grade."""
    proposed: bool | None
    """Whether the run's own proposal, selection and all, is right; None where it has no grade."""
    scores: Mapping[int, Score]
    """By number of samples."""
    by_turns: Mapping[int, Score]
    """By turns, of all samples."""
    lacking: float
    """Share of the cells of cut trajectories that were never run, 0 to 1."""
    halved: Score | None
    """All samples, with half of the written checks."""
    cells: Cells
    stopped: int
    """Samples that ran out of replies."""
    longest: int
    """Turns of the longest one."""
    uncut: int
    """Those that can't be cut."""
    words: tuple[str, ...]
    """What each sample said, digested, so that copies are found."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is replayed."""

    sizes: tuple[int, ...]
    repetitions: int
    rule: Rule
    name: str
    turns: tuple[int, ...]

    def plan(self, points: Iterable[Point], repetitions: int) -> Plan:
        """Return a plan by which all that is drawn is judged."""
        method = Method(self.name, "fixed", self.rule, find_policy("fixed"))
        return Plan((method,), tuple(points), repetitions, seed=0)


def wanted_of(run: Run, sizes: tuple[int, ...], repetitions: int, turns: tuple[int, ...]) -> Wanted:
    """Return what is replayed of a run: its own rule, and its own bound below which nothing is proposed.

    Raises:
        UsageError: its rule isn't known here.
        ExtensionError: its rule can't be loaded.
    """
    config = run.job.config
    rule = find_rule(config.rule)
    least = config.min_confidence

    def bounded(evidence: Evidence) -> Ranking:
        found = rule(evidence)
        sure = {one.candidate for one in found.ranked if one.posterior >= least}
        return replace(found, supported=found.supported & sure)

    return Wanted(sizes, repetitions, bounded if least else rule, config.rule, turns)


def turns_of(longest: int) -> tuple[int, ...]:
    """Return the turns after which trajectories are cut, ascending; the last is the longest's end."""
    if longest <= _EVERY:
        return tuple(range(1, longest + 1))
    return (*(2**power for power in range(longest.bit_length()) if 2**power < longest), longest)


def way_of(run: Run) -> Way:
    """Return the way of grading that counts: hardened, unless only the official one was asked for."""
    rulings = {one.hardened.ruling for one in run.grades.values()}
    return "official" if rulings and rulings <= {"infra"} else "hardened"


def labels_of(run: Run, issue: str, way: Way) -> Labels:
    """Return the labels of an issue's patches by one way of grading; an empty patch is wrong."""

    def label(patch: str) -> Label | None:
        if not patch.strip():
            return Label(False, False)
        grade = run.grade(issue, patch)
        judged: Judged | None = None if grade is None else getattr(grade, way)
        if judged is None or judged.ruling not in _RULED:
            return None
        right = judged.ruling == "resolved"
        return Label(right, right)

    return label


def attempt(solution: Solution, labels: Labels, wanted: Wanted) -> Attempt:
    """Return what a run tried on an issue.

    Raises:
        ExtensionError: a rule of another package failed.
    """
    recording = Recording(solution)
    first = recording.first
    right = _right(recording, None, labels)
    known = right is not None and bool(first)
    turned = {turns: _right(recording, turns, labels) for turns in wanted.turns} if known else {}
    cut = tuple(turns for turns, count in turned.items() if count is not None)
    whole = Point(max(1, len(first)))
    # The whole of an issue's samples counts wherever fewer were made than were asked for.
    points = dict.fromkeys((*(Point(size) for size in wanted.sizes if size < len(first)), whole))
    cuts = [Point(len(first), one) for one in cut]
    fewer = replay_issue(solution, labels, wanted.plan(points, wanted.repetitions)) if known else None
    scores = _scores(fewer, lambda point: point.samples)
    # A draw may bring a candidate that counts as another's echo in the whole, and so was never graded.
    known = known and len(scores) == len(points)
    short = replay_issue(solution, labels, wanted.plan(cuts, 1)) if known else None
    return Attempt(
        samples=len(first),
        late=len(recording.late),
        right=right if known else None,
        turned={turns: count for turns, count in turned.items() if count is not None},
        proposed=_proposed(solution, labels),
        scores=scores,
        by_turns=_scores(short, lambda point: point.turns),
        lacking=short.lacks.cells / max(1, short.lacks.wanted) if short else 0.0,
        halved=_halved(solution, labels, wanted, whole) if known else None,
        cells=_cells(recording, labels) if known else Cells(),
        stopped=sum(one.outcome == "turns" for one in first),
        longest=max((len(one.turns) for one in first), default=0),
        uncut=sum(not one.turns for one in first),
        words=tuple(_words(one) for one in first),
    )


def _scores(found: IssueScores | None, amount: Callable[[Point], int | None]) -> Mapping[int, Score]:
    scores = found.scores.items() if found is not None else ()
    return {size: score for (point, _), score in scores if (size := amount(point)) is not None}


def _right(recording: Recording, turns: int | None, labels: Labels) -> int | None:
    """Return how many samples are right, cut after so many turns; None where a candidate has no grade."""
    evidence = recording.evidence([recording.cut(one, turns) for one in recording.first])
    found = [(len(one.authors), labels(one.patch)) for one in evidence.candidates]
    if any(label is None for _, label in found):
        return None
    return sum(authors for authors, label in found if label is not None and label.hardened)


def _proposed(solution: Solution, labels: Labels) -> bool | None:
    label = labels(solution.patch or "")
    return None if label is None else label.hardened


def _halved(solution: Solution, labels: Labels, wanted: Wanted, whole: Point) -> Score | None:
    """Return what comes of all samples where every other written check is left out."""
    fewer = replace(wanted, rule=lambda evidence: wanted.rule(half_of(evidence)))
    return replay_issue(solution, labels, fewer.plan([whole], 1)).scores.get((whole, 0))


def half_of(evidence: Evidence) -> Evidence:
    """Return evidence with every other written check, in an order that has nothing to do with them."""
    written = sorted({one.id for one in evidence.checks if one.kind != "regression"}, key=digest)
    dropped = frozenset(written[1::2])
    return replace(
        evidence,
        checks=tuple(one for one in evidence.checks if one.id not in dropped),
        verdicts=tuple(one for one in evidence.verdicts if one.check not in dropped),
    )


def _cells(recording: Recording, labels: Labels) -> Cells:
    evidence = recording.evidence([recording.cut(one, None) for one in recording.first])
    written = authors_of(one for one in evidence.checks if one.kind != "regression")
    authors = {check: ones for check, ones in written.items() if evidence.outcomes.reproduces(check)}
    counts = {True: [0, 0], False: [0, 0]}
    for candidate in evidence.candidates:
        label = labels(candidate.patch)
        for check, writers in authors.items():
            said = evidence.outcomes.of(candidate.id, check)
            if label is None or said in (None, "infra") or writers.intersection(candidate.authors):
                continue
            counts[label.hardened][0] += said == "pass"
            counts[label.hardened][1] += 1
    return Cells(*counts[False], *counts[True])


def _words(one: Trajectory) -> str:
    said = (turn.completion.text for turn in one.turns)
    return digest(one.strategy, str(one.index), one.patch, str(one.usage.seconds), *said)
