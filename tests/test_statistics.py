"""Intervals and tests against published values, by simulation, and at the edges."""

import random

import pytest

from swe_scale.statistics import difference, pass_at_k, smallest_effect, wilson


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
