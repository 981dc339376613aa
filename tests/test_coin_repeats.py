"""Running cells again in a coin world."""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))

from coin_repeats import SAMPLES, repeat
from coin_world import REGIMES


def test_steady_cells_say_the_same_again() -> None:
    once, again, runs = repeat(replace(REGIMES["middle"], flip=0.0), issues=20, seed=1)
    assert (once == again).all()
    assert set(runs) == {SAMPLES * (SAMPLES - 1.0)}


def test_flaky_cells_are_run_a_third_time_and_may_change_the_choice() -> None:
    once, again, runs = repeat(replace(REGIMES["flaky"], flip=0.3), issues=40, seed=1)
    assert (once != again).any()
    assert (runs > SAMPLES * (SAMPLES - 1)).all()
