"""How many samples of each issue are right: counted, summed to coverage, thinned to fewer samples."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray

from swe_scale.statistics import pass_at_k

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Cells:
    """Issues by how many samples they have and how many of these are right: equal ones are one cell."""

    samples: Whole
    """By cell."""
    right: Whole
    """By cell."""
    shares: Numbers
    """Issues × cells: how much of an issue is in a cell; each issue sums to 1."""

    def weighed(self, weights: Numbers) -> Numbers:
        """Return how many issues are in each cell.

        Args:
            weights: rows × issues: how often an issue counts; a resample by each row.

        Returns:
            Rows × cells.
        """
        return np.asarray(weights @ self.shares)


def cells_of(samples: Sequence[int], right: Sequence[int]) -> Cells:
    """Return issues as cells.

    Args:
        samples: of each issue.
        right: of these.

    Raises:
        ValueError: these numbers can't be.
    """
    return thinned(samples, right, max(samples, default=0))


def thinned(samples: Sequence[int], right: Sequence[int], most: int) -> Cells:
    """Return issues as cells as if only so many samples had been drawn: all such draws, each in part.

    Args:
        samples: of each issue.
        right: of these.
        most: samples that are drawn of each, without replacement; all of an issue that has fewer.

    Raises:
        ValueError: these numbers can't be.
    """
    places: dict[tuple[int, int], int] = {}
    parts: list[tuple[int, int, float]] = []
    for issue, (count, good) in enumerate(zip(samples, right, strict=True)):
        if not 0 <= good <= count:
            raise ValueError(f"{good} right of {count}: these numbers can't be")
        drawn = min(most, count)
        for found in range(max(0, drawn - (count - good)), min(good, drawn) + 1):
            share = comb(good, found) * comb(count - good, drawn - found) / comb(count, drawn)
            parts.append((issue, places.setdefault((drawn, found), len(places)), share))
    shares = np.zeros((len(samples), len(places)))
    for issue, place, share in parts:
        shares[issue, place] = share
    kinds = np.array(list(places), dtype=np.int64).reshape(-1, 2)
    return Cells(kinds[:, 0], kinds[:, 1], shares)


def coverages(samples: Sequence[int], right: Sequence[int], sizes: Sequence[int]) -> Numbers:
    """Return pass@k of each issue, without bias (Chen and others, 2021, arXiv 2107.03374).

    Args:
        samples: of each issue.
        right: of these.
        sizes: the numbers k; an issue with fewer samples counts with all that it has.

    Returns:
        Issues × sizes, 0 to 1.

    Raises:
        ValueError: these numbers can't be.
    """
    known: dict[tuple[int, int], list[float]] = defaultdict(list)
    for count, good in {*zip(samples, right, strict=True)}:
        known[count, good] = [pass_at_k(count, good, min(size, count)) for size in sizes]
    rows = [known[pair] for pair in zip(samples, right, strict=True)]
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(sizes))
