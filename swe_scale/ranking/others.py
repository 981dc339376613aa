"""The rules beside the default one: each is a score, for comparison and as a beginning for one's own."""

from collections.abc import Callable, Mapping
from math import inf

from swe_scale.patch import changed_tokens
from swe_scale.ranking.ordering import ordered
from swe_scale.ranking.outcomes import Evidence, authors_of
from swe_scale.ranking.rule import Ranking
from swe_scale.records import Candidate, Ranked, digest
from swe_scale.statistics import wilson


def majority(evidence: Evidence) -> Ranking:
    """Rank by how many trajectories chose the same normal form; of equal ones, the most like the others."""
    return ordered(
        evidence,
        lambda _, ranked: (ranked.similar, ranked.agreement),
        lambda _, ranked: f"the normal form of {ranked.similar + 1} trajectories",
    )


def medoid(evidence: Evidence) -> Ranking:
    """Rank by the mean token overlap of the changed lines with those of all other trajectories."""
    total = sum(len(one.authors) for one in evidence.candidates)

    def likeness(one: Candidate, ranked: Ranked) -> float:
        twins = max(0, len(one.authors) - 1)
        others = total - len(one.authors)
        return (twins + ranked.agreement * others) / max(1, twins + others)

    return ordered(
        evidence, likeness, lambda one, ranked: f"overlap of {likeness(one, ranked):.2f} with the others"
    )


def smallest(evidence: Evidence) -> Ranking:
    """Rank by how few tokens are added and removed."""
    sizes = {one.id: changed_tokens(one.patch).total() for one in evidence.candidates}
    return ordered(evidence, lambda one, _: -sizes[one.id], lambda one, _: f"changes {sizes[one.id]} tokens")


def codet(evidence: Evidence) -> Ranking:
    """Rank by dual execution agreement (CodeT, arXiv 2207.10397).

    Candidates that pass the same checks are one group; its score is the number of trajectories in it times
    that of the checks. Counted are written checks that fail on the untouched code, each script once.
    """
    passed = passed_by(evidence)
    size: dict[frozenset[str], int] = {}
    for one in evidence.candidates:
        size[passed[one.id]] = size.get(passed[one.id], 0) + len(one.authors)
    return ordered(
        evidence,
        lambda one, _: size[passed[one.id]] * len(passed[one.id]),
        lambda one, _: f"{size[passed[one.id]]} trajectories pass the same {len(passed[one.id])} checks",
    )


def raw(evidence: Evidence) -> Ranking:
    """Rank by the share of written checks that pass, one's own among them (CodeMonkeys, arXiv 2501.14723).

    A check that passes on the untouched code has no vote on a candidate of which it executes no change.
    """
    return _by_share(evidence, lambda one, check, _: _heard(evidence, one, check))


def foreign(evidence: Evidence) -> Ranking:
    """Rank as `raw` does, by the written checks of others alone: nobody votes for himself."""
    return _by_share(
        evidence,
        lambda one, check, authors: _by_another(one, authors) and _heard(evidence, one, check),
    )


def gated(evidence: Evidence) -> Ranking:
    """Rank by the share that passes of the checks that fail on the untouched code, one's own among them."""
    outcomes = evidence.outcomes
    return _by_share(evidence, lambda _, check, __: outcomes.reproduces(check))


def cautious(evidence: Evidence) -> Ranking:
    """Rank by the lower end of the 95 % interval (Wilson) of the share of others' checks that pass.

    A patch that few checks have been run on can't beat one that many have (after the pessimistic verification
    of Heimdall, arXiv 2504.10337). Counted are checks that fail on the untouched code, and no pass on a
    candidate of which they execute no change.
    """
    outcomes = evidence.outcomes

    def votes(one: Candidate, check: str, authors: frozenset[int]) -> bool:
        heard = outcomes.reproduces(check) and _by_another(one, authors)
        return heard and not evidence.unreached(one.id, check)

    return _by_share(evidence, votes, lambda passed, run: wilson(passed, run).interval[0])


Votes = Callable[[Candidate, str, frozenset[int]], bool]
"""Whether a check, with these authors, has a vote on a candidate."""


def _by_another(one: Candidate, authors: frozenset[int]) -> bool:
    """Return whether somebody wrote a check who didn't make the candidate, or nobody that is known."""
    return not authors or bool(authors - set(one.authors))


def _heard(evidence: Evidence, one: Candidate, check: str) -> bool:
    """Return whether what a check says of a candidate can have to do with its change."""
    return not evidence.unreached(one.id, check) or evidence.outcomes.reproduces(check)


def _share(passed: int, run: int) -> float:
    return passed / run if run else 0.0


def _by_share(evidence: Evidence, votes: Votes, score: Callable[[int, int], float] = _share) -> Ranking:
    outcomes = evidence.outcomes
    written = authors_of(one for one in evidence.checks if one.kind != "regression")

    def said(one: Candidate) -> tuple[int, int]:
        found = [
            outcomes.of(one.id, check) for check, authors in written.items() if votes(one, check, authors)
        ]
        return found.count("pass"), sum(what not in (None, "infra") for what in found)

    counts = {one.id: said(one) for one in evidence.candidates}
    return ordered(
        evidence,
        lambda one, _: score(*counts[one.id]),
        lambda one, _: f"passes {counts[one.id][0]} of {counts[one.id][1]} checks",
    )


def passed_by(evidence: Evidence) -> Mapping[str, frozenset[str]]:
    """Return which written checks, of those that fail on the untouched code, each candidate passes."""
    outcomes = evidence.outcomes
    written = {one.id for one in evidence.checks if one.kind != "regression" and outcomes.reproduces(one.id)}
    return {
        one.id: frozenset(check for check in written if outcomes.of(one.id, check) == "pass")
        for one in evidence.candidates
    }


def scored(evidence: Evidence) -> Ranking:
    """Rank by an external verifier's score alone, for comparison; what has none comes last."""

    def why(one: Candidate, _: Ranked) -> str:
        known = evidence.scores.get(one.id)
        return "no score" if known is None else f"scored {known:.4g}"

    return ordered(evidence, lambda one, _: evidence.scores.get(one.id, -inf), why)


def random(evidence: Evidence) -> Ranking:
    """Rank by the ids alone, as if a trajectory were drawn: the baseline. Equal evidence, equal order."""
    drawn = digest(*sorted(one.id for one in evidence.candidates))

    def lot(one: Candidate, _: Ranked) -> float:
        lots = (digest(drawn, one.id, str(author)) for author in one.authors or (0,))
        return -min(int(name, 16) for name in lots) / 16**16

    return ordered(evidence, lot, lambda *_: "by lot")
