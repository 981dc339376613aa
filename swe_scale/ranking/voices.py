"""Who speaks for and against a candidate: checks, and the trajectories that made the same change."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

from swe_scale.ranking.outcomes import Evidence, Outcomes, authors_of
from swe_scale.records import Candidate


@dataclass(frozen=True, slots=True)
class Voices:
    """What speaks for and against one candidate."""

    votes: int
    of: int
    backers: frozenset[int]
    """Other trajectories whose check or whose equal patch speaks for it."""
    opponents: frozenset[int]
    similar: int


def voices_of(evidence: Evidence, outcomes: Outcomes, one: Candidate, cluster: frozenset[int]) -> Voices:
    """Return what speaks for and against a candidate.

    Args:
        evidence: all of it.
        outcomes: of its verdicts.
        one: the candidate.
        cluster: the trajectories that chose its normal form.
    """
    own = frozenset(one.authors[:1])
    votes = of = 0
    backers, opponents = set(cluster - own), set[int]()
    for check, authors in authors_of(evidence.checks).items():
        alone = bool(authors) and authors <= own and len(cluster) == 1
        said = outcomes.of(one.id, check)
        if alone or said is None or said == "infra" or not outcomes.reproduces(check):
            continue
        (backers if said == "pass" else opponents).update(authors - own)
        if _tells_apart(evidence, outcomes, check, authors):
            votes += said == "pass"
            of += 1
    return Voices(votes, of, frozenset(backers), frozenset(opponents - backers), len(cluster) - 1)


def clusters_of(evidence: Evidence) -> Mapping[str, frozenset[int]]:
    """Return which trajectories chose each normal form."""
    found: dict[str, set[int]] = defaultdict(set)
    for one in evidence.candidates:
        found[evidence.forms[one.id]].update(one.authors)
    return {form: frozenset(authors) for form, authors in found.items()}


def _tells_apart(evidence: Evidence, outcomes: Outcomes, check: str, authors: frozenset[int]) -> bool:
    """Return whether a check passes for some and not for others, and not only for its own author.

    One that nobody else's patch satisfies says no more than that its author agrees with himself.
    """
    clusters = clusters_of(evidence)
    said = {one: outcomes.of(one.id, check) for one in evidence.candidates}
    judged = {one: what for one, what in said.items() if what not in (None, "infra")}
    passed = [one for one, what in judged.items() if what == "pass"]
    agreed = any(not authors or len(authors | clusters[evidence.forms[one.id]]) > 1 for one in passed)
    return agreed and len(passed) < len(judged)
