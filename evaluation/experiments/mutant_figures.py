"""What vote rules make of small bugs in small modules, where the truth is known and every cell is run.

These are mutants, not real issues: bugs of one place in modules of a hundred lines, patches that another
mutation makes, checks drawn from the true suite, and as many right patches and good checks as the coin
world's dials say. What is real is which patch passes which check.

Run it: `python mutant_figures.py [--issues N] [--seed S] [--json]`.
"""

import argparse
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from math import isfinite
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "benchmarks" / "choosing"))

from harness import Figure, arguments, report
from mutant_checks import modules
from mutant_crossing import CROSSED, Crossed, crossed
from mutant_quality import Quality, behaviours, pairs_of, quality, rank_correlation
from numpy.typing import NDArray
from resolving import resolved

from swe_scale.config import Bubblewrap, SandboxConfig
from swe_scale.ranking import OWN_RULES
from swe_scale.statistics import bootstrap, paired_bootstrap

Numbers = NDArray[np.float64]
OURS, BASELINE = "latent", "raw"
RULES = (OURS, "votes", "codet", "majority", "random", BASELINE)
SWEPT = ("good", "middle", "bad", "flaky")
WEAKENED = ("good", "a third weak", "two thirds weak", "all weak")
NULLS = ("elsewhere", "noise")
ISSUES = 150
SEED = 4


@dataclass(frozen=True, slots=True)
class Made:
    """What rules make of the issues of one regime, by rule; of `silent`, without any check."""

    right: Mapping[str, Numbers]
    silent: Mapping[str, Numbers]
    sure: Numbers
    """The probability of our rule's choice."""
    coverage: Numbers
    contested: Numbers
    """Whether any of our rule's finalists is right."""


def measured(issues: int, seed: int, sandbox: SandboxConfig) -> list[Crossed]:
    """Return so many issues, as far as the modules have bugs for them; each module in a process.

    Raises:
        SandboxError: the sandbox doesn't work.
    """
    names = [one.name for one in modules()]
    counts = [issues // len(names) + (number < issues % len(names)) for number in range(len(names))]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        parts = pool.map(crossed, names, counts, [seed] * len(names), [sandbox] * len(names))
        return [one for part in parts for one in part]


def made(found: Sequence[Crossed], regime: str) -> Made:
    """Return what all rules make of the issues on which a regime was run."""
    right: dict[str, list[bool]] = {name: [] for name in RULES}
    silent: dict[str, list[bool]] = {name: [] for name in RULES}
    sure, contested = [], []
    issues = [one for one in found if regime in one.evidence]
    for one in issues:
        evidence = one.evidence[regime]
        bare = replace(evidence, checks=(), verdicts=())
        for name in RULES:
            ranking = OWN_RULES[name](evidence)
            right[name].append(one.right[ranking.ranked[0].candidate])
            silent[name].append(one.right[OWN_RULES[name](bare).ranked[0].candidate])
            if name == OURS:
                sure.append(ranking.ranked[0].posterior)
                contested.append(any(one.right[finalist] for finalist in ranking.contested))
    return Made(
        {name: np.array(values, dtype=float) for name, values in right.items()},
        {name: np.array(values, dtype=float) for name, values in silent.items()},
        np.array(sure),
        np.array([any(one.right.values()) for one in issues], dtype=float),
        np.array(contested, dtype=float),
    )


def figures(issues: int = ISSUES, seed: int = SEED, sandbox: SandboxConfig | None = None) -> list[Figure]:
    """Return all figures of so many issues, run now.

    Raises:
        SandboxError: the sandbox doesn't work.
    """
    return list(told(measured(issues, seed, sandbox or Bubblewrap())))


def told(found: Sequence[Crossed]) -> Iterator[Figure]:
    """Yield the figures of issues that have been crossed; those that nothing was there for are left out."""
    by_regime = {name: made(found, name) for name in CROSSED}
    known = {name: [quality(one, name) for one in found] for name in (*SWEPT, *WEAKENED[1:])}
    for regime in SWEPT:
        yield from _resolved(regime, by_regime[regime])
    for regime in NULLS:
        yield from _null(regime, by_regime[regime])
    for regime, of in known.items():
        yield _confidence(regime, by_regime[regime])
        yield from _estimates(regime, of)
    yield from (one for one in (*_monotone(known), *_split(found)) if isfinite(one.ours))


def _resolved(regime: str, one: Made) -> Iterator[Figure]:
    base = one.right[BASELINE]
    for name in RULES:
        if name != BASELINE:
            yield resolved(f"mutants, {regime}: {name} beside {BASELINE}", one.right[name], base)
    yield resolved(f"mutants, {regime}: coverage beside {BASELINE}", one.coverage, base)
    best = f"mutants, {regime}: the right one of {OURS}'s finalists beside {OURS}"
    yield resolved(best, one.contested, one.right[OURS])


def _null(regime: str, one: Made) -> Iterator[Figure]:
    for name in RULES:
        title = f"mutants, checks of {regime}: {name} beside itself without checks"
        yield resolved(title, one.right[name], one.silent[name])
    title = f"mutants, checks of {regime}: {OURS} beside random"
    yield resolved(title, one.right[OURS], one.right["random"])


def _confidence(regime: str, one: Made) -> Figure:
    right = one.right[OURS]
    ours, base = (one.sure - right) ** 2, (right.mean() - right) ** 2
    return _paired(f"mutants, {regime}: Brier score of {OURS} beside the base rate's", ours, base, "squared")


def _estimates(regime: str, known: Sequence[Quality]) -> Iterator[Figure]:
    title = f"mutants, {regime}: estimated beside true"
    for what, pairs in (
        ("share of valid checks", _valid(known)),
        ("passes of wrong patches", _passes(known)),
    ):
        if pairs:
            ours, true = np.array(pairs).T
            yield _paired(f"{title} {what}", ours, true, "share")
    flips = np.array([one.flips for one in known])
    yield _paired(f"{title} flips", flips, np.full(len(flips), CROSSED[regime].flips), "share of runs")


def _monotone(known: Mapping[str, Sequence[Quality]]) -> Iterator[Figure]:
    """Yield how well estimates order issues and regimes: rank correlations with the truth."""
    sets = {"good to all weak": WEAKENED, "good, middle, bad": SWEPT[:3], **{name: (name,) for name in known}}
    for name, regimes in sets.items():
        issues = list(zip(*(known[regime] for regime in regimes), strict=True))
        for what, pairs in (
            ("share of valid checks", [_valid(some) for some in issues]),
            ("passes of wrong patches", [_passes(some) for some in issues]),
        ):
            value = rank_correlation(pairs)
            yield Figure(
                f"mutants, {name}: rank correlation of estimated and true {what}", value.value, None,
                "Spearman", None, value.interval, len(issues), None, None,
            )  # fmt: skip


def _valid(known: Sequence[Quality]) -> list[tuple[float, float]]:
    return [(one.valid, one.truly_valid) for one in known]


def _passes(known: Sequence[Quality]) -> list[tuple[float, float]]:
    return [(one.passes, one.truly_passes) for one in known if isfinite(one.truly_passes)]


def _split(found: Sequence[Crossed]) -> Iterator[Figure]:
    kinds = {"that behave differently": lambda *_: True, "right and wrong": lambda one, other: one != other}
    for kind, wanted in kinds.items():
        pairs = [one for one in (pairs_of(issue, "middle", wanted) for issue in found) if one is not None]
        for what, values in (
            ("an assertion of the suite splits", [one.by_verdict for one in pairs]),
            ("an expression of the suite tells apart by its output", [one.by_output for one in pairs]),
            ("any assertion of the suite splits", [one.by_any for one in pairs]),
            ("any check of the regime middle splits", [one.by_own for one in pairs]),
        ):
            value = bootstrap(values)
            yield Figure(
                f"mutants, pairs {kind}: {what}", value.value, None, "share", None, value.interval,
                len(pairs), None, None,
            )  # fmt: skip
    texts, ways = np.array(list(behaviours(found)), dtype=float).T
    yield _paired("mutants: pairs of behaviours beside pairs of patches", ways, texts, "pairs of an issue")


def _paired(name: str, ours: Numbers, other: Numbers, unit: str) -> Figure:
    spread = paired_bootstrap(ours.tolist(), other.tolist()).interval
    mean, base = float(ours.mean()), float(other.mean())
    return Figure(
        name, mean, base, f"{unit}; spread: ours less baseline", mean / base if base else None, spread,
        len(ours), None, None,
    )  # fmt: skip


def main() -> None:
    """Measure, and print."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--issues", type=int, default=ISSUES, help=f"by default {ISSUES}")
        parser.add_argument("--seed", type=int, default=SEED, help="of everything that is drawn")

    given = arguments("Selection among mutants' patches, in real sandboxes.", 1, add)
    report(figures(given.issues, given.seed), as_json=given.json)


if __name__ == "__main__":
    main()
