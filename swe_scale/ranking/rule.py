"""The rule `votes`: votes, tests kept, majority, agreement."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import fsum

from swe_scale.patch import changed_tokens, overlap
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.voices import Voices, clusters_of, voices_of
from swe_scale.records import Candidate, Ranked, Verdict

FINALISTS = 3
"""How many candidates a selection compares at most, as in CodeMonkeys (arXiv 2501.14723)."""
SIMILAR = 0.8
"""Token overlap of changed lines from which two patches count as alike."""
_COMPARED = 100
"""Patches with which each other one is compared at most: those of the changes that most trajectories made."""
_ISSUES = 8
"""Of which the likeness of patches is kept: it is asked for again and again while cells are being run."""


@dataclass(frozen=True, slots=True)
class Ranking:
    """The order of the candidates, and which of them the evidence doesn't tell apart."""

    ranked: tuple[Ranked, ...]
    contested: tuple[str, ...]
    """The finalists' ids, best first; one if the leader is alone."""
    supported: frozenset[str]
    """Candidates for which something speaks that is not their own author's."""
    weighed: bool = False
    """Whether what judges said counts in it. Otherwise whoever asked them goes by their majority."""


@dataclass(frozen=True, slots=True)
class _Standing:
    """What a candidate is beside the others, whatever checks say."""

    form: str
    agreement: float
    broken: int
    excused: int
    doubtful: int
    """Checks that fail on the untouched code and pass on it, but execute nothing of what it changes."""


def rank(evidence: Evidence) -> Ranking:
    """Rank by votes of reproduction checks, then tests kept, then majority, then agreement.

    A vote is a check that fails on the untouched code, tells candidates apart, and passes here. The check
    of a candidate's only author doesn't vote for it, and one that only its own author's patch passes has no
    vote at all. Ties go to patches that keep the repository's tests (but for those that most trajectories
    break: they may state what the issue wants changed), then to the normal form that most trajectories
    chose, then to what may be proposed at all, then to the patch most like the others (medoid by token
    overlap of changed lines). A candidate that was caught forging what is said of it comes last and can't
    be proposed.
    """
    if not evidence.candidates:
        return Ranking((), (), frozenset())
    outcomes = evidence.outcomes
    broken = _broken(evidence.verdicts)
    excused = _excused(evidence, broken)
    compared, keepers = _compared(evidence), _keepers(evidence.candidates, broken)
    agreement, alike = _agreement(evidence.candidates, compared), _alike(evidence.candidates, compared)
    voices = voices_of(evidence)
    doubtful = Counter(one for check, one in evidence.reach if evidence.doubtful(one, check))
    ranked = [
        _ranked(
            one.id,
            voices[one.id],
            _Standing(
                evidence.forms[one.id],
                agreement[one.id],
                len(broken.get(one.id, ())),
                len(excused & broken.get(one.id, frozenset())),
                doubtful[one.id],
            ),
        )
        for one in evidence.candidates
    ]
    supported = frozenset(
        one.id
        for one in evidence.candidates
        if one.id not in outcomes.caught and (voices[one.id].backers or one.id in alike or one.id in keepers)
    )
    ranked.sort(
        key=lambda one: (
            one.candidate in outcomes.caught, -_share(one), _lost(one), -one.similar,
            one.candidate not in supported, -one.agreement, one.candidate,
        )
    )  # fmt: skip
    finalists = _finalists(ranked, evidence.forms, len(_trajectories(evidence)), supported)
    return Ranking(tuple(ranked), finalists, supported)


@lru_cache(maxsize=_ISSUES)
def _alike(candidates: tuple[Candidate, ...], compared: tuple[Candidate, ...]) -> frozenset[str]:
    """Return the candidates that another is like."""
    return frozenset(one.id for one in candidates if _resembles_another(one, compared))


def _resembles_another(one: Candidate, candidates: Sequence[Candidate]) -> bool:
    """Return whether another is like it that neither was made from nor led to it."""
    tokens = changed_tokens(one.patch)
    return tokens.total() > 0 and any(
        overlap(tokens, changed_tokens(other.patch)) >= SIMILAR
        for other in candidates
        if other.id != one.id and other.id not in one.shown and one.id not in other.shown
    )


def _trajectories(evidence: Evidence) -> frozenset[int]:
    return frozenset(author for one in evidence.candidates for author in one.authors)


def _broken(verdicts: Iterable[Verdict]) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for verdict in verdicts:
        found[verdict.candidate].update(verdict.broken)
    return {candidate: frozenset(tests) for candidate, tests in found.items()}


def _excused(evidence: Evidence, broken: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the tests that more than half of the trajectories break."""
    breakers: dict[str, set[int]] = defaultdict(set)
    for one in evidence.candidates:
        for test in broken.get(one.id, ()):
            breakers[test].update(one.authors)
    half = len(_trajectories(evidence)) / 2
    return frozenset(test for test, authors in breakers.items() if len(authors) > half)


def _lost(one: Ranked) -> int:
    return one.broken - one.excused


def _keepers(candidates: Sequence[Candidate], broken: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the candidates that alone keep some test, which all others break."""
    counts = Counter(test for one in candidates for test in broken.get(one.id, ()))
    alone = {test for test, count in counts.items() if count == len(candidates) - 1}
    return frozenset(one.id for one in candidates if alone - broken.get(one.id, frozenset()))


def _compared(evidence: Evidence) -> tuple[Candidate, ...]:
    """Return the patches with which the others are compared: all, or the commonest if there are many."""
    if len(evidence.candidates) <= _COMPARED:
        return evidence.candidates
    sizes = {form: len(authors) for form, authors in clusters_of(evidence).items()}
    commonest = sorted(evidence.candidates, key=lambda one: (-sizes[evidence.forms[one.id]], one.id))
    return tuple(commonest[:_COMPARED])


@lru_cache(maxsize=_ISSUES)
def _agreement(candidates: tuple[Candidate, ...], compared: tuple[Candidate, ...]) -> Mapping[str, float]:
    tokens = {one.id: changed_tokens(one.patch) for one in (*candidates, *compared)}
    weights = {one.id: max(1, len(one.authors)) for one in compared}
    total = sum(weights.values())
    known: dict[tuple[str, str], float] = {}
    found: dict[str, float] = {}
    for one in candidates:
        shares = []
        for other, weight in weights.items():
            pair = (one.id, other) if one.id < other else (other, one.id)
            if one.id != other and pair not in known:
                known[pair] = overlap(tokens[one.id], tokens[other])
            shares.append(weight * known.get(pair, 0.0))
        others = total - weights.get(one.id, 0)
        found[one.id] = fsum(shares) / others if others else 0.0
    return found


def _share(one: Ranked) -> float:
    """Return the share of votes by the rule of succession, so that none of none is not the best."""
    return (one.votes + 1) / (one.of + 2)


def _ranked(candidate: str, voices: Voices, standing: _Standing) -> Ranked:
    votes = f"{voices.votes} of {voices.of} reproduction votes"
    reasons = [votes if voices.of else "no check tells the candidates apart"]
    if voices.backers:
        reasons.append(f"{_spoken(voices.backers)} for it, {len(voices.opponents)} against")
    if voices.similar:
        reasons.append(f"the same change in {_counted(voices.similar)}")
    if standing.broken:
        most = f", {standing.excused} of them as most trajectories do" if standing.excused else ""
        reasons.append(f"breaks {standing.broken} of the repository's tests{most}")
    if standing.doubtful:
        told = f"passes {standing.doubtful} of the checks that fail without it, executing no changed line"
        reasons.append(f"doubtful: {told}")
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
        excused=standing.excused,
        posterior=confidence(len(voices.backers), len(voices.opponents), standing.broken),
        reasons=tuple(reasons),
    )


def _spoken(backers: Collection[int | str]) -> str:
    """Return how many trajectories, and checks by none of them, speak."""
    checks = sum(isinstance(one, str) for one in backers)
    others = len(backers) - checks
    given = f"{checks} given {'check' if checks == 1 else 'checks'}"
    return " and ".join([*([_counted(others)] if others else []), *([given] if checks else [])])


def _counted(others: int) -> str:
    return f"{others} other {'trajectory' if others == 1 else 'trajectories'}"


def confidence(backers: int, opponents: int, broken: int) -> float:
    """Return a simple estimate that a candidate is right; it is not calibrated.

    By the rule of succession: one more than the other trajectories that speak for it (by a check that
    fails on the untouched code and passes here, or by an equal patch) and the checks by none of them that
    do, over two more than those that speak for or against it. Halved if it breaks tests of the repository.
    """
    share = (backers + 1) / (backers + opponents + 2)
    return round(share / 2 if broken else share, 4)


def _finalists(
    ranked: Sequence[Ranked], forms: Mapping[str, str], trajectories: int, supported: frozenset[str]
) -> tuple[str, ...]:
    """Return the best of each normal form that the evidence doesn't place behind the leader.

    That is: it misses no more votes and breaks no more tests, or the leader breaks some and it none. A
    normal form that more than half of the trajectories chose, and that breaks nothing, needs no contest.
    """
    leader = ranked[0]
    if 2 * (leader.similar + 1) > trajectories and not leader.broken:
        return (leader.candidate,)
    best: dict[str, str] = {forms[leader.candidate]: leader.candidate}
    for one in ranked:
        level = _lost(one) <= _lost(leader) and one.of - one.votes <= leader.of - leader.votes
        if (level or one.broken == 0 < leader.broken) and one.candidate in supported:
            best.setdefault(forms[one.candidate], one.candidate)
    return tuple(best.values())[:FINALISTS]
