"""How much of candidates × checks is run where only what can change the answer is, beside the full matrix.

In a coin world, by the default rule. Each check takes its own seconds, drawn log-normally; two cells run at a
time. Intervals are 95 %, by bootstrap over issues. Then real time: cells that only wait, with the real loop.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import anyio
import numpy as np
from harness import Figure, Goal, arguments, compare, in_turn, report

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "experiments"))

from coin_cells import crossings, seconds_of
from coin_evidence import evidence_of
from coin_world import REGIMES, Dials, World

from swe_scale.crosscheck import fill
from swe_scale.ranking import Evidence
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.worth import VOTING, Needs
from swe_scale.records import Check, Execution, Verdict
from swe_scale.statistics import bootstrap, ratio_bootstrap

SAMPLES = (10, 30)
SLOTS = 2
SEED = 4
SHORT = 0.05
"""Median of a cell's seconds where planning counts most."""
_SPARED, _NO_SLOWER, _EXACT = Goal(most=1.0), Goal(most=1.03), Goal(most=0.0, of_ours=True)


def simulated(worlds: Mapping[str, Dials], issues: int) -> Iterator[Figure]:
    """Yield how much is run of the full matrix, and how often the answer differs."""
    for number, (regime, dials) in enumerate(worlds.items()):
        for samples in SAMPLES:
            name = f"{regime}, {samples} × {samples}"
            print(f"{name} …", file=sys.stderr, flush=True)
            found = crossings(dials, SEED + number, max(1, issues * SAMPLES[0] // samples), samples, SLOTS)
            for title, unit, goal, pairs in (
                ("cells", "an issue", _SPARED, [one.cells for one in found]),
                ("seconds of cells", "s an issue", _SPARED, [one.seconds for one in found]),
                ("time on two slots", "s an issue", _NO_SLOWER, [one.wall for one in found]),
            ):
                ours, full = zip(*pairs, strict=True)
                share = ratio_bootstrap(ours, full)
                yield Figure(
                    f"{name}: {title}, beside the full matrix", float(np.mean(ours)), float(np.mean(full)),
                    unit, share.value, share.interval, len(found), str(goal), goal.met(0.0, share.value),
                )  # fmt: skip
            changed = bootstrap([float(one.leader or one.finalists or one.shift) for one in found])
            yield Figure(
                f"{name}: another leader, finalist or confidence", changed.value, None, "share", None,
                changed.interval, len(found), str(_EXACT), _EXACT.met(changed.value, None),
            )  # fmt: skip


@dataclass
class Waiting:
    """Cells that wait as long as they take, and say what the coin says."""

    whole: Evidence
    took: Mapping[str, float]
    slots: anyio.CapacityLimiter

    async def verdict(self, check: Check, candidate: str, repeat: int = 0) -> Verdict:
        """Return the verdict of one cell, after its time."""
        async with self.slots:
            await anyio.sleep(self.took[check.id])
        (said,) = {
            one.outcome for one in self.whole.verdicts if (one.check, one.candidate) == (check.id, candidate)
        }
        ran = Execution(exit_code=0, output="", seconds=self.took[check.id])
        return Verdict(candidate=candidate, check=check.id, repeat=repeat, outcome=said, execution=ran)


def waited(needs: Needs, seed: int, issues: int) -> float:
    """Return the seconds that so many issues of ten candidates take, planning included."""

    async def run() -> None:
        for number in range(issues):
            whole = evidence_of(World(REGIMES["middle"], (seed, number)).issue(SAMPLES[0]))
            took = seconds_of(whole, np.random.default_rng((seed, number, 1)), SHORT)
            known: list[Verdict] = []

            def evidence(whole: Evidence = whole, known: list[Verdict] = known) -> Evidence:
                return Evidence(whole.candidates, whole.forms, whole.checks, tuple(known))

            await fill(Waiting(whole, took, anyio.CapacityLimiter(SLOTS)), evidence, needs, known.append)

    started = time.perf_counter()
    anyio.run(run)
    return time.perf_counter() - started


def real(issues: int, repeats: int) -> Figure:
    """Return the wall clock beside the full matrix's, where cells are so short that planning counts."""
    sides = {
        name: lambda needs=needs: waited(needs, SEED, issues)
        for name, needs in (("ours", VOTES), ("full", VOTING))
    }
    found = in_turn(sides, repeats)
    title = f"middle, 10 × 10, real time: {issues} issues, cells of {SHORT:g} s in the median"
    return compare(title, "s", found["ours"], found["full"], _NO_SLOWER)


def main() -> None:
    """Measure, and print."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--issues", type=int, default=200, help="of ten candidates; of thirty, a third")

    given = arguments("Crossing candidates with checks: what is spared.", 5, add)
    report([*simulated(REGIMES, given.issues), real(5, given.repeats)], as_json=given.json)


if __name__ == "__main__":
    main()
