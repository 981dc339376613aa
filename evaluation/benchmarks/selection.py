"""Which candidate is chosen, and how sure that is: in a coin world, where the truth is known.

Every rule chooses among the same candidates of the same issues. The judge is simulated, and so is everything
else: the figures show how methods behave when checks are good, bad or flaky, not how many real issues they
resolve. Intervals are 95 %, by bootstrap over issues, paired.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from harness import Figure, Goal, arguments, report

sys.path.insert(0, str(Path(__file__).resolve().parent / "choosing"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "experiments"))

from coin_evidence import evidence_of
from coin_methods import AREAS, WEIGHED, Numbers, Outcome, measure, name_of
from coin_world import MISSPECIFIED, NULL, REGIMES, Dials, World
from resolving import resolved
from same_agent import recorded
from spending import moving, spending

from swe_scale.ranking import find_rule
from swe_scale.statistics import bootstrap, ratio_bootstrap

OURS, BASELINE = "latent", "raw"
"""Ours is the default."""
RULES = (OURS, "votes", BASELINE, "foreign", "gated", "cautious", "codet", "random")
SAID = (
    "judged if contested",
    *(name_of(count) for count in WEIGHED),
    *(f"score of area {area:g}" for area in AREAS),
)
"""What others say, beside our rule without them: a judge with the last word, verdicts and scores weighed."""
COVERED = (0.25, 0.5, 0.75)
"""Points of the curve of risk and coverage that are reported."""
SAMPLES = 10
SEED = 4
_LARGE = 100
"""Candidates, and checks, of the matrix whose ranking is timed."""


def rules(found: Mapping[str, Outcome]) -> Iterator[Figure]:
    """Yield, per regime, each rule beside raw votes."""
    for regime, outcome in found.items():
        base = outcome.right[BASELINE]
        for name in RULES:
            if name != BASELINE:
                least = -0.01 if name == OURS and regime in REGIMES else None
                yield resolved(f"{regime}: {name} beside {BASELINE}", outcome.right[name], base, least)
        for name in (f"{BASELINE}, judged top 3", f"{OURS}, judged if contested"):
            yield resolved(f"{regime}: {name}, beside {BASELINE}", outcome.right[name], base)
        for name in SAID:
            told = outcome.right[f"{OURS}, {name}"]
            yield resolved(f"{regime}: {OURS}, {name}, beside {OURS}", told, outcome.right[OURS])
        yield resolved(f"{regime}: an oracle beside {BASELINE}", outcome.coverage, base)


def share_of_best(found: Mapping[str, Outcome]) -> Figure:
    """Return our rule's mean gain over raw votes, beside that of the best rule of each regime."""
    ours, best = [], []
    for outcome in found.values():
        base = outcome.right[BASELINE].mean()
        ours.append(outcome.right[OURS].mean() - base)
        best.append(max(outcome.right[name].mean() for name in RULES) - base)
    gain, most = float(np.mean(ours)), float(np.mean(best))
    goal = Goal(least=0.6)
    share = gain / most if most else 0.0
    return Figure(
        "mean gain over raw votes, beside that of each regime's best rule",
        gain, most, "share resolved", share, None, len(found), str(goal), goal.met(gain, share),
    )  # fmt: skip


def confidence(found: Mapping[str, Outcome]) -> Iterator[Figure]:
    """Yield the Brier score of our rule's probability beside that of the base rate, per regime."""
    for regime, outcome in found.items():
        right, sure = outcome.right[OURS], outcome.sure[OURS]
        ours, base = (sure - right) ** 2, (right.mean() - right) ** 2
        score = bootstrap(ours.tolist())
        yield Figure(
            f"{regime}: Brier score beside the base rate's", float(ours.mean()), float(base.mean()),
            "squared; spread: ours", float(ours.mean() / base.mean()), score.interval, len(right), None, None,
        )  # fmt: skip
        yield Figure(
            f"{regime}: area under risk and coverage, beside no order", risk_area(right, sure),
            float(1 - right.mean()), "share wrong", risk_area(right, sure) / float(1 - right.mean()),
            None, len(right), None, None,
        )  # fmt: skip
        for part in COVERED:
            wrong = 1 - right[np.argsort(-sure, kind="stable")[: round(part * len(right))]]
            yield Figure(
                f"{regime}: share wrong among the surest {part:.0%}, beside among all", float(wrong.mean()),
                float(1 - right.mean()), "share wrong; spread: ours",
                float(wrong.mean() / (1 - right.mean())), bootstrap(wrong.tolist()).interval, len(wrong),
                None, None,
            )  # fmt: skip


def risk_area(right: Numbers, sure: Numbers) -> float:
    """Return the mean share of wrong ones among the surest, over all numbers of them."""
    order = np.argsort(-sure, kind="stable")
    return float((np.cumsum(1 - right[order]) / np.arange(1, len(right) + 1)).mean())


def ranking_time(repeats: int) -> Figure:
    """Return the milliseconds of ranking a hundred candidates by a hundred checks, the median."""
    world = World(REGIMES["middle"], SEED)
    took: dict[str, list[float]] = {OURS: [], "votes": []}
    for _ in range(repeats + 1):
        evidence = evidence_of(world.issue(_LARGE))
        for name, times in took.items():
            began = time.perf_counter()
            find_rule(name)(evidence)
            times.append(1000 * (time.perf_counter() - began))
    ours, base = (np.array(times[1:]) for times in took.values())
    goal, ratios = Goal(most=100.0, of_ours=True), ours / base
    return Figure(
        f"ranking {_LARGE} × {_LARGE}, beside the votes alone", float(np.median(ours)),
        float(np.median(base)), "ms", float(np.median(ratios)), (float(ratios.min()), float(ratios.max())),
        repeats, str(goal), goal.met(float(np.median(ours)), None),
    )  # fmt: skip


def replayed(data: Path) -> Iterator[Figure]:
    """Yield what rules make of one agent's five patches per issue, beside a patch drawn by lot."""
    issues = recorded(data)
    chance = np.array([one.chance for one in issues])
    oracle = np.array([float(any(one.right.values())) for one in issues])
    for name in (OURS, "votes", "majority", "medoid", "smallest"):
        rule = find_rule(name)
        right = np.array([float(one.right[rule(one.evidence).ranked[0].candidate]) for one in issues])
        yield resolved(f"recorded, no checks: {name} beside the lot", right, chance)
        share = ratio_bootstrap((right - chance).tolist(), (oracle - chance).tolist())
        yield Figure(
            f"recorded, no checks: {name}, share of the way from the lot to the oracle", share.value, None,
            "share", None, share.interval, len(issues), None, None,
        )  # fmt: skip


def measured(worlds: Mapping[str, Dials], issues: int) -> dict[str, Outcome]:
    """Return what came of so many issues of each world."""
    found = {}
    for number, (name, dials) in enumerate(worlds.items()):
        print(f"{name} …", file=sys.stderr, flush=True)
        found[name] = measure(dials, SEED + number, issues, SAMPLES, RULES)
    return found


def main() -> None:
    """Measure, and print."""

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--issues", type=int, default=4000, help="of each regime; by default 4000")

    given = arguments("Selection in a coin world.", 5, add)
    regimes = measured(REGIMES, given.issues)
    others = measured({**MISSPECIFIED, **NULL}, given.issues // 2)
    figures: Sequence[Figure] = [
        share_of_best(regimes),
        *rules(regimes),
        *confidence({**regimes, **others}),
        *rules(others),
        *spending(REGIMES, SEED, given.issues // 8),
        *moving({name: REGIMES[name] for name in ("middle", "bad")}, SEED, given.issues // 40),
        ranking_time(given.repeats),
        *(replayed(given.data) if given.data else ()),
    ]
    if not given.data:
        print("The replay of recorded patches was not run: it needs --data.", file=sys.stderr)
    report(figures, as_json=given.json)


if __name__ == "__main__":
    main()
