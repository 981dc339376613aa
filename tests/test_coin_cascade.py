"""A second model helps by what it finds easy where the first doesn't: at correlation 1 the gain vanishes."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))

from coin_cascade import SECOND, ask


def test_the_gain_vanishes_with_what_the_models_do_not_have_in_common() -> None:
    apart, alike = ask(0.0, 150, seed=3), ask(1.0, 150, seed=3)
    error = alike.gain.std() / len(alike.gain) ** 0.5
    assert abs(alike.gain.mean()) < 3 * error
    assert apart.gain.mean() > 2 * error
    for found in (apart, alike):
        assert 0.1 < found.second.mean() / SECOND < 0.9, "some issues need it, others don't"
