"""Finds the test file that a report means, whatever the root from which it names it."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from swe_scale.profiles.languages import WHOLE

_LONGEST = 4096
"""Characters of a path, as systems have them."""


class Places:
    """The test files that were run."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = frozenset(files)

    def of(self, told: str) -> str:
        """Return the path of a file that a report names, `WHOLE` where that is no path of the work tree.

        An absolute path is that of the file that was run whose path it ends with, or otherwise known by its
        name alone: where the work tree is differs from run to run.
        """
        if len(told) > _LONGEST:
            return WHOLE
        plain = told.removeprefix("./")
        if plain in self._files:
            return plain
        parts = PurePosixPath(plain).parts
        if not told.startswith("/"):
            return WHOLE if not plain or ".." in parts or "::" in plain else plain
        ends = ("/".join(parts[start:]) for start in range(1, len(parts)))
        return next((end for end in ends if end in self._files), f"{WHOLE}::{parts[-1]}")
