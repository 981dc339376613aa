"""What `--repeats 3` brings in a coin world: each cell is run twice, and a third time where the two differ.

In this world every run of a cell says the opposite with the same probability, each time anew: nothing could
help repeats more.

Run it: `python coin_repeats.py [ISSUES]`.
"""

import sys
from dataclasses import replace

import numpy as np
from coin_evidence import evidence_of, right_of
from coin_world import REGIMES, Dials, World
from numpy.typing import NDArray

from swe_scale.ranking import find_rule
from swe_scale.statistics import paired_bootstrap

Numbers = NDArray[np.float64]
SAMPLES = 10


def repeat(dials: Dials, issues: int, seed: int) -> tuple[Numbers, Numbers, Numbers]:
    """Return, by issue, whether the one chosen is right without repeats and with them, and further runs.

    Args:
        dials: of the world.
        issues: how many.
        seed: of everything that is drawn.
    """
    world, chance = World(dials, (seed, 1)), np.random.default_rng((seed, 2))
    rows = [_issue(world, chance) for _ in range(issues)]
    once, again, runs = np.array(rows, dtype=np.float64).T
    return once, again, runs


def _issue(world: World, chance: np.random.Generator) -> tuple[float, float, float]:
    rule, changing = find_rule("latent"), world.changing(SAMPLES, 1)
    turns, dials = dict.fromkeys(range(SAMPLES), 1), world.dials
    drawn, true = changing.after(turns), changing.unflipped().after(turns).passes
    first = rule(evidence_of(drawn))
    # What a check says of its own author's patch counts for nothing.
    chosen = ~np.eye(SAMPLES, dtype=np.bool_)
    second, third = (true ^ (chance.random(true.shape) < dials.flip) for _ in range(2))
    differ = chosen & (second != drawn.passes)
    # Where the first two differ, the third is what most say.
    settled = replace(drawn, passes=np.where(differ, third, drawn.passes))
    leaders = (first, rule(evidence_of(settled)))
    once, again = (float(right_of(drawn, one.ranked[0].candidate)) for one in leaders)
    return once, again, float(chosen.sum() + differ.sum())


def main() -> None:
    """Print a line per regime, with 95 % intervals, paired by issue."""
    issues = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    print(f"{issues} issues, {SAMPLES} candidates and as many checks")
    print("regime  further runs  resolved: once  again  difference")
    for regime, dials in REGIMES.items():
        once, again, runs = repeat(dials, issues, seed=8)
        print(
            f"{regime:6}  {runs.mean():12.1f}  {once.mean():14.3f}  {again.mean():5.3f}  "
            f"{paired_bootstrap(again.tolist(), once.tolist())}",
            flush=True,
        )


if __name__ == "__main__":
    main()
