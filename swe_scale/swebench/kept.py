"""Keeps grades in a file as they come: whoever starts again does only what is missing."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from swe_scale.errors import StoreError
from swe_scale.grades import UNASKED, Grade, lines_of, read_grades
from swe_scale.swebench.grading import Grading


@dataclass(slots=True)
class GradeFile:
    """A file of grades, open for more."""

    path: Path
    grades: dict[tuple[str, str], Grade]
    _file: BinaryIO

    def add(self, grade: Grade) -> None:
        """Write a grade, so that it is there however this process ends.

        Raises:
            StoreError: it can't be written.
        """
        self.grades[grade.instance, grade.patch] = grade
        try:
            self._file.write("".join(lines_of([grade])).encode())
            self._file.flush()
        except OSError as error:
            raise StoreError(
                f"{self.path} can't be written: {error.strerror}. What is in it is kept."
            ) from error

    def settled(self, instance: str, patch: str, rules: str, grading: Grading) -> Grade | None:
        """Return the grade that a patch has by these rules; None where it must be graded."""
        known = self.grades.get((instance, patch))
        if known is None or known.rules != rules or known.runs < grading.repeats:
            return None
        return None if lost(known) or (grading.hardened and unasked(known)) else known


def lost(grade: Grade) -> bool:
    """Return whether a fault of the machine has left something unknown of a patch."""
    return "infra" in (grade.official.ruling, grade.hardened.ruling) and not unasked(grade)


def unasked(grade: Grade) -> bool:
    """Return whether a patch has no hardened verdict since none was asked for."""
    return grade.hardened.ruling == "infra" and grade.hardened.reason == UNASKED


@contextmanager
def open_grades(path: Path) -> Iterator[GradeFile]:
    """Open a file of grades, made if need be; what a crash cut off at its end is removed.

    Raises:
        StoreError: it can't be read or written, or is of another version.
    """
    known = dict(read_grades(path))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            _mend(file)
            yield GradeFile(path, known, file)
    except OSError as error:
        raise StoreError(f"{path} can't be written: {error.strerror}.") from error


def _mend(file: BinaryIO) -> None:
    """Cut off a line without an end."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - (1 << 16))
        file.seek(start)
        block = file.read(end - start)
        if (at := block.rfind(b"\n")) >= 0:
            file.truncate(start + at + 1)
            return
        end = start
    file.truncate(0)
