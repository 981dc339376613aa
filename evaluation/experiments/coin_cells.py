"""How many cells are run where only those are that can change the answer, and how often it differs: by coin.

Cells come back one after the other in the order in which they end; each check takes its own seconds, drawn
log-normally, and so many cells run at a time. Beside it stands the full matrix of the same issue.
"""

import heapq
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from coin_world import Dials, World, evidence_of
from numpy.typing import NDArray

from swe_scale.ranking import OWN_RULES, Evidence, Ranking
from swe_scale.ranking.needed import latent_needs
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.worth import VOTING, Cell, Needs
from swe_scale.records import BASE, Execution, Verdict

NEEDS: Mapping[str, Needs] = {"votes": VOTES, "latent": latent_needs(0.0)}
SPREAD = 1.0
"""Standard deviation of the logarithm of a check's seconds; their median is 1."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """What came of one issue under one rule."""

    share: float
    """Of the cells of checks that vote, those that were started."""
    cost: float
    """The same, weighed by seconds."""
    wall: float
    """Seconds until the answer, beside those of the full matrix on as many slots."""
    leader: bool
    """Whether another candidate leads than by the full matrix."""
    finalists: bool
    """Whether others are level."""
    shift: float
    """By how much the stated confidence differs."""
    gain: float
    """Right by these cells, less right by the full matrix: −1, 0 or 1."""


def crossings(
    dials: Dials, seed: int, issues: int, samples: int, rule: str, slots: int = 2
) -> list[Crossing]:
    """Return what came of so many issues; those without a check that votes are left out."""
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = pool.map(partial(_crossed, dials, samples, rule, slots), [(seed, n) for n in range(issues)])
        return [one for one in found if one is not None]


def _crossed(dials: Dials, samples: int, rule: str, slots: int, seed: tuple[int, int]) -> Crossing | None:
    drawn = World(dials, seed).issue(samples)
    whole = evidence_of(drawn)
    seconds = np.random.default_rng((*seed, 1)).lognormal(0.0, SPREAD, samples)
    took = {check.id: float(one) for check, one in zip(whole.checks, seconds, strict=True)}
    full, all_of = run(whole, took, VOTING, slots)
    if not all_of.started:
        return None
    known, some = run(whole, took, NEEDS[rule], slots)
    ours, theirs = OWN_RULES[rule](known), OWN_RULES[rule](full)
    right = dict(zip((one.id for one in whole.candidates), drawn.right.tolist(), strict=True))
    return Crossing(
        len(some.started) / len(all_of.started),
        sum(took[cell.check] for cell in some.started) / sum(took[cell.check] for cell in all_of.started),
        some.seconds / all_of.seconds,
        _leader(ours) != _leader(theirs),
        {*ours.contested} != {*theirs.contested},
        abs(ours.ranked[0].posterior - theirs.ranked[0].posterior),
        float(right[_leader(ours)]) - float(right[_leader(theirs)]),
    )


def _leader(ranking: Ranking) -> str:
    return ranking.ranked[0].candidate


@dataclass(frozen=True, slots=True)
class Ran:
    """What was run of candidates × checks."""

    started: Sequence[Cell]
    seconds: float
    """From the first to the last, the untouched code's aside."""


def run(whole: Evidence, took: Mapping[str, float], needs: Needs, slots: int) -> tuple[Evidence, Ran]:
    """Return what is known when no other cell is needed, and what was run for it."""
    said = {(one.check, one.candidate): one.outcome for one in whole.verdicts}
    known: list[Verdict] = []
    waiting: list[Cell] = []
    running: list[tuple[float, int, Cell]] = []
    started: list[Cell] = []
    now = began = 0.0
    while True:
        evidence = Evidence(whole.candidates, whole.forms, whole.checks, tuple(known))
        wanted = needs.next(evidence, [*waiting, *(cell for _, _, cell in running)], slots)
        if wanted is None:
            return evidence, Ran(started, now - began)
        waiting += wanted
        while waiting and len(running) < slots:
            cell = waiting.pop(0)
            heapq.heappush(running, (now + took[cell.check], len(known) + len(running), cell))
            if cell.candidate != BASE:
                began = began if started else now
                started.append(cell)
        now, _, ended = heapq.heappop(running)
        execution = Execution(exit_code=0, output="", seconds=took[ended.check])
        known.append(
            Verdict(
                candidate=ended.candidate,
                check=ended.check,
                repeat=ended.repeat,
                outcome=said[ended.check, ended.candidate],
                execution=execution,
            )
        )


def column(crossed: Sequence[Crossing], name: str) -> NDArray[np.float64]:
    """Return one figure, by issue."""
    return np.array([float(getattr(one, name)) for one in crossed])
