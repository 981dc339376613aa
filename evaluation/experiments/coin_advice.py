"""How far laws of coverage miss when they look ahead, in a coin world where the truth is known.

`.venv/bin/python evaluation/experiments/coin_advice.py` prints, over repeated draws of 500 issues × 10
samples, the error of the extrapolated coverage with 100 samples: mean and standard deviation, beside the
truth of the drawn issues; and how often the bootstrap's interval holds the truth of the world.
"""

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from coin_world import MISSPECIFIED, REGIMES, Dials, World

from swe_scale.scaling import Cells, cells_of, coverages, fit_power_law, fit_zero_inflated

ISSUES, SAMPLES, AHEAD = 500, 10, 100
_RESAMPLES = 300

WORLDS: Mapping[str, Dials] = {
    "middle: 27 % hopeless": REGIMES["middle"],
    "weak model: 50 % hopeless": MISSPECIFIED["weak model"],
    "nobody hopeless": replace(REGIMES["middle"], hopeless=0.0),
}


@dataclass(frozen=True, slots=True)
class Missed:
    """What one draw of issues came to."""

    errors: Mapping[str, float]
    """By law, predicted less true coverage of these very issues."""
    held: Mapping[str, bool]
    """By law, whether its interval holds the coverage of all issues of the world."""


def true_coverage(dials: Dials, samples: int) -> float:
    """Return the coverage of a world with so many samples, in closed form."""
    steps = np.arange(samples)
    factors = (dials.failures + steps) / (dials.successes + dials.failures + steps)
    return float((1 - dials.hopeless) * (1 - factors.prod()))


def missed(dials: Dials, issues: int, samples: int, seed: int) -> Missed:
    """Return how far each law misses on one draw of issues."""
    world = World(dials, (seed, 7))
    drawn = [world.issue(samples) for _ in range(issues)]
    right = [int(one.right.sum()) for one in drawn]
    rates = np.array([one.rate for one in drawn])
    here, anywhere = float((1 - (1 - rates) ** AHEAD).mean()), true_coverage(dials, AHEAD)
    told = dict(_predicted(right, samples, seed))
    return Missed(
        {name: float(rows[0]) - here for name, rows in told.items()},
        {name: _holds(rows, anywhere) for name, rows in told.items()},
    )


def _predicted(right: Sequence[int], samples: int, seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Yield coverage ahead by each law: of the data, then of resamples of whole issues."""
    issues = len(right)
    even = np.full(issues, 1 / issues)
    resamples = np.random.default_rng(seed).multinomial(issues, even, size=_RESAMPLES)
    weights = np.vstack([np.ones((1, issues)), resamples])
    cells: Cells = cells_of([samples] * issues, right)
    sizes, ahead = np.arange(1, samples + 1), np.array([AHEAD])
    yield "zero-inflated beta-binomial", fit_zero_inflated(cells, weights).coverage(ahead)[:, 0]
    yield "plain beta-binomial", fit_zero_inflated(cells, weights, most=0.0).coverage(ahead)[:, 0]
    covered = weights @ coverages([samples] * issues, right, sizes.tolist()) / issues
    yield "exponentiated power law", fit_power_law(covered, sizes).coverage(ahead)[:, 0]


def _holds(rows: np.ndarray, truth: float) -> bool:
    low, high = np.percentile(rows[1:], (2.5, 97.5))
    return bool(low <= truth <= high)


def main() -> None:
    """Print the errors of each world."""
    given = argparse.ArgumentParser(description=__doc__)
    given.add_argument("--draws", type=int, default=200)
    draws = given.parse_args().draws
    print(f"{draws} draws of {ISSUES} issues × {SAMPLES} samples; coverage with {AHEAD} samples")
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        for name, dials in WORLDS.items():
            found = list(pool.map(partial(missed, dials, ISSUES, SAMPLES), range(draws)))
            print(f"{name}: in truth {true_coverage(dials, AHEAD):.3f}")
            for law in found[0].errors:
                errors = np.array([one.errors[law] for one in found])
                held = np.mean([one.held[law] for one in found])
                print(f"  {law:<28}{errors.mean():+.3f} (sd {errors.std():.3f}), interval holds {held:.0%}")


if __name__ == "__main__":
    main()
