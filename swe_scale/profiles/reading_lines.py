"""Reads the reports that runners of ours write: a line per test, good as far as it goes."""

import json
from collections.abc import Sequence

from swe_scale.profiles.outcomes import OUTCOMES, Read, TestOutcome, joined


def parse_lines(report: bytes) -> Read:
    """Return the outcomes of a report of one JSON object per line, and whether it was finished.

    The lines are `{"id", "outcome"}`, the last one is `{"finished": true}`; what isn't of this form
    is passed over, so that the report of a run that was killed still counts as far as it goes.
    """
    outcomes: list[tuple[str, TestOutcome]] = []
    finished = False
    for line in report.split(b"\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        identity, outcome = entry.get("id"), OUTCOMES.get(str(entry.get("outcome")))
        if isinstance(identity, str) and outcome:
            outcomes.append((identity, outcome))
        finished = entry.get("finished") is True
    return joined(outcomes), finished


def read(report: bytes, files: Sequence[str]) -> Read:  # noqa: ARG001 - the lines name the files
    """Return what `parse_lines` does."""
    return parse_lines(report)
