"""Finds sequences of names by their end, in time that doesn't grow with how many end alike."""

from bisect import bisect_left
from collections.abc import Iterable

_SEPARATOR, _AFTER = "/", "0"
"""Of two names, which neither holds; and the character that comes next."""


class Endings:
    """Values under sequences of names."""

    def __init__(self, named: Iterable[tuple[tuple[str, ...], str]]) -> None:
        pairs = sorted((_reversed(names), value) for names, value in named)
        self._keys = [key for key, _ in pairs]
        self._values = [value for _, value in pairs]

    def ending(self, names: tuple[str, ...], most: int) -> list[str]:
        """Return the values of all sequences that end with these names, `most` of them at most."""
        start, end = self._range(names)
        return sorted(self._values[start : min(end, start + most)])

    def longest(self, names: tuple[str, ...], least: int, most: int) -> list[str]:
        """Return the values of those sequences that have most of these names at their end.

        Args:
            names: one at least.
            least: of these names that a sequence must end with.
            most: values returned.
        """
        low, high = least, len(names)
        if not self.ending(names[-low:], 1):
            return []
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if self.ending(names[-middle:], 1) else (low, middle - 1)
        return self.ending(names[-low:], most)

    def _range(self, names: tuple[str, ...]) -> tuple[int, int]:
        if any(_SEPARATOR in name for name in names):
            return 0, 0
        key = _reversed(names)
        return bisect_left(self._keys, key), bisect_left(self._keys, key[:-1] + _AFTER)


def _reversed(names: tuple[str, ...]) -> str:
    return "".join(f"{name}{_SEPARATOR}" for name in reversed(names))
