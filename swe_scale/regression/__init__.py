"""Runs the repository's own tests near a change, before and after it, on every candidate."""

from swe_scale.regression.comparing import again, compare, stable
from swe_scale.regression.near import FILES, find_near, near
from swe_scale.regression.running import Report, run_tests
from swe_scale.regression.suite import CRASHED, STEERING, TEST_EDITS, Suite, regression_check

__all__ = [
    "CRASHED",
    "FILES",
    "STEERING",
    "TEST_EDITS",
    "Report",
    "Suite",
    "again",
    "compare",
    "find_near",
    "near",
    "regression_check",
    "run_tests",
    "stable",
]
