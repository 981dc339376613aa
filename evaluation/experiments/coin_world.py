"""A coin world: issues, trajectories and checks drawn by dials, so that the truth is known to the last bit.

It says nothing of real issues by itself: it shows how a method behaves when its assumptions hold, when they
don't, and when there is nothing to gain. The dials are guesses around what is published of CodeMonkeys
(arXiv 2501.14723): any of ten samples right on 70 % of issues, a single one on some 46 %, as others have
summed it up. They are not to be tuned.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking import Evidence
from swe_scale.records import BASE, Candidate, Check, Execution, Verdict

Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Dials:
    """Probabilities of a world."""

    hopeless: float = 0.27
    """That no trajectory can be right."""
    successes: float = 0.9
    failures: float = 0.52
    """Of the beta distribution of success otherwise."""
    modes: int = 8
    """Ways to be wrong."""
    zipf: float = 1.2
    """Exponent by which the later ones are rarer."""
    valid_of_right: float = 0.85
    valid_of_wrong: float = 0.45
    """That a check is valid: it passes on the true fix."""
    detects: float = 0.55
    """That a valid one fails on a given way to be wrong."""
    valid_passes_base: float = 0.10
    mistaken: float = 0.6
    """That an invalid check of a wrong author asks for that author's mistake."""
    mistaken_passes_other: float = 0.2
    mistaken_passes_base: float = 0.25
    vacuous: float = 0.6
    """That another invalid check passes on everything; otherwise it fails on everything."""
    flip: float = 0.03
    """That a cell says the opposite."""
    repaired: float = 0.08
    """That a further turn makes a wrong trajectory right, on issues that aren't hopeless."""
    broken: float = 0.02
    """That it makes a right one wrong."""
    judge: float = 0.70
    """That a verdict of the judge picks a right candidate over a wrong one."""
    own_way: bool = False
    """Whether a valid check of a wrong author never detects that author's own way to be wrong."""
    informative: bool = True
    """Whether checks have anything to do with who is right: the null dial."""


REGIMES: Mapping[str, Dials] = {
    "middle": Dials(),
    "good": Dials(valid_of_right=0.95, valid_of_wrong=0.8, mistaken=0.2),
    "bad": Dials(valid_of_right=0.6, valid_of_wrong=0.2, mistaken=0.9),
    "flaky": Dials(flip=0.15),
}
MISSPECIFIED: Mapping[str, Dials] = {
    "one way to be wrong": Dials(modes=1),
    "own way unseen": Dials(own_way=True),
    "weak model": Dials(hopeless=0.5, successes=0.5, failures=1.5),
    "sixty ways": Dials(modes=60, zipf=0.3),
    "vacuous checks": Dials(valid_of_right=0.3, valid_of_wrong=0.2, mistaken=0.3, vacuous=0.9),
}
NULL: Mapping[str, Dials] = {"null": replace(REGIMES["middle"], informative=False, judge=0.5)}


@dataclass(frozen=True, slots=True)
class Drawn:
    """One issue as it came out."""

    right: Flags
    """Of each trajectory's candidate."""
    passes: Flags
    """Candidates × checks, of which each trajectory wrote one."""
    base: Flags
    """Whether each check passes on the untouched code."""


class World:
    """Draws issues of one set of dials, always the same ones for a seed."""

    def __init__(self, dials: Dials, seed: int | tuple[int, ...]) -> None:
        self.dials = dials
        self._chance = np.random.default_rng(seed)
        weights = 1 / np.arange(1, dials.modes + 1) ** dials.zipf
        self._modes = weights / weights.sum()

    def issue(self, samples: int, turns: int = 1) -> Drawn:
        """Return an issue with so many trajectories of so many turns."""
        dials, chance = self.dials, self._chance
        hopeless = chance.random() < dials.hopeless
        rate = 0.0 if hopeless else chance.beta(dials.successes, dials.failures)
        right = chance.random(samples) < rate
        for _ in range(turns - 1):
            lucky = chance.random(samples)
            mended = (lucky < dials.repaired) & (not hopeless)
            right = np.where(right, lucky >= dials.broken, mended)
        mode = np.where(right, -1, chance.choice(dials.modes, samples, p=self._modes))
        columns = [self._check(right, mode, author) for author in range(samples)]
        passes = np.stack([column for column, _ in columns], axis=1)
        np.fill_diagonal(passes, True)
        base = np.array([said for _, said in columns])
        flipped = chance.random((samples, samples)) < dials.flip
        return Drawn(right, passes ^ flipped, base ^ (chance.random(samples) < dials.flip))

    def _check(self, right: Flags, mode: NDArray[np.int64], author: int) -> tuple[Flags, bool]:
        """Return on which candidates a trajectory's check passes, and whether on the untouched code."""
        dials, chance = self.dials, self._chance
        if not dials.informative:
            return chance.random(len(right)) < 0.5, bool(chance.random() < 0.5)
        if chance.random() < (dials.valid_of_right if right[author] else dials.valid_of_wrong):
            detected = chance.random(dials.modes) < dials.detects
            if dials.own_way and not right[author]:
                detected[mode[author]] = False
            return np.where(right, True, ~detected[mode]), bool(chance.random() < dials.valid_passes_base)
        if not right[author] and chance.random() < dials.mistaken:
            passed = chance.random(dials.modes) < dials.mistaken_passes_other
            passed[mode[author]] = True
            return np.where(right, False, passed[mode]), bool(chance.random() < dials.mistaken_passes_base)
        says = bool(chance.random() < dials.vacuous)
        return np.full(len(right), says), says


def evidence_of(drawn: Drawn) -> Evidence:
    """Return an issue as a vote rule sees it: every patch of its own form, every cell run once."""
    samples = len(drawn.right)
    candidates, checks = _fixtures(samples)
    names = [one.id for one in candidates]
    verdicts = [
        _verdict(name, checks[column].id, bool(said))
        for column in range(samples)
        for name, said in zip((BASE, *names), (drawn.base[column], *drawn.passes[:, column]), strict=True)
    ]
    return Evidence(candidates, {name: name for name in names}, checks, tuple(verdicts))


def right_of(drawn: Drawn, candidate: str) -> bool:
    """Return whether a candidate of `evidence_of` is right."""
    return bool(drawn.right[int(candidate, 16) - 1])


@lru_cache(maxsize=8)
def _fixtures(samples: int) -> tuple[tuple[Candidate, ...], tuple[Check, ...]]:
    candidates = tuple(
        Candidate(id=f"{number:040x}", patch="", authors=(number,)) for number in range(1, samples + 1)
    )
    checks = tuple(
        Check.of(f"check {number}", "reproduction", author=number) for number in range(1, samples + 1)
    )
    return candidates, checks


_RAN = Execution(exit_code=0, output="")


@lru_cache(maxsize=65_536)
def _verdict(candidate: str, check: str, said: bool) -> Verdict:
    return Verdict(candidate=candidate, check=check, outcome="pass" if said else "fail", execution=_RAN)
