"""Reads the report that jest writes with `--json`, and vitest in the same form."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from swe_scale.profiles.outcomes import Read, TestOutcome, joined
from swe_scale.profiles.places import Places

_STATUSES: Mapping[str, TestOutcome] = {
    "passed": "passed",
    "failed": "failed",
    "pending": "skipped",
    "skipped": "skipped",
    "todo": "skipped",
    "disabled": "skipped",
}


def read(report: bytes, files: Sequence[str]) -> Read | None:
    """Return the outcomes of the tests, by `path::suite > name`; None where it is no such report.

    A file that couldn't be loaded is one test in error, by its path. The report is written at the end and
    is whole if its counts are those of what it lists.
    """
    try:
        content = json.loads(report)
    except (ValueError, RecursionError):
        return None
    results = content.get("testResults") if isinstance(content, dict) else None
    if not isinstance(results, list):
        return None
    places = Places(files)
    found = [test for result in results if isinstance(result, dict) for test in _tests(result, places)]
    told = content.get("numTotalTests")
    named = sum("::" in identity for identity, _ in found)
    return joined(found), not isinstance(told, int) or named >= told


def _tests(result: Mapping[str, Any], places: Places) -> Iterator[tuple[str, TestOutcome]]:
    path = places.of(str(result.get("name") or result.get("testFilePath") or ""))
    tests = result.get("assertionResults") or result.get("testResults")
    listed = [test for test in tests if isinstance(test, dict)] if isinstance(tests, list) else []
    for test in listed:
        above = test.get("ancestorTitles")
        titles = [str(title) for title in above if title] if isinstance(above, list) else []
        outcome = _STATUSES.get(str(test.get("status")), "error")
        yield f"{path}::{' > '.join([*titles, str(test.get('title') or '')])}", outcome
    if result.get("status") == "failed" and not any(test.get("status") == "failed" for test in listed):
        yield path, "error"
