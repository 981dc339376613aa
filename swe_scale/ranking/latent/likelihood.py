"""How probable the outcomes of checks are, given who is right and who is wrong alike.

A check is of one of these kinds. *Valid*: it passes on right patches, and fails on those that are wrong in a
way that it detects. *Mistaken*: it asks for what its own author did wrong, and fails on right patches.
*Vacuous*: it says the same of everybody. *Noise*: it says anything. Each run may say the opposite.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.matrix import Matrix
from swe_scale.ranking.latent.worlds import (
    MISTAKE_PASSES_BASE,
    MISTAKE_PASSES_OTHER,
    PASSES_BASE,
    VACUOUS,
    Worlds,
)

Numbers = NDArray[np.float64]
Places = NDArray[np.int64]
"""By world, the number of a place, of which 0 is that of right patches; or numbers of worlds."""


@dataclass(frozen=True, slots=True)
class Kind:
    """How checks of a kind behave, by place, world and check: places are first, that of right patches first.

    The likelihood of what is seen in one place is `either` + `fails` × its ratio if the check is to fail
    there to that if it is to pass.
    """

    either: Numbers
    fails: Numbers

    @classmethod
    def alike(cls, rate: Numbers, right_fail: bool, places: int, checks: int) -> "Kind":
        """Return a kind that fails in each wrong place at a rate by world, and in the right one or not."""
        fails = np.empty((places, len(rate), checks))
        fails[:] = rate[None, :, None]
        fails[0] = float(right_fail)
        return cls(1 - fails, fails)

    def likelihoods(self, ratio: Numbers, moved: Numbers, own: Sequence[int], own_rate: Numbers) -> Numbers:
        """Return the likelihood over all places, by the place that a group is put in.

        Args:
            ratio: in each place as it is.
            moved: the same with the group.
            own: the group's own checks.
            own_rate: rate at which these fail where the group is put, if it is wrong.
        """
        still = self.either + self.fails * ratio
        there = self.either + self.fails * moved
        for check in own:
            there[1:, :, check] = 1 - own_rate + own_rate * moved[1:, :, check]
        return np.asarray(np.multiply.reduce(still, axis=0) * (there / still))

    def of_worlds(self, chosen: Places) -> "Kind":
        """Return the kind in some of the worlds."""
        return Kind(self.either[:, chosen], self.fails[:, chosen])

    def settle(self, chosen: Places, own: Sequence[int], own_rate: Numbers) -> None:
        """Let a group's own checks behave as they do where their author is, by world."""
        wrong = np.flatnonzero(chosen)
        for check in own:
            self.fails[chosen[wrong], wrong, check] = own_rate[wrong]
            self.either[chosen[wrong], wrong, check] = 1 - own_rate[wrong]


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

    @classmethod
    def begun(cls, matrix: Matrix, worlds: Worlds, places: int) -> "Likelihood":
        """Return the likelihood before any group has been put in its place."""
        checks, count = len(matrix.checks), len(worlds)
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
            valid=Kind.alike(worlds.detects, False, places, checks),
            mistaken=Kind.alike(np.full(count, 1 - MISTAKE_PASSES_OTHER), True, places, checks),
        )

    def of(self, group: int) -> Numbers:
        """Return the logarithm of the likelihood with one more group, by world and place where it is put."""
        own, step = self._own(group), self._step(group)
        moved = self.ratio * step
        valid = self.valid.likelihoods(self.ratio, moved, own, self.worlds.detects_own)
        mistaken = self.mistaken.likelihoods(self.ratio, moved, own, np.zeros(len(self.worlds)))
        passes = self._passes_with(group)
        chance = np.exp(np.log(0.5) * (self.runs + self.matrix.runs[group]) - passes)
        everywhere = self.everywhere * step

        def mixed(right: Numbers, check: slice | int) -> tuple[Numbers, Numbers, Numbers]:
            return self._mixed(right, everywhere[:, check], chance[:, check], self.base[:, check])

        first, second, rest = mixed(self.author_right, slice(None))
        whole = first * valid + second * mistaken + rest
        for check in own:
            for places, right in ((slice(0, 1), 1.0), (slice(1, None), 0.0)):
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
            self.author_right[:, check] = chosen == 0
        self.valid.settle(chosen, own, self.worlds.detects_own)
        self.mistaken.settle(chosen, own, np.zeros(len(chosen)))

    def drop(self, group: int, chosen: Places) -> None:
        """Take a group from its place again, by world."""
        own, step = self._own(group), self._step(group)
        self.ratio[chosen, np.arange(len(chosen))] /= step
        self.everywhere = self.everywhere / step
        self.passes = self._passes_with(group, -1)
        self.runs = self.runs - self.matrix.runs[group]
        for check in own:
            self.author_right[:, check] = 0.5
        self.valid.settle(chosen, own, self.worlds.detects)
        self.mistaken.settle(chosen, own, np.full(len(chosen), 1 - MISTAKE_PASSES_OTHER))

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
