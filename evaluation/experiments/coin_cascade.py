"""What a second model adds in a coin world, by how much its failures have in common with the first one's.

Both find issues equally hard on average, so that only their difference can help. With a probability, the
correlation, the second finds an issue exactly as hard as the first does; otherwise its rate of success is
drawn anew. The same policy with more trajectories of the first model in place of the second's stands beside
it: at correlation 1 there is nothing to gain, and the gain must vanish.

Run it: `python coin_cascade.py [ISSUES]`.
"""

import sys
from dataclasses import dataclass

import numpy as np
from coin_evidence import evidence_of
from coin_world import REGIMES, Drawn, World
from numpy.typing import NDArray

from swe_scale.policy import Fixed, Policy, Progress
from swe_scale.policy.cascade import Cascade
from swe_scale.ranking import Rule, find_rule

Numbers = NDArray[np.float64]
CORRELATIONS = (0.0, 0.5, 1.0)
FIRST, SECOND = 4, 4
"""Trajectories of each model."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What came of issues, one number each."""

    alone: Numbers
    """Whether the leader of the first model's trajectories is right."""
    cascade: Numbers
    """Whether that of the cascade is."""
    control: Numbers
    """Whether it is where the second model is the first one again."""
    second: Numbers
    """Trajectories of the second model that were started."""

    @property
    def gain(self) -> Numbers:
        """By how much another model is better than more of the same."""
        return self.cascade - self.control


def ask(correlation: float, issues: int, seed: int) -> Asked:
    """Return what came of so many issues of the middle regime.

    Args:
        correlation: of the two models' rates of success over issues, 0 to 1.
        issues: how many.
        seed: of everything that is drawn.
    """
    world, chance, rule = (
        World(REGIMES["middle"], (seed, 1)),
        np.random.default_rng((seed, 2)),
        find_rule("latent"),
    )
    rows = [_issue(world, chance, correlation, rule) for _ in range(issues)]
    return Asked(*np.array(rows, dtype=np.float64).T)


def _issue(world: World, chance: np.random.Generator, correlation: float, rule: Rule) -> list[float]:
    rate = world.rate()
    other = rate if chance.random() < correlation else world.rate()
    first = chance.random(FIRST) < rate
    found = [world.told(np.append(first, chance.random(SECOND) < second)) for second in (other, rate)]
    tiers = (tuple(range(1, FIRST + 1)), tuple(range(FIRST + 1, FIRST + SECOND + 1)))
    policy = Cascade(Fixed(), tiers)
    mixed, same = (_spent(policy, drawn) for drawn in found)
    return [
        _right(found[0], FIRST, rule), _right(found[0], mixed, rule), _right(found[1], same, rule),
        float(mixed - FIRST),
    ]  # fmt: skip


def _spent(policy: Policy, drawn: Drawn) -> int:
    """Return how many trajectories a policy starts; each has finished at once."""
    begun: tuple[int, ...] = ()
    finished = checked = 0
    while True:
        evidence = evidence_of(_first(drawn, checked)) if checked else None
        planned = len(drawn.right)
        move = policy.next(Progress(planned, len(begun), finished, checked, evidence=evidence, begun=begun))
        if move is None:
            finished += 1
        elif move.action == "start" and move.trajectory is not None:
            begun = (*begun, move.trajectory)
        elif move.action == "check":
            checked = finished
        else:
            return checked


def _first(drawn: Drawn, size: int) -> Drawn:
    return Drawn(drawn.right[:size], drawn.passes[:size, :size], drawn.base[:size], drawn.rate)


def _right(drawn: Drawn, size: int, rule: Rule) -> float:
    leader = rule(evidence_of(_first(drawn, size))).ranked[0].candidate
    return float(drawn.right[int(leader, 16) - 1])


def main() -> None:
    """Print a line per correlation, with 95 % intervals."""
    issues = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    print(f"{issues} issues, {FIRST} trajectories of the first model, up to {SECOND} of the second")
    print("correlation  first alone  cascade  more of the first  gain of the second      of its trajectories")
    for correlation in CORRELATIONS:
        found = ask(correlation, issues, seed=7)
        half = 1.96 * found.gain.std() / issues**0.5
        print(
            f"{correlation:11.1f}  {found.alone.mean():11.3f}  {found.cascade.mean():7.3f}  "
            f"{found.control.mean():17.3f}  {found.gain.mean():+.3f} ± {half:.3f}         "
            f"{found.second.mean() / SECOND:19.0%}"
        )


if __name__ == "__main__":
    main()
