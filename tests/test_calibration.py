"""Calibration and the risk-coverage curve, against sums made by hand and what theory says."""

import random

import pytest

from swe_scale.analysis.calibration import calibration_of
from swe_scale.analysis.resampling import Resampled


def test_by_hand() -> None:
    found = calibration_of([0.9, 0.8, 0.8, 0.25], [True, True, False, False])
    assert found is not None and found.of == 4
    assert found.brier.value == pytest.approx((0.01 + 0.04 + 0.64 + 0.0625) / 4)
    assert [(one.low, one.resolved.count, one.resolved.of) for one in found.bins] == [
        (0.2, 0, 1), (0.8, 1, 2), (0.9, 1, 1),
    ]  # fmt: skip
    assert found.ece.value == pytest.approx((0.25 + 0.6 + 0.1) / 4)
    # Equal confidences are handed out together: the order within them says nothing.
    assert [(one.coverage, one.risk) for one in found.curve] == [
        (0.25, 0.0), (0.75, pytest.approx(1 / 3)), (1.0, 0.5),
    ]  # fmt: skip
    assert found.aurc.value == pytest.approx((0 + 2 / 3 + 0.5) / 4)
    turned = calibration_of([0.25, 0.8, 0.8, 0.9], [False, False, True, True])
    assert turned is not None and turned.aurc.value == found.aurc.value


def test_the_edges() -> None:
    assert calibration_of([], []) is None
    sure = calibration_of([1.0, 1.0], [True, True])
    assert sure is not None and sure.bins[0].low == 0.9
    assert (sure.brier.value, sure.ece.value, sure.aurc.value) == (0.0, 0.0, 0.0)
    wrong = calibration_of([1.0], [False])
    assert wrong is not None and (wrong.brier.value, wrong.ece.value, wrong.aurc.value) == (1.0, 1.0, 1.0)


def test_confidence_that_is_true_is_found_calibrated() -> None:
    chance = random.Random(3)
    said = [chance.random() for _ in range(4000)]
    found = calibration_of(said, [chance.random() < one for one in said])
    assert found is not None
    assert found.ece.value < 0.03 and found.brier.value == pytest.approx(1 / 6, abs=0.01)
    assert found.brier.low < 1 / 6 < found.brier.high
    assert found.aurc.value == pytest.approx(0.25, abs=0.02)


def test_intervals_are_of_issues() -> None:
    drawn = Resampled(100)
    values = [0.5] * 50 + [1.0] * 50
    mean = drawn.mean(values)
    assert mean.value == 0.75 and mean.low == pytest.approx(0.70, abs=0.01)
    assert drawn.mean([1.0] * 100).low == pytest.approx(0.963, abs=1e-3)
    ratio = drawn.ratio([0.25] * 100, values)
    assert ratio is not None and ratio.value == pytest.approx(1 / 3) and ratio.low < 1 / 3 < ratio.high
    assert drawn.ratio(values, [0.0] * 100) is None
    assert Resampled(0).mean([]).high == 1.0 and Resampled(0).ratio([], []) is None
