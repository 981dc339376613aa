"""What is known of languages: how a project is recognised, its tests, and its runners' reports."""

from swe_scale.profiles.counted import Counted, counted, counted_by_runner
from swe_scale.profiles.languages import Profile, Runner, find_tests, profiles, recognise
from swe_scale.profiles.reports import TestOutcome, parse_junit, parse_lines

__all__ = [
    "Counted",
    "Profile",
    "Runner",
    "TestOutcome",
    "counted",
    "counted_by_runner",
    "find_tests",
    "parse_junit",
    "parse_lines",
    "profiles",
    "recognise",
]
