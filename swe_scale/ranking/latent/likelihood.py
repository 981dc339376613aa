"""How probable the outcomes of checks are, given who is right and who is wrong alike.

A check is of one of these kinds. *Valid*: it passes on right patches, and fails on those that are wrong in a
way that it detects; some ways are subtle, so that hardly any check does. *Mistaken*: it asks for what its own
author did wrong, and fails on right patches. *Vacuous*: it says the same of everybody. *Noise*: it says
anything. Each run may say the opposite. Who is wrong in a subtle way writes such checks as a right one does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.kinds import Kind, Places, Rates
from swe_scale.ranking.latent.matrix import Matrix
from swe_scale.ranking.latent.worlds import (
    MISTAKE_PASSES_BASE,
    PASSES_BASE,
    VACUOUS,
    Worlds,
)

Numbers = NDArray[np.float64]


@dataclass(slots=True)
class Likelihood:
    """Of the outcomes on the groups that have been put in their places.

    Every likelihood is kept as its ratio to that of a check which is to pass everywhere.
    """

    matrix: Matrix
    worlds: Worlds
    ratio: Numbers
    """By place, world and check: what is seen there if the check is to fail, to that if it is to pass."""
    everywhere: Numbers
    """The same of all groups so far and the untouched code, by world and check."""
    base: Numbers
    """The same of the untouched code alone."""
    passes: Numbers
    """By world and check: the logarithm of the likelihood if it is to pass everywhere."""
    runs: Numbers
    """By check, with those on the untouched code."""
    author_right: Numbers
    """By world and check: probability that its author is right, 0, 1, or a half while it isn't known."""
    valid: Kind
    mistaken: Kind
    rates: Rates
    border: int
    """Number of the first place of a subtle way."""

    @classmethod
    def begun(cls, matrix: Matrix, worlds: Worlds, plain: int, subtle: int) -> "Likelihood":
        """Return the likelihood before any group has been put in its place.

        Args:
            matrix: what checks say.
            worlds: the combinations of what isn't known.
            plain: ways to be wrong that valid checks detect.
            subtle: ways that they hardly ever do; their places are last.
        """
        checks, count, places = len(matrix.checks), len(worlds), 1 + plain + subtle
        rates = Rates.of(worlds, places, subtle)
        base = _odds(worlds)[:, None] ** matrix.base
        said = np.where(matrix.base < 0, np.log1p(-worlds.flips)[:, None], np.log(worlds.flips)[:, None])
        return cls(
            matrix,
            worlds,
            ratio=np.ones((places, count, checks)),
            everywhere=base,
            base=base,
            passes=said * np.abs(matrix.base),
            runs=np.abs(matrix.base),
            author_right=np.full((count, checks), 0.5),
            valid=Kind.alike(rates.valid, False, checks),
            mistaken=Kind.alike(rates.mistaken, True, checks),
            rates=rates,
            border=1 + plain,
        )

    def of(self, group: int) -> Numbers:
        """Return the logarithm of the likelihood with one more group, by world and place where it is put."""
        own, step = self._own(group), self._step(group)
        moved = self.ratio * step
        valid = self.valid.likelihoods(self.ratio, moved, own, self.rates.valid_own)
        mistaken = self.mistaken.likelihoods(self.ratio, moved, own, self.rates.mistaken_own)
        passes = self._passes_with(group)
        chance = np.exp(np.log(0.5) * (self.runs + self.matrix.runs[group]) - passes)
        everywhere = self.everywhere * step

        def mixed(right: Numbers, check: slice | int) -> tuple[Numbers, Numbers, Numbers]:
            return self._mixed(right, everywhere[:, check], chance[:, check], self.base[:, check])

        first, second, rest = mixed(self.author_right, slice(None))
        whole = first * valid + second * mistaken + rest
        sound = slice(self.border, None)
        for check in own:
            for places, right in ((slice(0, 1), 1.0), (slice(1, self.border), 0.0), (sound, 1.0)):
                first, second, rest = mixed(np.full(len(self.worlds), right), check)
                whole[places, :, check] = (
                    first * valid[places, :, check] + second * mistaken[places, :, check] + rest
                )
        return np.asarray(np.log(whole).sum(axis=2).T + passes.sum(axis=1)[:, None])

    def take(self, group: int, chosen: Places) -> None:
        """Put a group in its place, by world."""
        own, step = self._own(group), self._step(group)
        self.ratio[chosen, np.arange(len(chosen))] *= step
        self.everywhere = self.everywhere * step
        self.passes = self._passes_with(group)
        self.runs = self.runs + self.matrix.runs[group]
        for check in own:
            self.author_right[:, check] = (chosen == 0) | (chosen >= self.border)
        self.valid.settle(chosen, own, self.rates.valid_own)
        self.mistaken.settle(chosen, own, self.rates.mistaken_own)

    def drop(self, group: int, chosen: Places) -> None:
        """Take a group from its place again, by world."""
        own, step = self._own(group), self._step(group)
        self.ratio[chosen, np.arange(len(chosen))] /= step
        self.everywhere = self.everywhere / step
        self.passes = self._passes_with(group, -1)
        self.runs = self.runs - self.matrix.runs[group]
        for check in own:
            self.author_right[:, check] = 0.5
        self.valid.settle(chosen, own, self.rates.valid)
        self.mistaken.settle(chosen, own, self.rates.mistaken)

    def of_worlds(self, chosen: Places) -> "Likelihood":
        """Return the likelihood in some of the worlds, of which any may be named several times."""
        return Likelihood(
            self.matrix,
            self.worlds.some(chosen),
            ratio=self.ratio[:, chosen],
            everywhere=self.everywhere[chosen],
            base=self.base[chosen],
            passes=self.passes[chosen],
            runs=self.runs,
            author_right=self.author_right[chosen],
            valid=self.valid.of_worlds(chosen),
            mistaken=self.mistaken.of_worlds(chosen),
            rates=self.rates.of_worlds(chosen),
            border=self.border,
        )

    def expected_valid(self) -> Numbers:
        """Return the share of checks that are probably valid, by world, once every group has its place."""
        if not self.runs.size:
            return np.zeros(len(self.worlds))
        ones = [
            np.multiply.reduce(kind.either + kind.fails * self.ratio, axis=0)
            for kind in (self.valid, self.mistaken)
        ]
        chance = np.exp(np.log(0.5) * self.runs - self.passes)
        first, second, rest = self._mixed(self.author_right, self.everywhere, chance, self.base)
        return np.asarray((first * ones[0] / (first * ones[0] + second * ones[1] + rest)).mean(axis=1))

    def _mixed(
        self, right: Numbers, everywhere: Numbers, chance: Numbers, base: Numbers
    ) -> tuple[Numbers, Numbers, Numbers]:
        """Return what the likelihoods of valid and of mistaken checks count, and that of all other kinds."""
        like = (slice(None), None) if right.ndim == 2 else (slice(None),)
        worlds, noise = self.worlds, self.worlds.noise[like]
        of_wrong, of_right = worlds.valid_of_wrong[like], worlds.valid_of_right[like]
        valid = of_wrong + (of_right - of_wrong) * right
        mistaken = ((1 - worlds.valid_of_wrong) * worlds.mistaken)[like] * (1 - right)
        vacuous = (1 - valid - mistaken) * (VACUOUS + (1 - VACUOUS) * everywhere)
        return (
            (1 - noise) * valid * (PASSES_BASE + (1 - PASSES_BASE) * base),
            (1 - noise) * mistaken * (MISTAKE_PASSES_BASE + (1 - MISTAKE_PASSES_BASE) * base),
            (1 - noise) * vacuous + noise * chance,
        )

    def _own(self, group: int) -> list[int]:
        return [check for check, writer in enumerate(self.matrix.writers) if writer == group]

    def _step(self, group: int) -> Numbers:
        """Return by how much a group changes the ratio of the place that it is put in."""
        return np.asarray(_odds(self.worlds)[:, None] ** self.matrix.contrast[group])

    def _passes_with(self, group: int, times: int = 1) -> Numbers:
        failed = (self.matrix.runs[group] + self.matrix.contrast[group]) / 2
        passed = self.matrix.runs[group] - failed
        flips = self.worlds.flips[:, None]
        return np.asarray(self.passes + times * (failed * np.log(flips) + passed * np.log1p(-flips)))


def _odds(worlds: Worlds) -> Numbers:
    """Return, by world, how much more probable a failing run is if it is to fail than if it is to pass."""
    return np.asarray((1 - worlds.flips) / worlds.flips)
