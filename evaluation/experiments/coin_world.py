"""A coin world: issues, trajectories and checks drawn by dials, so that the truth is known to the last bit.

It says nothing of real issues by itself: it shows how a method behaves when its assumptions hold, when they
don't, and when there is nothing to gain. The dials are guesses around what is published of CodeMonkeys
(arXiv 2501.14723): any of ten samples right on 70 % of issues, a single one on some 46 %, as others have
summed it up. They are not to be tuned.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

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
    rate: float
    """Probability that a trajectory is right after its first turn."""


class World:
    """Draws issues of one set of dials, always the same ones for a seed."""

    def __init__(self, dials: Dials, seed: int | tuple[int, ...]) -> None:
        self.dials = dials
        self._chance = np.random.default_rng(seed)
        weights = 1 / np.arange(1, dials.modes + 1) ** dials.zipf
        self._modes = weights / weights.sum()

    def rate(self) -> float:
        """Return an issue's probability that a trajectory is right; 0 of a hopeless one."""
        dials, chance = self.dials, self._chance
        hopeless = chance.random() < dials.hopeless
        return 0.0 if hopeless else float(chance.beta(dials.successes, dials.failures))

    def issue(self, samples: int, turns: int = 1) -> Drawn:
        """Return an issue with so many trajectories of so many turns."""
        return self.changing(samples, turns).after(dict.fromkeys(range(samples), turns))

    def told(self, right: Flags) -> Drawn:
        """Return an issue of whose trajectories it is known who is right."""
        names = range(len(right))
        return self._changing(float("nan"), right[None, :]).after(dict.fromkeys(names, 1))

    def changing(self, samples: int, turns: int) -> "Changing":
        """Return an issue whose trajectories can be looked at after each turn."""
        dials, chance, rate = self.dials, self._chance, self.rate()
        right = chance.random((1, samples)) < rate
        for _ in range(turns - 1):
            lucky = chance.random(samples)
            mended = (lucky < dials.repaired) & (rate > 0)
            right = np.vstack([right, np.where(right[-1], lucky >= dials.broken, mended)])
        return self._changing(rate, right)

    def _changing(self, rate: float, right: Flags) -> "Changing":
        dials, chance = self.dials, self._chance
        turns, samples = right.shape
        shape = (min(turns, _VERSIONS), samples)
        changes = np.cumsum(right[1:] != right[:-1], axis=0)
        version = np.vstack([np.zeros((1, samples), dtype=np.int64), changes]) % shape[0]
        ways = chance.choice(dials.modes, shape, p=self._modes)
        writers = [_Writer.drawn(dials, chance) for _ in range(samples)]
        # The null dial: what a check says of others is by lot.
        noise = dials.flip if dials.informative else 0.5
        own = np.eye(samples, dtype=np.bool_)[None, :, None, :]
        flipped = chance.random((*shape, *shape)) < np.where(own, dials.flip, noise)
        flips = _Flips(flipped, chance.random(shape) < noise)
        # Drawn apart, so that the rest is the same whether any of them is used.
        lots = chance.spawn(1)[0].random((turns, samples))
        return Changing(dials, rate, right, version, ways, writers, flips, lots)


_VERSIONS = 3
"""Patches of a trajectory that are told apart: as often as it turns from right to wrong, or back."""


@dataclass(frozen=True, slots=True)
class _Flips:
    """Which cells say the opposite, by version and number of candidate and check's author."""

    cells: Flags
    base: Flags


@dataclass(frozen=True, slots=True)
class _Writer:
    """What decides what an author's check is like: it stays the same whatever becomes of the patch."""

    lots: NDArray[np.float64]
    detected: Flags
    """By way to be wrong."""
    passed: Flags
    """By other ways, of a check that asks for its author's mistake."""

    @classmethod
    def drawn(cls, dials: Dials, chance: np.random.Generator) -> "_Writer":
        return cls(
            chance.random(5),
            chance.random(dials.modes) < dials.detects,
            chance.random(dials.modes) < dials.mistaken_passes_other,
        )

    def says(self, dials: Dials, right: Flags, ways: NDArray[np.int64], author: int) -> tuple[Flags, bool]:
        """Return on which candidates the check of one of them passes, and whether on the untouched code."""
        valid, on_base, mistaken, mistaken_on_base, vacuous = self.lots
        if valid < (dials.valid_of_right if right[author] else dials.valid_of_wrong):
            detected = self.detected.copy()
            if dials.own_way and not right[author]:
                detected[ways[author]] = False
            return np.where(right, True, ~detected[ways]), bool(on_base < dials.valid_passes_base)
        if not right[author] and mistaken < dials.mistaken:
            passed = self.passed.copy()
            passed[ways[author]] = True
            return np.where(right, False, passed[ways]), bool(mistaken_on_base < dials.mistaken_passes_base)
        return np.full(len(right), vacuous < dials.vacuous), bool(vacuous < dials.vacuous)


@dataclass(frozen=True, slots=True)
class Changing:
    """An issue whose trajectories can be looked at after each turn."""

    dials: Dials
    rate: float
    """Of success of the first turn."""
    right: Flags
    """After each turn: turns × trajectories."""
    version: NDArray[np.int64]
    ways: NDArray[np.int64]
    """In which they are wrong: versions × trajectories."""
    writers: Sequence[_Writer]
    flips: _Flips
    lots: NDArray[np.float64]
    """By which a fork is mended or broken: turns × trajectories."""

    def forked(self, name: int, parent: int, turns: int) -> "Changing":
        """Return the issue in which a trajectory goes on from another one's patch after so many turns.

        Each turn of its own mends or breaks it as any further turn does. Until then it is what that was.
        """
        state, right = bool(self.right[turns - 1, parent]), []
        for lot in self.lots[:, name]:
            state = bool(lot >= self.dials.broken if state else lot < self.dials.repaired and self.rate > 0)
            right.append(state)
        whole, version = self.right.copy(), self.version.copy()
        before = np.array([self.right[turns - 1, parent], *right[:-1]])
        changes, last = np.cumsum(np.array(right) != before), len(self.ways) - 1
        whole[:, name] = right
        version[:, name] = np.where(changes, 1 + (changes - 1) % max(1, last), 0).clip(0, last)
        return replace(self, right=whole, version=version)

    def unflipped(self) -> "Changing":
        """Return the issue in which every cell says what it should."""
        flips = _Flips(np.zeros_like(self.flips.cells), np.zeros_like(self.flips.base))
        return replace(self, flips=flips)

    def changed(self, name: int, turns: int) -> bool:
        """Return whether a fork has become anything else than what it began with, after so many turns."""
        return bool(self.version[turns - 1, name])

    def after(self, turns: Mapping[int, int]) -> Drawn:
        """Return the issue with some trajectories, by number, after so many turns of each."""
        names = np.array(sorted(turns))
        last = np.array([turns[name] for name in names]) - 1
        right, version = self.right[last, names], self.version[last, names]
        ways = self.ways[version, names]
        passes, base = (
            np.zeros((len(names), len(names)), dtype=np.bool_),
            np.zeros(len(names), dtype=np.bool_),
        )
        for column, name in enumerate(names):
            passes[:, column], base[column] = self.writers[name].says(self.dials, right, ways, column)
        np.fill_diagonal(passes, True)
        cells = self.flips.cells[version[:, None], names[:, None], version[None, :], names[None, :]]
        return Drawn(right, passes ^ cells, base ^ self.flips.base[version, names], self.rate)
