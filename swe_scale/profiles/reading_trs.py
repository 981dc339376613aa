"""Reads what Automake's test driver leaves behind of each test: its `.trs` files, one after another."""

import re
from collections.abc import Mapping, Sequence

from swe_scale.profiles.languages import WHOLE
from swe_scale.profiles.outcomes import Read, TestOutcome, joined

_LINE = re.compile(
    r"(?:\./)?(?:\.swe-scale/build/)?(?P<path>[^:\n]+)\.trs::test-result:\s*(?P<result>[A-Z]+)\s*(?P<name>.*)"
)
_RESULTS: Mapping[str, TestOutcome] = {
    "PASS": "passed",
    "XFAIL": "passed",
    "SKIP": "skipped",
    "FAIL": "failed",
    "XPASS": "failed",
    "ERROR": "error",
}


def read(report: bytes, files: Sequence[str]) -> Read | None:
    """Return the outcomes of `PATH.trs::test-result: RESULT NAME` lines; None where there are none.

    A test's id is that of the test file whose name it has, otherwise the whole suite's with its path; a
    script that reports several results, by the Test Anything Protocol, has an id for each.
    """
    known = {path: path for path in files} | {path.rpartition(".")[0]: path for path in files}

    def identity(path: str, name: str) -> str:
        place = known.get(path)
        return "::".join(part for part in (*((place,) if place else (WHOLE, path)), name.strip()) if part)

    found = (_LINE.fullmatch(line) for line in report.decode("utf-8", "replace").splitlines())
    outcomes = joined(
        (identity(one["path"], one["name"]), _RESULTS[one["result"]])
        for one in found
        if one and one["result"] in _RESULTS
    )
    return (outcomes, True) if outcomes else None
