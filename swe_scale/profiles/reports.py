"""Reads test runners' reports, which the code under test may have written: hostile and never trusted."""

from collections.abc import Mapping, Sequence

from swe_scale.profiles import (
    reading_go,
    reading_jest,
    reading_junit,
    reading_libtest,
    reading_lines,
    reading_rspec,
    reading_trs,
)
from swe_scale.profiles.outcomes import Read, Reader, TestOutcome, joined, worst
from swe_scale.profiles.reading_junit import parse_junit
from swe_scale.profiles.reading_lines import parse_lines

__all__ = ["READERS", "Read", "Reader", "TestOutcome", "parse_junit", "parse_lines", "read_report", "worst"]

READERS: Mapping[str, Reader] = {
    "go": reading_go.read,
    "jest": reading_jest.read,
    "junit": reading_junit.read,
    "libtest": reading_libtest.read,
    "lines": reading_lines.read,
    "rspec": reading_rspec.read,
    "trs": reading_trs.read,
}
"""By the name that a runner's `report` has."""
_LONGEST = 1_000
"""Characters of an id."""


def read_report(form: str, report: bytes, files: Sequence[str]) -> Read | None:
    """Return what a report says, its ids fit to be shown; None where it isn't one of this form.

    Args:
        form: name of the reader.
        report: the content.
        files: test files that were run, relative to where the runner ran.
    """
    try:
        told = READERS[form](report, files)
    except (ValueError, RecursionError):
        return None
    if told is None:
        return None
    outcomes, whole = told
    return joined((_shown(identity), outcome) for identity, outcome in outcomes.items()), whole


def _shown(identity: str) -> str:
    start = identity[: _LONGEST + 1]
    plain = (
        start
        if start.isprintable()
        else "".join(one if one.isprintable() else ascii(one)[1:-1] for one in start)
    )
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST]}…"
