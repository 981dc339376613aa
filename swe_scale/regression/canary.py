"""Tests of ours that run beside the repository's: some must fail, or the runner's report can't be true."""

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from swe_scale.profiles import TestOutcome
from swe_scale.records import File, Record

Watch = Literal["kept", "broken", "off"]
"""Whether the runner told the truth of our tests, lied, or was not asked or never got to them."""

_TEXT = '''"""Not the repository's: two of these tests are meant to fail, to show that the runner says so."""
import unittest
class {name}(unittest.TestCase):
    def test_kept(self):
        self.assertEqual(1, 1)
    def test_broken(self):
        assert 1 == 2
    def test_unequal(self):
        self.assertEqual(1, 2)
'''
_TRUE: Mapping[str, TestOutcome] = {"test_kept": "passed", "test_broken": "failed", "test_unequal": "failed"}
_TOLD = (b"<failure", b"<error", b'status="notrun"')
"""What a report holds of a test that did not pass."""
_LAST_LINES = 400
"""Characters at the end of the output in which the runner sums up."""


class Heard(Record):
    """What is left of a report when our tests are taken out of it."""

    outcomes: Mapping[str, TestOutcome]
    watch: Watch


@dataclass(frozen=True, slots=True)
class Canary:
    """A test file of a name that nobody can guess, put beside the last of the repository's.

    In the work tree and not outside of it, since pytest takes its settings from where all its files are.
    """

    beside: str
    """Path of a test file."""
    name: str = field(default_factory=lambda: f"Z{secrets.token_hex(8)}")

    @property
    def path(self) -> str:
        """Its path in the work tree."""
        return str(PurePosixPath(self.beside).with_name(f"test_{self.name.lower()}.py"))

    @property
    def file(self) -> File:
        """Its content."""
        return File(mode="100644", data=_TEXT.format(name=self.name).encode())

    def heard(self, outcomes: Mapping[str, TestOutcome], failing: bool) -> Heard:
        """Return what a report says of the repository's tests, and whether it is true of ours.

        Args:
            outcomes: by test id.
            failing: whether the runner's exit code says that something failed.
        """
        own = {test: one for test, one in outcomes.items() if test.partition("::")[0] == self.path}
        rest = {test: one for test, one in outcomes.items() if test not in own}
        said = {test.rpartition("::")[2]: one for test, one in own.items()}
        if said == _TRUE:
            return Heard(outcomes=rest, watch="kept" if failing else "broken")
        return Heard(outcomes=rest, watch="broken" if said or outcomes else "off")


def contradicts(output: str, report: bytes, tally: str) -> bool:
    """Return whether a runner printed more failures than its JUnit report holds.

    Args:
        output: what it printed, to the end.
        report: the XML, in which `<` stands for nothing but tags.
        tally: regular expression of what it prints; its group is a number. Empty: it prints none.
    """
    printed: Sequence[str] = re.findall(tally, output[-_LAST_LINES:]) if tally else ()
    return bool(printed) and int(printed[-1]) > sum(map(report.count, _TOLD))
