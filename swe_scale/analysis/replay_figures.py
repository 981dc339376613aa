"""Makes figures of replayed issues: means and ratios with intervals over issues, and paired differences."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from swe_scale.analysis.replay import IssueScores, Point, Score
from swe_scale.statistics import Estimate, bootstrap, paired_bootstrap, ratio_bootstrap, wilson

_SHARES = ("resolved", "official", "leader", "coverage", "chance", "abstained")
MEANS = (*_SHARES, "trajectories", "tokens", "usd")
"""Figures that are means over issues, by the names of `Score`."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What a method came to at one point."""

    point: Point
    issues: int
    """Issues of which at least one draw could be looked up."""
    means: dict[str, Estimate]
    efficiency: Estimate
    """Leader over coverage: of the issues that some candidate resolves, those that the leader does."""
    gap: Estimate
    """Share of the way from a candidate drawn by lot to the best one."""


def figures(issues: Sequence[IssueScores], point: Point, method: int, seed: int) -> Figures:
    """Return the figures of one method at one point, over the issues that could be looked up."""
    scores = [score for one in issues if (score := one.scores.get((point, method))) is not None]
    leader, chance = [one.leader for one in scores], [one.chance for one in scores]
    coverage = [one.coverage for one in scores]
    return Figures(
        point,
        len(scores),
        {name: _mean(name, [getattr(one, name) for one in scores], seed) for name in MEANS},
        ratio_bootstrap(leader, coverage, seed),
        ratio_bootstrap(
            [one - other for one, other in zip(leader, chance, strict=True)],
            [one - other for one, other in zip(coverage, chance, strict=True)],
            seed,
        ),
    )


def _mean(name: str, values: Sequence[float], seed: int) -> Estimate:
    """Return a mean with its interval: Wilson's for all or nothing, where equal draws would show no doubt."""
    if name in _SHARES and values and {0.0, 1.0}.issuperset(values):
        share = wilson(round(sum(values)), len(values))
        return Estimate(share.share, share.interval)
    return bootstrap(values, seed)


def differences(issues: Sequence[IssueScores], point: Point, seed: int) -> dict[str, Estimate]:
    """Return how the first method differs from the second, which was replayed on the same draws."""
    pairs = [(one.scores[point, 0], one.scores[point, 1]) for one in issues if (point, 0) in one.scores]

    def of(value: Callable[[Score], float]) -> Estimate:
        return paired_bootstrap([value(one) for one, _ in pairs], [value(other) for _, other in pairs], seed)

    return {name: of(lambda score, name=name: float(getattr(score, name))) for name in MEANS}  # type: ignore[misc]
