"""How much of candidates × checks is run where only what can change the answer is, and what that changes.

In a coin world, beside the full matrix of the same issues. Each check takes its own seconds, drawn
log-normally; two cells run at a time. Intervals are 95 %, by bootstrap over issues.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from harness import Figure, Goal, arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "experiments"))

from coin_cells import NEEDS, Crossing, column, crossings
from coin_world import REGIMES, Dials

from swe_scale.statistics import bootstrap

SAMPLES = (10, 30)
SEED = 4
SHIFT = 0.05
"""Difference of the confidence that is one to a reader."""


def cells(worlds: Mapping[str, Dials], issues: int) -> Iterator[Figure]:
    """Yield how many cells are run of the full matrix, and how often the answer is the same."""
    for number, (regime, dials) in enumerate(worlds.items()):
        for rule, samples in product(NEEDS, SAMPLES):
            print(f"{regime}, cells under {rule}, {samples} …", file=sys.stderr, flush=True)
            found = crossings(dials, SEED + number, max(1, issues * SAMPLES[0] // samples), samples, rule)
            name = f"{regime}, {samples} × {samples}, {rule}"
            for title, part, most in (("cells", "share", 1.0), ("seconds of cells", "cost", 1.0),
                                      ("time on two slots", "wall", 1.05)):  # fmt: skip
                share = bootstrap(column(found, part).tolist())
                goal = Goal(most=most, of_ours=True)
                yield Figure(
                    f"{name}: {title}, beside the full matrix", share.value, None, "share", None,
                    share.interval, len(found), str(goal), goal.met(share.value, None),
                )  # fmt: skip
            yield from _answers(name, rule, found)


def _answers(name: str, rule: str, found: Sequence[Crossing]) -> Iterator[Figure]:
    """Yield how often the answer differs from the full matrix's: under votes it never may."""
    exact = Goal(most=0.0, of_ours=True) if rule == "votes" else None
    changed = column(found, "shift") > SHIFT
    for title, values in (
        ("another leader than by the full matrix", column(found, "leader")),
        ("other finalists", column(found, "finalists")),
        (f"confidence off by more than {SHIFT}", changed.astype(np.float64)),
    ):
        share = bootstrap(values.tolist())
        yield Figure(
            f"{name}: {title}", share.value, None, "share", None, share.interval, len(found),
            str(exact) if exact else None, exact.met(share.value, None) if exact else None,
        )  # fmt: skip
    gain = bootstrap(column(found, "gain").tolist())
    yield Figure(
        f"{name}: leader right, less by the full matrix", gain.value, None, "share resolved", None,
        gain.interval, len(found), None, None,
    )  # fmt: skip


def main() -> None:
    """Measure, and print."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--issues", type=int, default=200, help="of ten candidates; of thirty, a third")

    given = arguments("Crossing candidates with checks, in a coin world.", 1, add)
    report([*cells(REGIMES, given.issues)], as_json=given.json)


if __name__ == "__main__":
    main()
