"""Reads what Rust's test harness prints under `cargo test`, whose stable release has no other report."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from swe_scale.profiles.languages import WHOLE
from swe_scale.profiles.outcomes import Read, TestOutcome, joined

_BINARY = re.compile(r"\s+Running (?:unittests )?(?P<path>\S+) \((?P<binary>\S+?)(?:-[0-9a-f]{16})?\)")
_DOCUMENTS = re.compile(r"\s+Doc-tests (?P<name>\S+)")
_TEST = re.compile(r"test (?P<name>.+?) \.\.\. (?P<end>ok|FAILED|ignored(?:, .*)?)")
_COUNT = re.compile(r"running (\d{1,9}) tests?")
_SUM = re.compile(
    r"test result: (?:ok|FAILED)\. "
    r"(?P<passed>\d{1,9}) passed; (?P<failed>\d{1,9}) failed; (?P<ignored>\d{1,9}) ignored;.*"
)
_LINE = re.compile(r" \(line \d+\)")
_ENDS: Mapping[str, TestOutcome] = {"ok": "passed", "FAILED": "failed"}


@dataclass(slots=True)
class _Binary:
    """One test program's part of the report."""

    place: str
    tests: list[tuple[str, TestOutcome]] = field(default_factory=list)
    ends: Counter[TestOutcome] = field(default_factory=Counter)
    due: int = 0
    whole: bool = False

    def told(self, name: str, outcome: TestOutcome) -> None:
        """Note what became of a test."""
        self.tests.append((name, outcome))
        self.ends[outcome] += 1

    def summed(self, found: re.Match[str]) -> None:
        """Note the sum at its end, which must be that of what was told before."""
        said = tuple(int(found[name]) for name in ("passed", "failed", "ignored"))
        self.whole = said == (self.ends["passed"], self.ends["failed"], self.ends["skipped"])


def read(report: bytes, files: Sequence[str]) -> Read | None:
    """Return the outcomes of the tests; None where no program told of any.

    An id is `path::module::test` for a file that was asked for, otherwise the suite's with the program's
    name.
    The report is whole if every program's sum, and the number of tests that it announced, is what it told:
    a line that the code under test printed for a test makes it one too many.
    """
    known = frozenset(files)
    binaries: list[_Binary] = []
    place = f"{WHOLE}"
    for line in report.decode("utf-8", "replace").splitlines():
        if found := _BINARY.fullmatch(line):
            name = found["binary"].rpartition("/")[2]
            place = found["path"] if found["path"] in known else f"{WHOLE}::{name}::{found['path']}"
        elif found := _DOCUMENTS.fullmatch(line):
            place = f"{WHOLE}::{found['name']}"
        elif found := _COUNT.fullmatch(line):
            binaries.append(_Binary(place, due=int(found[1])))
        elif binaries and (found := _TEST.fullmatch(line)):
            name = _LINE.sub("", found["name"]).removesuffix(" - should panic")
            binaries[-1].told(name, _ENDS.get(found["end"], "skipped"))
        elif binaries and (found := _SUM.fullmatch(line)):
            binaries[-1].summed(found)
    if not binaries:
        return None
    whole = all(one.whole and one.due == len(one.tests) for one in binaries)
    return joined((f"{one.place}::{name}", outcome) for one in binaries for name, outcome in one.tests), whole
