"""How many cells are run where only those are that can change the answer, and how often it differs: by coin.

As many cells run at a time as there are slots, and verdicts are read as `crosscheck.fill` reads them; each
check takes its own seconds, drawn log-normally. Beside it stands the full matrix of the same issue.
"""

import heapq
import os
from collections import deque
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
from coin_evidence import evidence_of
from coin_world import Dials, World

from swe_scale.ranking import Evidence, rank
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.worth import VOTING, Cell, Needs
from swe_scale.records import BASE, Execution, Verdict

USUAL = 10.0
"""Median of a check's seconds."""
SPREAD = 1.0
"""Standard deviation of their logarithm."""


def seconds_of(whole: Evidence, chance: np.random.Generator, usual: float) -> Mapping[str, float]:
    """Return what each check takes, drawn log-normally around a median."""
    seconds = chance.lognormal(np.log(usual), SPREAD, len(whole.checks))
    return {check.id: float(one) for check, one in zip(whole.checks, seconds, strict=True)}


class Beside(NamedTuple):
    """A figure of ours beside that of the full matrix."""

    ours: float
    full: float


@dataclass(frozen=True, slots=True)
class Crossing:
    """What came of one issue."""

    cells: Beside
    """Of checks that vote, that were started."""
    seconds: Beside
    """Of these."""
    wall: Beside
    """Seconds until the answer, on so many slots, the untouched code's aside."""
    leader: bool
    """Whether another candidate leads than by the full matrix."""
    finalists: bool
    """Whether others are level."""
    shift: bool
    """Whether the stated confidence differs."""


def crossings(dials: Dials, seed: int, issues: int, samples: int, slots: int = 2) -> list[Crossing]:
    """Return what came of so many issues; those without a check that votes are left out."""
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        found = pool.map(partial(_crossed, dials, samples, slots), [(seed, n) for n in range(issues)])
        return [one for one in found if one is not None]


def _crossed(dials: Dials, samples: int, slots: int, seed: tuple[int, int]) -> Crossing | None:
    drawn = World(dials, seed).issue(samples)
    whole = evidence_of(drawn)
    took = seconds_of(whole, np.random.default_rng((*seed, 1)), USUAL)
    full, all_of = run(whole, took, VOTING, slots)
    if not all_of.started:
        return None
    known, some = run(whole, took, VOTES, slots)
    ours, theirs = rank(known), rank(full)
    return Crossing(
        Beside(len(some.started), len(all_of.started)),
        Beside(*(sum(took[cell.check] for cell in one.started) for one in (some, all_of))),
        Beside(some.seconds, all_of.seconds),
        ours.ranked[0].candidate != theirs.ranked[0].candidate,
        {*ours.contested} != {*theirs.contested},
        ours.ranked[0].posterior != theirs.ranked[0].posterior,
    )


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
    started: list[Cell] = []
    under_way: deque[Cell] = deque()
    clock = _Clock(took, slots)
    began = 0.0
    while True:
        evidence = Evidence(whole.candidates, whole.forms, whole.checks, tuple(known))
        for cell in needs.next(evidence, under_way, slots):
            under_way.append(cell)
            clock.waiting.append(cell)
            if cell.candidate != BASE:
                began = began if started else clock.now
                started.append(cell)
        if not under_way:
            return evidence, Ran(started, clock.now - began)
        for _ in range(-(-len(under_way) // 2)):
            cell = under_way.popleft()
            clock.wait_for(cell)
            execution = Execution(exit_code=0, output="", seconds=took[cell.check])
            outcome = said[cell.check, cell.candidate]
            known.append(
                Verdict(
                    candidate=cell.candidate, check=cell.check, repeat=cell.repeat, outcome=outcome,
                    execution=execution,
                )
            )  # fmt: skip


class _Clock:
    """Runs cells in the order in which they come, so many at a time."""

    def __init__(self, took: Mapping[str, float], slots: int) -> None:
        self.now = 0.0
        self.waiting: deque[Cell] = deque()
        self._took, self._slots = took, slots
        self._running: list[tuple[float, Cell]] = []
        self._ended: set[Cell] = set()

    def wait_for(self, cell: Cell) -> None:
        """Go on until a cell has ended."""
        self._start()
        while cell not in self._ended:
            self.now, ended = heapq.heappop(self._running)
            self._ended.add(ended)
            self._start()

    def _start(self) -> None:
        while self.waiting and len(self._running) < self._slots:
            cell = self.waiting.popleft()
            heapq.heappush(self._running, (self.now + self._took[cell.check], cell))
