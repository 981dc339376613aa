"""Who speaks for and against a candidate: checks, and the trajectories that made the same change."""

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from swe_scale.ranking.outcomes import Evidence, Outcomes, authors_of
from swe_scale.records import Candidate


@dataclass(frozen=True, slots=True)
class Voices:
    """What speaks for and against one candidate."""

    votes: int
    of: int
    backers: frozenset[int | str]
    """Other trajectories whose check or equal patch speaks for it, and checks of no trajectory, by id."""
    opponents: frozenset[int | str]
    similar: int


def voices_of(evidence: Evidence) -> Mapping[str, Voices]:
    """Return what speaks for and against each candidate, by its id."""
    outcomes, clusters = evidence.outcomes, clusters_of(evidence)
    heard = {
        check: authors for check, authors in authors_of(evidence.checks).items() if outcomes.reproduces(check)
    }
    telling = {
        check
        for check, authors in heard.items()
        if _tells_apart(evidence, outcomes, clusters, check, authors)
    }
    return {
        one.id: _voices_of_one(one, outcomes, heard, telling, clusters[evidence.forms[one.id]])
        for one in evidence.candidates
    }


def _voices_of_one(
    one: Candidate,
    outcomes: Outcomes,
    heard: Mapping[str, frozenset[int]],
    telling: Collection[str],
    cluster: frozenset[int],
) -> Voices:
    own = frozenset(one.authors[:1])
    votes = of = 0
    backers, opponents = set[int | str](cluster - own), set[int | str]()
    for check, authors in heard.items():
        said = outcomes.of(one.id, check)
        if alone(one, authors, cluster) or said is None or said == "infra":
            continue
        (backers if said == "pass" else opponents).update(authors - own if authors else {check})
        if check in telling:
            votes += said == "pass"
            of += 1
    return Voices(votes, of, frozenset(backers), frozenset(opponents - backers), len(cluster) - 1)


def alone(one: Candidate, authors: frozenset[int], cluster: frozenset[int]) -> bool:
    """Return whether a check has no voice on a candidate: nobody else wrote it, or made the same change."""
    return bool(authors) and authors <= frozenset(one.authors[:1]) and len(cluster) == 1


def agrees(authors: frozenset[int], cluster: frozenset[int]) -> bool:
    """Return whether more than one trajectory speaks where a check passes on a change, or nobody known."""
    return not authors or len(authors | cluster) > 1


def clusters_of(evidence: Evidence) -> Mapping[str, frozenset[int]]:
    """Return which trajectories chose each normal form."""
    found: dict[str, set[int]] = defaultdict(set)
    for one in evidence.candidates:
        found[evidence.forms[one.id]].update(one.authors)
    return {form: frozenset(authors) for form, authors in found.items()}


def _tells_apart(
    evidence: Evidence,
    outcomes: Outcomes,
    clusters: Mapping[str, frozenset[int]],
    check: str,
    authors: frozenset[int],
) -> bool:
    """Return whether a check passes for some and not for others, and not only for its own author.

    One that nobody else's patch satisfies says no more than that its author agrees with himself.
    """
    said = [(one, outcomes.of(one.id, check)) for one in evidence.candidates]
    judged = [(one, what) for one, what in said if what not in (None, "infra")]
    passed = [one for one, what in judged if what == "pass"]
    agreed = any(agrees(authors, clusters[evidence.forms[one.id]]) for one in passed)
    return agreed and len(passed) < len(judged)
