"""The page of the figures of selection says what the committed figures say."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "benchmarks" / "choosing"))

from selection_page import page

RESULTS = Path(__file__).parent.parent / "evaluation" / "results"


def test_the_page_is_made_from_the_figures() -> None:
    figures = json.loads((RESULTS / "selection.json").read_text())["figures"]
    assert (RESULTS / "selection.md").read_text() == "\n".join(page(figures))


def test_a_cell_that_nothing_was_measured_for_is_empty() -> None:
    rows = [
        {
            "name": name, "ours": 0.5, "baseline": 0.25, "ratio": 2.0, "spread": [-0.1, 0.2],
            "goal": None, "met": None,
        }
        for name in ("one: latent beside raw", "two: votes beside raw")
    ]  # fmt: skip
    text = "\n".join(page(rows))
    assert "| one | +25.0 (−10.0 … 20.0) | – |" in text and "| two | – | +25.0 (−10.0 … 20.0) |" in text
