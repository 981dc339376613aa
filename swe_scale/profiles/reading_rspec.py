"""Reads the report that RSpec's JSON formatter writes."""

import json
from collections.abc import Mapping, Sequence

from swe_scale.profiles.outcomes import Read, TestOutcome, joined
from swe_scale.profiles.places import Places

_STATUSES: Mapping[str, TestOutcome] = {"passed": "passed", "failed": "failed", "pending": "skipped"}


def read(report: bytes, files: Sequence[str]) -> Read | None:
    """Return the outcomes of the examples, by `path::description`; None where it is no such report.

    Its sums must be those of what it lists, and nothing may have failed outside of the examples.
    """
    try:
        content = json.loads(report)
    except (ValueError, RecursionError):
        return None
    examples = content.get("examples") if isinstance(content, dict) else None
    if not isinstance(examples, list):
        return None
    places = Places(files)
    found: list[tuple[str, TestOutcome]] = []
    for example in examples:
        if isinstance(example, dict):
            path = places.of(str(example.get("file_path") or ""))
            name = str(example.get("full_description") or example.get("id") or "")
            found.append((f"{path}::{name}", _STATUSES.get(str(example.get("status")), "error")))
    summary = content.get("summary")
    told = summary if isinstance(summary, dict) else {}
    outside = told.get("errors_outside_of_examples_count", 0)
    return joined(found), told.get("example_count") == len(found) and outside == 0
