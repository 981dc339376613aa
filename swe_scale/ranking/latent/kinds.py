"""How kinds of checks behave in each place: on right patches, and on those of each way to be wrong."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.worlds import MISTAKE_PASSES_OTHER, UNSEEN, Worlds

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
    def alike(cls, rates: Numbers, right_fail: bool, checks: int) -> "Kind":
        """Return a kind that fails in each wrong place at a rate, by world, and in the right one or not."""
        fails = np.repeat(rates[:, :, None], checks, axis=2)
        fails[0] = float(right_fail)
        return cls(1 - fails, fails)

    def likelihoods(self, ratio: Numbers, moved: Numbers, own: Sequence[int], own_rates: Numbers) -> Numbers:
        """Return the likelihood over all places, by the place that a group is put in.

        Args:
            ratio: in each place as it is.
            moved: the same with the group.
            own: the group's own checks.
            own_rates: rate at which these fail where the group is put, if it is wrong: by place and world.
        """
        still = self.either + self.fails * ratio
        there = self.either + self.fails * moved
        for check in own:
            there[1:, :, check] = 1 - own_rates[1:] + own_rates[1:] * moved[1:, :, check]
        return np.asarray(np.multiply.reduce(still, axis=0) * (there / still))

    def of_worlds(self, chosen: Places) -> "Kind":
        """Return the kind in some of the worlds."""
        return Kind(self.either[:, chosen], self.fails[:, chosen])

    def settle(self, chosen: Places, own: Sequence[int], rates: Numbers) -> None:
        """Let a group's own checks fail where their author is at a rate, by place and world."""
        wrong = np.flatnonzero(chosen)
        rate = rates[chosen[wrong], wrong]
        for check in own:
            self.fails[chosen[wrong], wrong, check] = rate
            self.either[chosen[wrong], wrong, check] = 1 - rate


@dataclass(frozen=True, slots=True)
class Rates:
    """How often checks fail on those that are wrong, by place and world; their author's own way aside."""

    valid: Numbers
    valid_own: Numbers
    mistaken: Numbers
    mistaken_own: Numbers

    @classmethod
    def of(cls, worlds: Worlds, places: int, subtle: int) -> "Rates":
        """Return the rates where so many places, the last ones, are those of subtle ways."""
        seen = np.where(np.arange(places) < places - subtle, 1.0, UNSEEN)[:, None]
        valid, other = seen * worlds.detects, np.full((places, len(worlds)), 1 - MISTAKE_PASSES_OTHER)
        return cls(valid, np.minimum(valid, worlds.detects_own), other, np.zeros_like(other))

    def of_worlds(self, chosen: Places) -> "Rates":
        """Return the rates in some of the worlds."""
        return Rates(*(getattr(self, one.name)[:, chosen] for one in fields(self)))
