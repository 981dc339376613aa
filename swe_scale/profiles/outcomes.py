"""What becomes of tests, in the terms that all runners' reports are brought to."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Literal

TestOutcome = Literal["passed", "failed", "error", "skipped"]
"""What became of one test."""
Read = tuple[dict[str, TestOutcome], bool]
"""Outcomes by test id, `path::name`, and whether the report is whole."""
Reader = Callable[[bytes, Sequence[str]], Read | None]
"""Reads a report, given the test files that were run; None where it is none."""

_WORST: tuple[TestOutcome, ...] = ("error", "failed", "skipped", "passed")
OUTCOMES: Mapping[str, TestOutcome] = {outcome: outcome for outcome in _WORST}
"""Every outcome by its name."""


def worst(outcomes: Iterable[TestOutcome]) -> TestOutcome:
    """Return the outcome that counts where a test has several."""
    return min(outcomes, key=_WORST.index)


def joined(outcomes: Iterable[tuple[str, TestOutcome]]) -> dict[str, TestOutcome]:
    """Return the outcomes by test id, of several for one test the worst."""
    found: dict[str, TestOutcome] = {}
    for identity, outcome in outcomes:
        found[identity] = worst((outcome, found.get(identity, outcome)))
    return found
