"""Intervals and tests against published values, by simulation, and at the edges."""

import random
from math import isnan, sqrt
from statistics import fmean, stdev

import pytest

from swe_scale.statistics import (
    bootstrap,
    difference,
    paired_bootstrap,
    pass_at_k,
    ratio_bootstrap,
    smallest_effect,
    wilson,
)


@pytest.mark.parametrize(
    ("count", "of", "low", "high"),
    # Newcombe (1998), Statistics in Medicine 17, 857-872, table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(count: int, of: int, low: float, high: float) -> None:
    assert wilson(count, of).interval == pytest.approx((low, high), abs=5e-5)


def test_no_proportion() -> None:
    assert wilson(0, 0).interval == (0.0, 1.0) and wilson(0, 0).share == 0.0
    for count, of in ((2, 1), (-1, 3)):
        with pytest.raises(ValueError, match="is no proportion"):
            wilson(count, of)


def pairs(both: int, only_ours: int, only_other: int, neither: int) -> tuple[list[bool], list[bool]]:
    ours = [True] * (both + only_ours) + [False] * (only_other + neither)
    other = [True] * both + [False] * only_ours + [True] * only_other + [False] * neither
    return ours, other


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    # The same author, pages 2635-2650, table II, method 10; the second is the first, counting failures.
    [((36, 12, 2, 0), 0.0569, 0.3404), ((0, 12, 2, 36), 0.0569, 0.3404), ((0, 0, 0, 50), -0.0713, 0.0713)],
)
def test_a_paired_difference_as_published(cells: tuple[int, int, int, int], low: float, high: float) -> None:
    assert difference(*pairs(*cells)).interval == pytest.approx((low, high), abs=5e-5)


def test_an_interval_covers_the_truth_as_often_as_it_says() -> None:
    chance = random.Random(5)
    covered = 0
    for _ in range(1000):
        ours, other = [], []
        for _ in range(80):
            hard = chance.random()
            ours.append(chance.random() < 0.8 - 0.5 * hard)
            other.append(chance.random() < 0.7 - 0.5 * hard)
        low, high = difference(ours, other).interval
        covered += low <= 0.1 <= high
    assert 930 <= covered <= 985


def test_mcnemar_is_exact() -> None:
    assert difference(*pairs(10, 8, 2, 0)).p == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert difference(*pairs(3, 0, 0, 4)).p == 1.0
    assert difference(*pairs(0, 5, 5, 0)).p == 1.0
    assert difference(*pairs(0, 2000, 0, 0)).p == pytest.approx(0.0)


def test_pairs_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="zip"):
        difference([True], [])
    assert difference([], []).interval == (-1.0, 1.0) and difference([], []).value == 0.0


def test_the_smallest_effect_that_would_be_seen() -> None:
    assert smallest_effect(100, 0.06) == pytest.approx(0.069, abs=5e-4)
    assert smallest_effect(500, 0.12) == pytest.approx(0.043, abs=5e-4)
    assert smallest_effect(0, 0.1) == 1.0


def test_pass_at_k_is_the_mean_over_all_subsets() -> None:
    assert pass_at_k(5, 2, 2) == pytest.approx(7 / 10)
    assert pass_at_k(10, 0, 10) == 0.0 and pass_at_k(10, 1, 10) == 1.0 and pass_at_k(4, 2, 0) == 0.0
    for samples, right, k in ((3, 4, 1), (3, 1, 4), (3, -1, 1)):
        with pytest.raises(ValueError, match="can't be"):
            pass_at_k(samples, right, k)


def test_the_bootstrap_of_a_mean_is_that_of_theory() -> None:
    chance = random.Random(2)
    values = [chance.gauss(3, 1) for _ in range(400)]
    found, reach = bootstrap(values), 1.96 * stdev(values) / sqrt(400)
    assert found.value == pytest.approx(fmean(values))
    assert found.interval == pytest.approx((found.value - reach, found.value + reach), abs=0.006)


def test_the_bootstrap_is_repeated_by_its_seed() -> None:
    values = [0.0, 1.0, 1.0, 0.5, 0.25] * 7
    assert bootstrap(values, 3) == bootstrap(values, 3)
    assert bootstrap(values, 3).interval != bootstrap(values, 4).interval
    assert str(bootstrap([0.5, 0.5])) == "0.500 (0.500 … 0.500)"


def test_pairing_takes_out_what_both_have_in_common() -> None:
    chance = random.Random(4)
    other = [chance.random() for _ in range(100)]
    ours = [one + 0.05 for one in other]
    assert paired_bootstrap(ours, other).interval == pytest.approx((0.05, 0.05))
    low, high = bootstrap(ours).interval
    assert high - low > 0.05
    with pytest.raises(ValueError, match="shorter"):
        paired_bootstrap([1.0, 0.0], [1.0])


def test_a_bootstrapped_interval_covers_the_truth_as_often_as_it_says() -> None:
    chance = random.Random(6)
    covered = 0
    for place in range(200):
        hard = [chance.random() for _ in range(60)]
        ours = [fmean(chance.random() < 0.6 * one for _ in range(5)) for one in hard]
        other = [fmean(chance.random() < 0.4 * one for _ in range(5)) for one in hard]
        low, high = paired_bootstrap(ours, other, place).interval
        covered += low <= 0.1 <= high
    assert 180 <= covered <= 199


def test_a_ratio_of_sums() -> None:
    found = ratio_bootstrap([1, 0, 1, 0], [1, 1, 1, 0])
    assert found.value == pytest.approx(2 / 3) and found.interval[1] == 1.0
    assert isnan(ratio_bootstrap([0, 0], [0, 0]).value) and isnan(bootstrap([]).value)
    with pytest.raises(ValueError, match="can't be"):
        ratio_bootstrap([1], [])


def test_a_bootstrap_of_many_issues_is_drawn_in_blocks() -> None:
    found = bootstrap([0.0, 1.0] * 5000)
    assert found.interval == pytest.approx((0.4902, 0.5098), abs=5e-4)
