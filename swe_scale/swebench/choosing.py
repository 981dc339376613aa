"""Chooses rows of a dataset by what they show openly: ids, filters, a sample, an order, a slice."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.swebench.instance import Question
from swe_scale.swebench.rows import text_of

SHOWN = {
    "repo": ("repo",),
    "version": ("version",),
    "difficulty": ("difficulty",),
    "language": ("language", "repo_language"),
}
"""What a filter may ask for by name, and the columns that hold it. None of it tells of the answer."""
COLUMNS = frozenset(column for columns in SHOWN.values() for column in columns)
_SLICE = re.compile(r"(-?\d{0,9}):(-?\d{0,9})")


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on rows."""

    text: str
    """As given."""
    pattern: re.Pattern[str] | None = None
    """What the instance id must hold. None: a column is compared."""
    name: str = ""
    values: frozenset[str] = frozenset()

    @property
    def words(self) -> str:
        """It, as on the command line."""
        return f"--filter {self.text[:100]!r}"

    def admits(self, row: Mapping[str, Any]) -> bool:
        """Return whether a row meets it."""
        if self.pattern is not None:
            return self.pattern.search(text_of(row, "instance_id")) is not None
        return text_of(row, *SHOWN[self.name]).strip() in self.values


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are wanted, in the order in which the parts apply."""

    ids: frozenset[str] | None = None
    filters: tuple[Filter, ...] = ()
    sample: int | None = None
    seed: int = 0
    """Of the sample and of the order. A larger sample of one seed holds the smaller ones."""
    shuffle: bool = False
    part: tuple[int | None, int | None] = (None, None)
    """Of what is left, from where to where, as Python counts."""

    def refused_by(self, row: Mapping[str, Any]) -> str:
        """Return the first of `parts` that leaves a row out; empty where it is wanted."""
        if self.ids is not None and text_of(row, "instance_id") not in self.ids:
            return self.parts[0]
        return next((one.words for one in self.filters if not one.admits(row)), "")

    @property
    def parts(self) -> tuple[str, ...]:
        """What rows are left out by, one by one, as on the command line."""
        ids = () if self.ids is None else (f"--instances ({len(self.ids)} ids)",)
        return (*ids, *(one.words for one in self.filters))

    def thinned(self, found: list[Question]) -> list[Question]:
        """Return those that may still be in the sample."""
        if self.sample is None:
            return found
        drawn = {one.issue.id for one in sorted(found, key=self._lot)[: self.sample]}
        return [one for one in found if one.issue.id in drawn]

    def ordered(self, found: list[Question]) -> list[Question]:
        """Return those that are wanted of all that were admitted, in their order."""
        found = self.thinned(found)
        return (sorted(found, key=self._lot) if self.shuffle else found)[slice(*self.part)]

    def _lot(self, one: Question) -> bytes:
        # Not the library's generator: the same on every version of Python, whatever else is in the dataset.
        return hashlib.sha256(f"{self.seed}/{one.issue.id}".encode()).digest()


EVERY_ROW = Choice()


def parse_filter(text: str) -> Filter:
    """Return what `--filter` says: `NAME=VALUE[,VALUE…]` of a known name, otherwise a pattern of ids.

    Raises:
        UsageError: it is no regular expression.
    """
    name, equals, values = text.partition("=")
    if equals and name in SHOWN:
        wanted = frozenset(value.strip() for value in values.split(",")) - {""}
        return Filter(text, name=name, values=wanted)
    try:
        return Filter(text, re.compile(text))
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageError(
            f"--filter {text[:100]!r} is no regular expression ({error}). Known by name are: "
            f"{', '.join(f'{one}=' for one in SHOWN)}"
        ) from error


def parse_slice(text: str) -> tuple[int | None, int | None]:
    """Return what `--slice` says, `a:b` as in Python.

    Raises:
        UsageError: it is nothing of the kind.
    """
    match = _SLICE.fullmatch(text.strip())
    numbers = [part for part in match.groups() if part] if match else ["-"]
    if match is None or "-" in numbers:
        raise UsageError(f"--slice {text[:40]!r}: write two numbers, such as 0:50, :10 or -20:")
    first, last = (int(part) if part else None for part in match.groups())
    return first, last


def parse_ids(given: Sequence[str]) -> frozenset[str]:
    """Return the ids that `--instances` names: each is a file with an id per line, or ids with commas.

    Raises:
        UsageError: a file can't be read, or names none.
    """
    found: set[str] = set()
    for text in given:
        path = Path(text)
        try:
            is_file = path.is_file()
            words = path.read_text(encoding="utf-8").split() if is_file else text.split(",")
        except (OSError, ValueError) as error:
            raise UsageError(f"--instances {text[:100]}: the file can't be read: {error}.") from error
        ids = {word.strip() for word in words} - {""}
        if not ids:
            raise UsageError(f"--instances {text[:100]!r} names no id.")
        found |= ids
    return frozenset(found)
