"""Reads what `go test -json` writes: an event per line, of packages and tests, and nothing of files."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from swe_scale.profiles.languages import WHOLE
from swe_scale.profiles.outcomes import Read, TestOutcome, joined

_ENDS: Mapping[str, TestOutcome] = {"pass": "passed", "fail": "failed", "skip": "skipped"}


def read(report: bytes, files: Sequence[str]) -> Read | None:
    """Return the outcomes of the tests, by `path::Test/subtest`; None where there is no event.

    The path is that of the first of the given files in the package's folder, otherwise the suite's with the
    package's folder. A test that began and didn't end is in error; so is a package that failed without a
    failing test. The report is whole if every package came to its end.
    """
    events = [event for event in _events(report) if isinstance(event.get("Package"), str)]
    if not events:
        return None
    packages = list(dict.fromkeys(str(event["Package"]) for event in events))
    places = _places(packages, files)
    ended: dict[str, str] = {}
    tests: dict[tuple[str, str], TestOutcome] = {}
    for event in events:
        package, test, action = str(event["Package"]), event.get("Test"), str(event.get("Action"))
        if not isinstance(test, str):
            ended |= {package: action} if action in _ENDS else {}
        elif action in _ENDS:
            tests[package, test] = _worse(_ENDS[action], tests.get((package, test)))
        elif action == "run":
            tests.setdefault((package, test), "error")
    outcomes = [(f"{places[package]}::{test}", outcome) for (package, test), outcome in tests.items()]
    bad = {package for (package, _), outcome in tests.items() if outcome in ("failed", "error")}
    outcomes += [(places[one], "error") for one, end in ended.items() if end == "fail" and one not in bad]
    return joined(outcomes), set(packages) <= ended.keys()


def _worse(outcome: TestOutcome, known: TestOutcome | None) -> TestOutcome:
    # A test has one end; a second one was printed by the code under test.
    return "failed" if known == "failed" else outcome


def _events(report: bytes) -> Iterator[Mapping[str, Any]]:
    for line in report.split(b"\n"):
        try:
            event = json.loads(line) if line.startswith(b"{") else None
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event


def _places(packages: Iterable[str], files: Sequence[str]) -> dict[str, str]:
    """Return for each package what its tests stand under."""
    every = list(packages)
    folders = {path: str(PurePosixPath(path).parent) for path in sorted(files) if path != WHOLE}
    module = _module(every, set(folders.values()))
    first = {folder: path for path, folder in reversed(folders.items())}
    inside = {one: one.removeprefix(module).strip("/") or "." for one in every}
    return {one: first.get(folder) or f"{WHOLE}::{folder}" for one, folder in inside.items()}


def _module(packages: Sequence[str], folders: set[str]) -> str:
    """Return the module's path: what most packages begin with if the rest is one of the folders."""
    starts = Counter(
        start
        for package in packages
        for folder in folders or {"."}
        if (start := package if folder == "." else package.removesuffix(f"/{folder}")) != package
        or folder == "."
    )
    if not folders:
        return min(packages, key=len)
    return min(starts, key=lambda start: (-starts[start], len(start)), default=min(packages, key=len))
