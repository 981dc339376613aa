"""What is known of languages: how a project is recognised, its tests, and its runners' reports."""

from swe_scale.profiles.counted import Counted, counted, counted_by_runner
from swe_scale.profiles.languages import (
    WHOLE,
    Profile,
    check_languages,
    find_tests,
    profiles,
    recognise,
    recognised,
    runner_of,
    started_by,
    toolchains,
)
from swe_scale.profiles.reports import TestOutcome, parse_junit, parse_lines, read_report
from swe_scale.profiles.runners import CheckRun, Runner, Toolchain

__all__ = [
    "WHOLE",
    "CheckRun",
    "Counted",
    "Profile",
    "Runner",
    "TestOutcome",
    "Toolchain",
    "check_languages",
    "counted",
    "counted_by_runner",
    "find_tests",
    "parse_junit",
    "parse_lines",
    "profiles",
    "read_report",
    "recognise",
    "recognised",
    "runner_of",
    "started_by",
    "toolchains",
]
