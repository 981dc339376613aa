"""Puts groups to the right ones, or to a way of being wrong, in many worlds at a time."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from swe_scale.ranking.latent.kinds import Places
from swe_scale.ranking.latent.likelihood import Likelihood
from swe_scale.ranking.latent.matrix import Matrix
from swe_scale.ranking.latent.worlds import Worlds
from swe_scale.ranking.prior import Prior, log_rising

Numbers = NDArray[np.float64]

WAYS = 7
"""Ways of being wrong that are told apart at most."""
_SUBTLE = 2
"""How many of these are ways that valid checks hardly ever detect."""
_KEPT = 1 / 3
"""Share of the worlds, drawn by how well they explain what is seen, with which is gone on."""
_SWEEPS = 3
"""Times that each group is put anew, given all others."""
_MANY = 40
"""Groups from which on that is done once: with so many there is little doubt left."""
_DISOWNS = 0.15
"""Assumed: how often a trajectory ends though its patch is wrong and its own check says so."""
_HEARD = 2
"""Own checks that are counted which say so, beside the first, which may have been a run gone wrong."""
_SEED = 0


@dataclass(frozen=True, slots=True)
class Allocation:
    """What is probable of groups and checks, over all worlds."""

    right: Numbers
    """Of each group."""
    cases: NDArray[np.bool_]
    """Who is right in cases that are equally probable: cases × groups."""
    subtle: NDArray[np.bool_]
    """Who is wrong there in a subtle way."""
    valid: float
    flips: float


def heard(matrix: Matrix, group: int) -> int:
    """Return how many checks of a group's own authors that fail on it speak against it."""
    return min(_HEARD, max(0, matrix.disowned[group] - 1))


def allocate(matrix: Matrix, worlds: Worlds, prior: Prior, leanings: Numbers) -> Allocation:
    """Return what is probable; see `believe`.

    First groups are put in their places one after the other, by what is seen of those so far (sequential
    importance sampling). Then the worlds that explain it best are gone on with, and each group is put anew,
    given all others (Gibbs sampling), where its probability counts and not the place that it got by lot.

    Args:
        matrix: with at least one group.
        worlds: the combinations of what isn't known.
        prior: what is known before.
        leanings: per group, logarithm of the ratio of likelihoods.
    """
    chance = np.random.default_rng(_SEED)
    state = _State.begun(matrix, worlds, prior, leanings)
    weight = np.zeros(len(worlds))
    for group in range(len(matrix.groups)):
        weight += state.put(group, chance.random(len(worlds))).evidence
    state = state.of_worlds(_drawn(weight, max(1, round(len(worlds) * _KEPT)), float(chance.random())))
    found, places = np.zeros(len(matrix.groups)), []
    sweeps = _SWEEPS if len(matrix.groups) < _MANY else 1
    for _ in range(sweeps):
        for group in range(len(matrix.groups)):
            state.drop(group)
            found[group] += state.put(group, chance.random(len(state.places))).right.mean()
        places.append(state.places.copy())
    where = np.concatenate(places)
    valid = float(state.likelihood.expected_valid().mean())
    flips = float(state.likelihood.worlds.flips.mean())
    return Allocation(found / sweeps, where == 0, where >= state.seats.border, valid, flips)


def _drawn(weight: Numbers, count: int, lot: float) -> Places:
    """Return numbers of worlds, each about as often as its share says (systematic resampling)."""
    share = np.cumsum(np.exp(weight - weight.max()))
    found = np.searchsorted(share, (np.arange(count) + lot) / count * share[-1])
    return np.asarray(found.clip(0, len(share) - 1))


@dataclass(frozen=True, slots=True)
class _Put:
    right: Numbers
    """By world, how probable it was that the group is right."""
    evidence: Numbers
    """By world, the logarithm of how probable what is seen of it was."""


@dataclass(slots=True)
class _State:
    """Where each group is, by world."""

    likelihood: Likelihood
    seats: "_Seats"
    leanings: Numbers
    places: Places
    """Worlds × groups."""
    told: Numbers
    """Logarithm of the likelihood so far, by world."""

    @classmethod
    def begun(cls, matrix: Matrix, worlds: Worlds, prior: Prior, leanings: Numbers) -> "_State":
        groups, count = len(matrix.groups), len(worlds)
        plain, subtle = min(groups, WAYS - _SUBTLE), min(groups, _SUBTLE)
        taken = np.zeros((count, 1 + plain + subtle), np.int64)
        seats = _Seats([group.size for group in matrix.groups], taken, 1 + plain, worlds.subtle, prior)
        likelihood = Likelihood.begun(matrix, worlds, plain, subtle)
        return cls(likelihood, seats, leanings, np.full((count, groups), -1), np.zeros(count))

    def put(self, group: int, lots: Numbers) -> _Put:
        """Put a group somewhere, by lot."""
        told = self.likelihood.of(group)
        joint = told + self.seats.of(group, self.likelihood.worlds.fashion)
        joint[:, 0] += self.leanings[group] - self.disowned(group)
        most = joint.max(axis=1)
        shares = np.exp(joint - most[:, None])
        total = shares.sum(axis=1)
        shares /= total[:, None]
        chosen = (np.cumsum(shares, axis=1) < lots[:, None]).sum(axis=1).clip(0, shares.shape[1] - 1)
        put = _Put(shares[:, 0], most + np.log(total) - self.told)
        self.told = told[np.arange(len(chosen)), chosen]
        self.places[:, group] = chosen
        self.seats.take(group, chosen, 1)
        self.likelihood.take(group, chosen)
        return put

    def disowned(self, group: int) -> Numbers:
        """Return, by world, how much speaks against a group that its authors' own checks fail on it."""
        likelihood = self.likelihood
        return np.asarray(heard(likelihood.matrix, group) * np.log1p(_DISOWNS / likelihood.worlds.flips))

    def drop(self, group: int) -> None:
        """Take a group away again."""
        self.seats.take(group, self.places[:, group], -1)
        self.likelihood.drop(group, self.places[:, group])

    def of_worlds(self, chosen: Places) -> "_State":
        """Return the state in some of the worlds."""
        seats = replace(self.seats, taken=self.seats.taken[chosen], subtle=self.seats.subtle[chosen])
        likelihood = self.likelihood.of_worlds(chosen)
        return _State(likelihood, seats, self.leanings, self.places[chosen], self.told[chosen])


@dataclass(slots=True)
class _Seats:
    """How many are right, and wrong in each way: by world and place, of which the first is for right ones."""

    sizes: list[int]
    taken: Places
    border: int
    """Number of the first place of a subtle way."""
    subtle: Numbers
    """By world, the share of ways that are."""
    prior: Prior

    def of(self, group: int, fashion: Numbers) -> Numbers:
        """Return the logarithm of the prior probability of each place for a group."""
        size = self.sizes[group]
        right, wrong = self.taken[:, 0], self.taken[:, 1:].sum(axis=1)
        now = self.prior.of_counts(right, wrong)
        seat = log_rising(self.taken.astype(np.float64), size)
        ways = ((1, self.border, 1 - self.subtle), (self.border, self.taken.shape[1], self.subtle))
        for first, end, share in ways:
            empty = self.taken[:, first:end] == 0
            opened = np.flatnonzero(empty.any(axis=1))
            place = first + empty[opened].argmax(axis=1)
            seat[opened, place] = np.log((share * fashion)[opened]) + log_rising(np.ones(1), size - 1)
        seat -= log_rising(wrong + fashion, size)[:, None]
        wronged = self.prior.of_counts(right, wrong + size) - now
        righted = self.prior.of_counts(right + size, wrong) - now
        return np.concatenate([righted[:, None], wronged[:, None] + seat[:, 1:]], axis=1)

    def take(self, group: int, chosen: Places, times: int) -> None:
        """Put a group in its place, by world, or take it away again."""
        self.taken[np.arange(len(chosen)), chosen] += times * self.sizes[group]
