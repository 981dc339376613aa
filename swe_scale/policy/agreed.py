"""A simple adaptive policy: small waves, until the trajectories agree on a change."""

from dataclasses import dataclass
from math import comb

from swe_scale.policy.progress import Move, Progress
from swe_scale.policy.waves import Waves
from swe_scale.ranking import Evidence, clusters_of, rank


@dataclass(frozen=True, slots=True)
class UntilAgreed:
    """Start in waves, check after each, stop when one normal form is ahead of the next.

    A pilot of a few trajectories tells how hard an issue is, and samples are worth most where they don't
    agree yet (arXiv 2408.03314). That all agree is not enough while their own checks stay red: then they may
    be wrong together (after the guard of SEAT against collapse). Nobody stops on a check of his own.
    """

    pilot: int = 3
    """Trajectories of the first wave."""
    wave: int = 2
    """Of each later one."""
    ahead: float = 0.7
    """Probability from which one form counts as ahead of the next."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move; None to wait until a trajectory has finished."""
        return Waves(self.pilot, self.wave).next(progress, lambda now: self.agreed(now.evidence))

    def agreed(self, evidence: Evidence | None) -> str:
        """Return why no more is needed; nothing if it is."""
        if evidence is None or not evidence.candidates:
            return ""
        ranking, clusters = rank(evidence), clusters_of(evidence)
        leader = ranking.ranked[0]
        own = len(clusters[leader.form])
        next_one = max((len(authors) for form, authors in clusters.items() if form != leader.form), default=0)
        chance = probability_ahead(own, next_one)
        passed, failed = said(evidence, leader.candidate)
        sure = own > 1 and chance > self.ahead and failed <= passed
        if not sure or leader.candidate not in ranking.supported:
            return ""
        return (
            f"{own} trajectories made the leading change and {next_one} the next one: it is ahead with "
            f"probability {chance:.2f}, and passes {passed} of {passed + failed} checks"
        )


def probability_ahead(ours: int, others: int) -> float:
    """Return how probable it is that more trajectories make one change than the other, given these counts.

    By a uniform prior over the share of the first among both.
    """
    trials = ours + others + 1
    return float(sum(comb(trials, count) for count in range(ours + 1)) / 2**trials)


def said(evidence: Evidence, leader: str) -> tuple[int, int]:
    """Return how many checks that fail on the untouched code pass on a candidate, and how many don't."""
    outcomes = evidence.outcomes
    written = {one.id for one in evidence.checks if one.kind != "regression" and outcomes.reproduces(one.id)}
    found = [outcomes.of(leader, check) for check in written]
    passed = found.count("pass")
    return passed, sum(what not in (None, "infra") for what in found) - passed
