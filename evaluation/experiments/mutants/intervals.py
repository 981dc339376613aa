"""Sets of whole numbers, kept as disjoint half-open intervals in order."""

from collections.abc import Iterable, Iterator

Span = tuple[int, int]


def merged(spans: Iterable[Span]) -> list[Span]:
    """Return the same numbers as disjoint spans in order; neighbours that touch become one."""
    found: list[Span] = []
    for start, stop in sorted(spans):
        if start >= stop:
            continue
        if found and start <= found[-1][1]:
            last = found[-1]
            found[-1] = (last[0], max(last[1], stop))
        else:
            found.append((start, stop))
    return found


class IntervalSet:
    """An immutable set of whole numbers."""

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self.spans = tuple(merged(spans))

    def __len__(self) -> int:
        return sum(stop - start for start, stop in self.spans)

    def __iter__(self) -> Iterator[int]:
        for start, stop in self.spans:
            yield from range(start, stop)

    def __contains__(self, number: int) -> bool:
        low, high = 0, len(self.spans)
        while low < high:
            middle = (low + high) // 2
            start, stop = self.spans[middle]
            if number < start:
                high = middle
            elif number >= stop:
                low = middle + 1
            else:
                return True
        return False

    def __or__(self, other: "IntervalSet") -> "IntervalSet":
        return IntervalSet(self.spans + other.spans)

    def __and__(self, other: "IntervalSet") -> "IntervalSet":
        found: list[Span] = []
        for start, stop in self.spans:
            for first, last in other.spans:
                low, high = max(start, first), min(stop, last)
                if low < high:
                    found.append((low, high))
        return IntervalSet(found)

    def __sub__(self, other: "IntervalSet") -> "IntervalSet":
        found: list[Span] = []
        for start, stop in self.spans:
            at = start
            for first, last in other.spans:
                if last <= at or first >= stop:
                    continue
                if first > at:
                    found.append((at, first))
                at = max(at, last)
            if at < stop:
                found.append((at, stop))
        return IntervalSet(found)

    def gaps(self) -> list[Span]:
        """Return the spans between those of the set."""
        return [(one[1], two[0]) for one, two in zip(self.spans, self.spans[1:], strict=False)]

    def shifted(self, by: int) -> "IntervalSet":
        """Return the set with a number added to each of its own."""
        return IntervalSet((start + by, stop + by) for start, stop in self.spans)

    def __str__(self) -> str:
        parts = [str(start) if stop - start == 1 else f"{start}-{stop - 1}" for start, stop in self.spans]
        return ",".join(parts) or "none"
