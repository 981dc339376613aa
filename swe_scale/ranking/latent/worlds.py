"""The ways in which checks may be good or bad, of which nobody tells which one holds.

Not known are how often a check states what is right, depending on whether its author's patch is, what bad
checks are like, and how often a run says the opposite of what it should. Many combinations are tried, spread
evenly, and each counts as much as it explains the outcomes.
"""

from dataclasses import dataclass, fields
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
_DIALS = 9

PASSES_BASE = 0.10
"""Probability that a valid check passes on the untouched code."""
MISTAKE_PASSES_BASE = 0.25
"""The same of one that asks for its author's mistake."""
MISTAKE_PASSES_OTHER = 0.20
"""Probability that such a check passes on patches that are wrong in another way."""
UNSEEN = 0.1
"""Of the checks that detect other ways to be wrong, the share that detect a subtle one."""
VACUOUS = 0.60
"""Of checks that say the same of everybody, the share that always pass; the others always fail."""


@dataclass(frozen=True, slots=True)
class Worlds:
    """Combinations of what isn't known, one per place of these arrays."""

    valid_of_right: Numbers
    """Probability that a check is valid, passing on right patches alone, if its author's patch is right."""
    valid_of_wrong: Numbers
    """The same if it is wrong."""
    detects: Numbers
    """Probability that a valid check fails on the patches that are wrong in one way."""
    detects_own: Numbers
    """The same of the way in which its own author is wrong."""
    mistaken: Numbers
    """Of invalid checks of wrong authors, the share that ask for the author's mistake."""
    flips: Numbers
    """Probability that a run says the opposite."""
    noise: Numbers
    """Probability that a check passes and fails by chance, whatever it is run on."""
    subtle: Numbers
    """Of the ways to be wrong, the share that valid checks hardly ever detect."""
    fashion: Numbers
    """Concentration of the ways to be wrong: the lower, the more wrong patches are wrong alike."""

    def some(self, chosen: NDArray[np.int64]) -> "Worlds":
        """Return some of them, of which any may be named several times."""
        return Worlds(**{one.name: getattr(self, one.name)[chosen] for one in fields(self)})

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.flips)


@lru_cache(maxsize=64)
def worlds(count: int) -> Worlds:
    """Return so many combinations, spread evenly over what is plausible before anything is seen.

    By the additive recurrence of the generalised golden ratio (Roberts, 2018): always the same ones.
    """
    spread = _spread(count)
    right = 0.5 + 0.48 * spread[0]
    detects = 0.35 + 0.45 * spread[2]
    return Worlds(
        valid_of_right=right,
        valid_of_wrong=right * (0.2 + 0.75 * spread[1]),
        detects=detects,
        detects_own=detects * np.where(spread[7] < 0.5, 1.0, 0.1),
        mistaken=0.1 + 0.85 * spread[3],
        flips=0.01 * 20.0 ** spread[4],
        noise=np.interp(spread[5], [0, 0.6, 0.6, 0.88, 0.88, 1], [0.02, 0.02, 0.05, 0.3, 0.4, 0.99]),
        subtle=0.25 * spread[8],
        fashion=0.3 * 15.0 ** spread[6],
    )


def _spread(count: int) -> Numbers:
    ratio = 1.0
    for _ in range(60):
        ratio = (1 + ratio) ** (1 / (_DIALS + 1))
    steps = ratio ** -np.arange(1.0, _DIALS + 1)
    return np.asarray((0.5 + np.outer(steps, np.arange(1.0, count + 1))) % 1.0)
