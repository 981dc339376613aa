"""Ranks candidates by their evidence. Pure: nothing here runs, reads or asks."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import fsum

from swe_scale.patch import changed_tokens, overlap
from swe_scale.records import BASE, Candidate, Check, Outcome, Ranked, Verdict

FINALISTS = 3
"""How many candidates a selection compares at most, as in CodeMonkeys (arXiv 2501.14723)."""
SIMILAR = 0.8
"""Token overlap of changed lines from which two patches count as alike."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that a ranking may look at: patches, checks, verdicts."""

    candidates: tuple[Candidate, ...]
    forms: Mapping[str, str]
    """Normal form of each candidate, by its id."""
    checks: tuple[Check, ...]
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of the candidates, and which of them the evidence doesn't tell apart."""

    ranked: tuple[Ranked, ...]
    contested: tuple[str, ...]
    """The finalists' ids, best first; one if the leader is alone."""
    supported: frozenset[str]
    """Candidates for which something speaks that is not their own author's."""


class Outcomes:
    """Verdicts by cell; of repeats, the worst counts."""

    _ORDER: tuple[Outcome, ...] = ("pass", "infra", "timeout", "error", "fail")

    def __init__(self, verdicts: Iterable[Verdict]) -> None:
        self._cells: dict[tuple[str, str], set[Outcome]] = defaultdict(set)
        for verdict in verdicts:
            self._cells[verdict.candidate, verdict.check].add(verdict.outcome)

    def of(self, candidate: str, check: str) -> Outcome | None:
        """Return what a check says of a candidate; None where it wasn't run."""
        found = self._cells.get((candidate, check))
        return max(found, key=self._ORDER.index) if found else None

    def reproduces(self, check: str) -> bool:
        """Return whether a check fails on the untouched code, each time that it was run there."""
        return self._cells.get((BASE, check)) == {"fail"}


@dataclass(frozen=True, slots=True)
class _Voices:
    """What speaks for and against one candidate."""

    votes: int
    of: int
    backers: frozenset[int]
    """Other trajectories whose check or whose equal patch speaks for it."""
    opponents: frozenset[int]
    similar: int


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a candidate is beside the others, whatever checks say."""

    form: str
    agreement: float
    broken: int


def authors_of(checks: Iterable[Check]) -> Mapping[str, frozenset[int]]:
    """Return who wrote each check: equal scripts of several authors are one check."""
    found: dict[str, set[int]] = defaultdict(set)
    for check in checks:
        if check.author is not None:
            found[check.id].add(check.author)
        else:
            found.setdefault(check.id, set())
    return {check: frozenset(authors) for check, authors in found.items()}


def rank(evidence: Evidence) -> Ranking:
    """Rank by tests kept, then votes of reproduction checks, then majority, then agreement.

    A vote is a check that fails on the untouched code, tells candidates apart, and passes here. The check
    of a candidate's only author doesn't vote for it. Ties go to the normal form that most trajectories
    chose, then to what may be proposed at all, then to the patch most like the others (medoid by token
    overlap of changed lines).
    """
    if not evidence.candidates:
        return Ranking((), (), frozenset())
    outcomes = Outcomes(evidence.verdicts)
    clusters = _clusters(evidence)
    broken = _broken(evidence.verdicts)
    agreement = _agreement(evidence.candidates)
    voices = {
        one.id: _voices(evidence, outcomes, one, clusters[evidence.forms[one.id]])
        for one in evidence.candidates
    }
    ranked = [
        _ranked(
            one.id,
            voices[one.id],
            _Standing(evidence.forms[one.id], agreement[one.id], len(broken.get(one.id, ()))),
        )
        for one in evidence.candidates
    ]
    supported = frozenset(
        one.id
        for one in evidence.candidates
        if voices[one.id].backers
        or _resembles_another(one, evidence.candidates)
        or _keeps_alone(one.id, evidence.candidates, broken)
    )
    ranked.sort(
        key=lambda one: (
            one.broken, -_share(one), -one.similar, one.candidate not in supported, -one.agreement,
            one.candidate,
        )
    )  # fmt: skip
    finalists = _finalists(ranked, evidence.forms, len(_trajectories(evidence)), supported)
    return Ranking(tuple(ranked), finalists, supported)


def _resembles_another(one: Candidate, candidates: Sequence[Candidate]) -> bool:
    tokens = changed_tokens(one.patch)
    return tokens.total() > 0 and any(
        overlap(tokens, changed_tokens(other.patch)) >= SIMILAR for other in candidates if other.id != one.id
    )


def _trajectories(evidence: Evidence) -> frozenset[int]:
    return frozenset(author for one in evidence.candidates for author in one.authors)


def _clusters(evidence: Evidence) -> Mapping[str, frozenset[int]]:
    found: dict[str, set[int]] = defaultdict(set)
    for one in evidence.candidates:
        found[evidence.forms[one.id]].update(one.authors)
    return {form: frozenset(authors) for form, authors in found.items()}


def _voices(evidence: Evidence, outcomes: Outcomes, one: Candidate, cluster: frozenset[int]) -> _Voices:
    votes = of = 0
    backers, opponents = set(cluster - set(one.authors[:1])), set[int]()
    for check, authors in authors_of(evidence.checks).items():
        if not outcomes.reproduces(check) or (authors and authors == cluster and len(cluster) == 1):
            continue
        said = outcomes.of(one.id, check)
        if said is None or said == "infra":
            continue
        others = authors - cluster if len(cluster) == 1 else authors
        (backers if said == "pass" else opponents).update(others)
        if _tells_apart(evidence.candidates, outcomes, check):
            votes += said == "pass"
            of += 1
    return _Voices(votes, of, frozenset(backers), frozenset(opponents - backers), len(cluster) - 1)


def _tells_apart(candidates: Sequence[Candidate], outcomes: Outcomes, check: str) -> bool:
    said = {outcomes.of(one.id, check) for one in candidates} - {None, "infra"}
    return "pass" in said and len(said) > 1


def _broken(verdicts: Iterable[Verdict]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        found[verdict.candidate].update(verdict.broken)
    return {candidate: frozenset(tests) for candidate, tests in found.items()}


def _keeps_alone(leader: str, candidates: Sequence[Candidate], broken: Mapping[str, frozenset[str]]) -> bool:
    others = [broken.get(one.id, frozenset()) for one in candidates if one.id != leader]
    if not others:
        return False
    return bool(frozenset.intersection(*others) - broken.get(leader, frozenset()))


def _agreement(candidates: Sequence[Candidate]) -> Mapping[str, float]:
    tokens = {one.id: changed_tokens(one.patch) for one in candidates}
    weights = {one.id: max(1, len(one.authors)) for one in candidates}
    found: dict[str, float] = {}
    for one in candidates:
        others = [other for other in candidates if other.id != one.id]
        total = sum(weights[other.id] for other in others)
        like = fsum(weights[other.id] * overlap(tokens[one.id], tokens[other.id]) for other in others)
        found[one.id] = like / total if total else 0.0
    return found


def _share(one: Ranked) -> float:
    """Return the share of votes by the rule of succession, so that none of none is not the best."""
    return (one.votes + 1) / (one.of + 2)


def _ranked(candidate: str, voices: _Voices, standing: _Standing) -> Ranked:
    votes = f"{voices.votes} of {voices.of} reproduction votes"
    reasons = [votes if voices.of else "no check tells the candidates apart"]
    if voices.backers:
        reasons.append(f"{_counted(len(voices.backers))} for it, {len(voices.opponents)} against")
    if voices.similar:
        reasons.append(f"the same change in {_counted(voices.similar)}")
    if standing.broken:
        reasons.append(f"breaks {standing.broken} of the repository's tests")
    if not voices.backers:
        reasons.append("no other trajectory speaks for it")
    return Ranked(
        candidate=candidate,
        votes=voices.votes,
        of=voices.of,
        form=standing.form,
        similar=voices.similar,
        agreement=round(standing.agreement, 4),
        broken=standing.broken,
        posterior=confidence(len(voices.backers), len(voices.opponents), standing.broken),
        reasons=tuple(reasons),
    )


def _counted(others: int) -> str:
    return f"{others} other {'trajectory' if others == 1 else 'trajectories'}"


def confidence(backers: int, opponents: int, broken: int) -> float:
    """Return a simple estimate that a candidate is right; it is not calibrated.

    By the rule of succession: one more than the other trajectories that speak for it (by a check that
    fails on the untouched code and passes here, or by an equal patch), over two more than those that
    speak for or against it. Halved if it breaks tests of the repository.
    """
    share = (backers + 1) / (backers + opponents + 2)
    return round(share / 2 if broken else share, 4)


def _finalists(
    ranked: Sequence[Ranked], forms: Mapping[str, str], trajectories: int, supported: frozenset[str]
) -> tuple[str, ...]:
    """Return the best of each normal form that misses no more votes and breaks no more than the leader.

    A normal form that more than half of the trajectories chose needs no contest.
    """
    leader = ranked[0]
    if 2 * (leader.similar + 1) > trajectories:
        return (leader.candidate,)
    best: dict[str, str] = {forms[leader.candidate]: leader.candidate}
    for one in ranked:
        level = one.broken <= leader.broken and one.of - one.votes <= leader.of - leader.votes
        if level and one.candidate in supported:
            best.setdefault(forms[one.candidate], one.candidate)
    return tuple(best.values())[:FINALISTS]
