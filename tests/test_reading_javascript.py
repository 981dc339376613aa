"""Reports of JavaScript's runners, as they were recorded, and as a hostile project may write them."""

import json
from typing import Any

import pytest

from swe_scale.profiles import reading_jest
from swe_scale.profiles.languages import WHOLE

FILES = ("src/stats.test.ts", "src/broken.test.ts")


def case(title: str, status: str, *above: str) -> dict[str, Any]:
    """Return a test as vitest 3 and jest 29 write it, without what isn't read."""
    return {
        "ancestorTitles": list(above), "fullName": " ".join((*above, title)), "status": status,
        "title": title, "duration": 1.5, "failureMessages": [], "location": None,
    }  # fmt: skip


VITEST = {
    "numTotalTestSuites": 3, "numPassedTests": 1, "numFailedTests": 1, "numPendingTests": 1,
    "numTodoTests": 1, "numTotalTests": 4, "success": False,
    "testResults": [
        {
            "name": "/work/src/broken.test.ts", "status": "failed", "assertionResults": [],
            "message": "Cannot find module './missing'",
        },
        {
            "name": "/work/src/stats.test.ts", "status": "failed", "message": "",
            "assertionResults": [
                case("two", "passed", "mean"), case("none", "failed", "mean"),
                case("later", "skipped", "mean"), case("todo", "todo", "mean", "deep"),
            ],
        },
    ],
}  # fmt: skip


def read(content: object, *files: str) -> Any:
    """Return what is read of a report."""
    return reading_jest.read(json.dumps(content).encode(), files or FILES)


def test_vitest() -> None:
    assert read(VITEST) == (
        {
            "src/broken.test.ts": "error",
            "src/stats.test.ts::mean > two": "passed",
            "src/stats.test.ts::mean > none": "failed",
            "src/stats.test.ts::mean > later": "skipped",
            "src/stats.test.ts::mean > deep > todo": "skipped",
        },
        True,
    )


def test_a_file_that_was_not_asked_for_is_known_by_its_name() -> None:
    outcomes, _ = read(VITEST, WHOLE)
    assert f"{WHOLE}::stats.test.ts::mean > two" in outcomes and not any("/work" in one for one in outcomes)


def test_of_equal_names_the_worst_counts() -> None:
    result = {
        "name": "/w/src/stats.test.ts",
        "assertionResults": [case("a", "passed"), case("a", "failed")] * 2,
    }
    assert read({"testResults": [result]})[0] == {"src/stats.test.ts::a": "failed"}


def test_a_report_that_lists_less_than_it_counts_is_not_whole() -> None:
    assert read({**VITEST, "numTotalTests": 5})[1] is False


def test_a_failed_file_without_a_failed_test_is_in_error() -> None:
    result = {"name": "/w/src/stats.test.ts", "status": "failed", "assertionResults": [case("a", "passed")]}
    assert read({"testResults": [result]})[0]["src/stats.test.ts"] == "error"


@pytest.mark.parametrize(
    "report",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"{}",
        b'{"testResults": 3}',
        b"[" * 200_000,
        b"\xff\xfe",
        json.dumps(VITEST).encode()[:-9],
    ],
)
def test_what_is_no_report_says_nothing(report: bytes) -> None:
    assert reading_jest.read(report, FILES) is None


@pytest.mark.parametrize(
    "result",
    [
        3, {}, {"name": 3}, {"name": "../../etc/passwd", "assertionResults": [{}]}, {"assertionResults": "x"},
        {"name": "a::b", "assertionResults": [3, None, {"status": [], "title": {}, "ancestorTitles": "x"}]},
    ],
)  # fmt: skip
def test_odd_entries_are_no_pass(result: object) -> None:
    outcomes, _ = read({"testResults": [result]})
    assert "passed" not in outcomes.values()
    assert all(one.startswith(WHOLE) for one in outcomes)
