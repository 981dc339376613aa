"""What hidden tests said of patches, kept by the patch itself: the one thing of grading that others read.

No solver imports this: nothing before `pipeline` may know how a patch was graded.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from swe_scale.errors import StoreError
from swe_scale.records import Record, digest

FILE = "grades.jsonl"
"""Name of the file in a run folder: JSON Lines, one `Grade` each; of two for one patch, the later counts."""

Ruling = Literal["resolved", "unresolved", "infra"]
UNASKED = "only the official verdict was asked for"
"""Reason of a hardened verdict that isn't known, since nobody asked for it."""


class Judged(Record):
    """One way's verdict on a patch."""

    ruling: Ruling
    """`infra`: the machine failed, or nobody asked, so that nothing is known of the patch."""
    reason: str = ""
    """Why it isn't resolved, in words; empty where it is."""
    failing: tuple[str, ...] = ()
    """Of FAIL_TO_PASS, the tests that don't pass."""
    broken: tuple[str, ...] = ()
    """Of PASS_TO_PASS, the tests that no longer do."""
    guards: tuple[str, ...] = ()
    """Names of the guards that spoke; only of `hardened`."""


class Grade(Record):
    """What the hidden tests of one row said of one patch."""

    instance: str
    patch: str
    """`patch_id` of its text."""
    rules: str
    """Digest of what it was graded by: the row, the environment, the version of the official rules."""
    official: Judged
    """By the rules of the official harness, to the letter."""
    hardened: Judged
    """By the same rules, with guards against patches that bend what is said of them."""
    flaky: tuple[str, ...] = ()
    """Hidden tests that did not end alike in all runs of the same tree."""
    runs: int = 1
    """How often the tests ran."""
    seconds: float = 0.0
    """Wall clock of all runs."""
    test_seconds: float = 0.0
    """Of these, the tests' own."""
    difficulty: str = ""
    """Of the row, where its dataset says."""
    repo: str = ""
    """`owner/name`, as the dataset has it."""


def patch_id(patch: str) -> str:
    """Return what names a patch: 16 hex digits of its text, white space at both ends left out."""
    return digest(patch.strip())


Grades = Mapping[tuple[str, str], Grade]
"""By instance and `patch_id`."""


def read_grades(path: Path) -> Grades:
    """Return the grades of a file; none where there is no file. A last line cut off by a crash is left out.

    Raises:
        StoreError: it can't be read, or a line isn't a grade.
    """
    try:
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    except (OSError, UnicodeDecodeError) as error:
        raise StoreError(f"{path} can't be read: {error}.") from error
    found: dict[tuple[str, str], Grade] = {}
    for number, line in enumerate(lines[:-1], start=1):
        try:
            grade = Grade.model_validate_json(line)
        except ValidationError as error:
            raise StoreError(
                f"{path}, line {number}: not a grade of this version; delete the file and grade again."
            ) from error
        found[grade.instance, grade.patch] = grade
    return found


def lines_of(grades: Iterable[Grade]) -> Iterator[str]:
    """Yield the lines of a file of grades, each with its end."""
    for one in grades:
        yield json.dumps(one.model_dump(mode="json", exclude_defaults=True)) + "\n"
