"""Cuts a file that is too large to the definitions that an issue is about, with the rest folded."""

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from swe_scale.contents.outline import Definition
from swe_scale.contents.words import terms, words

_MARK = 12
"""Tokens that a line about lines left out takes at least."""
_SIZE_PENALTY = 0.75
"""Exponent of a segment's tokens in its score: 0 prefers long ones, 1 dense ones."""
_LONGEST = 40
"""Lines of a segment; a longer one is several."""
_FOLDED = 0.1
"""Of the tokens, what signatures of definitions that aren't shown may take."""
_NAMED = (1.0, 0.3, 0.1)
"""Worth of a name of the issue that a segment's innermost definition has, the next one, and so on."""
_DECORATORS = ("@", "#[")
_MOST_DECORATORS = 40
_DEEPEST = 12
"""Definitions around a segment, the innermost, whose signatures are kept with it."""

Measure = Callable[[str], int]


def estimate_tokens(text: str) -> int:
    """Return a third of the UTF-8 bytes, rounded up: more than most code has tokens, but no true bound."""
    return -(-len(text.encode("utf-8", "replace")) // 3)


@dataclass(frozen=True)
class Wanted:
    """What an issue is after in one file."""

    weights: Mapping[str, float]
    """What each of the issue's terms contributes."""
    lines: frozenset[int]
    """Lines that it names."""
    names: frozenset[str]
    """Names that it speaks of."""

    @cached_property
    def total(self) -> float:
        """What all terms contribute; 1 where there are none."""
        return sum(self.weights.values()) or 1.0

    def lines_within(self, first: int, last: int) -> int:
        """Return how many of the lines that it names lie between two."""
        return bisect_right(self._sorted, last) - bisect_left(self._sorted, first)

    @cached_property
    def _sorted(self) -> list[int]:
        return sorted(self.lines)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is left of a file."""

    text: str
    """Lines as they stand in the file; each gap is a line `… N lines left out …`."""
    lines: str
    """Which lines these are, for instance `1-40, 112-130 of 900`."""


@dataclass(frozen=True, slots=True)
class _Segment:
    first: int
    last: int
    above: tuple[Definition, ...]
    """Definitions in which it lies, the outermost first."""

    def signatures(self) -> Iterator[int]:
        for one in self.above:
            yield from range(one.first, min(one.body, one.first + _LONGEST, one.last + 1))


def cut(
    text: str, outline: Sequence[Definition], wanted: Wanted, tokens: int, measure: Measure = estimate_tokens
) -> Excerpt | None:
    """Return the parts of a file that matter most for an issue, in the file's order, within `tokens`.

    Segments are taken whole, each with the signatures of what it lies in; what is left goes to the signatures
    of other definitions. None where not even one segment fits.
    """
    lines = text.split("\n")
    chosen = _Chosen(lines, measure, tokens)
    segments = sorted(
        _segments(lines, outline), key=lambda one: (-_worth(lines, one, wanted, measure), one.first)
    )
    room = tokens * (1 - _FOLDED) if outline else tokens
    for one in segments:
        chosen.take([*range(one.first, one.last + 1), *one.signatures()], room)
    if not chosen.numbers:
        return None
    for one in segments:
        chosen.take(list(one.signatures()), tokens)
    for one in segments:
        chosen.take([*range(one.first, one.last + 1), *one.signatures()], tokens)
    return chosen.excerpt()


class _Chosen:
    """Lines that are kept, with what they cost together: a gap costs something, too."""

    def __init__(self, lines: Sequence[str], measure: Measure, tokens: int) -> None:
        self.numbers: set[int] = set()
        self._lines = lines
        self._measure = measure
        self._cost: dict[int, int] = {}
        self._spent = 0
        # A tokenizer may take more for it than is estimated.
        self._mark = max(_MARK, measure("".join(_gap(len(lines))) + "\n"))
        self._most = tokens - self._mark

    def take(self, numbers: Sequence[int], most: float) -> None:
        """Keep lines, all of them or none, if they fit into `most` tokens."""
        new = set(numbers) - self.numbers
        if not new or self._spent > min(most, self._most):
            return
        starts = [number for number in new if number - 1 not in self.numbers and number - 1 not in new]
        cost = sum(map(self._of_line, new)) + self._mark * len(starts)
        if self._spent + cost <= min(most, self._most):
            self.numbers.update(new)
            self._spent += cost

    def _of_line(self, number: int) -> int:
        if number not in self._cost:
            self._cost[number] = self._measure(self._lines[number - 1] + "\n")
        return self._cost[number]

    def excerpt(self) -> Excerpt:
        parts: list[str] = []
        ranges: list[tuple[int, int]] = []
        for number in sorted(self.numbers):
            if ranges and ranges[-1][1] == number - 1:
                ranges[-1] = (ranges[-1][0], number)
            else:
                ranges.append((number, number))
        end = 0
        for first, last in ranges:
            parts += _gap(first - 1 - end)
            parts += self._lines[first - 1 : last]
            end = last
        parts += _gap(len(self._lines) - end)
        shown = ", ".join(f"{first}-{last}" for first, last in ranges)
        return Excerpt("\n".join(parts), f"{shown} of {len(self._lines)}")


def _gap(count: int) -> list[str]:
    return [f"… {count} lines left out …"] if count else []


def _segments(lines: Sequence[str], outline: Sequence[Definition]) -> Iterator[_Segment]:
    """Yield runs of lines that begin or end with a definition, and that are not too long."""
    starts = (
        {_decorated(lines, one.first) for one in outline if one.first <= len(lines)}
        | {one.last + 1 for one in outline}
        | {1}
    )
    within: list[Definition] = []
    coming = deque(sorted((one for one in outline if one.first <= len(lines)), key=_outermost))
    cuts = sorted(start for start in starts if start <= len(lines))
    for first, end in zip(cuts, [*cuts[1:], len(lines) + 1], strict=True):
        _leave(within, first)
        while coming and coming[0].first < end:
            one = coming.popleft()
            _leave(within, one.last)
            within.append(one)
        above = tuple(within[-_DEEPEST:])
        for start in range(first, end, _LONGEST):
            yield _Segment(start, min(start + _LONGEST, end) - 1, above)


def _outermost(one: Definition) -> tuple[int, int]:
    return one.first, -one.last


def _leave(within: list[Definition], line: int) -> None:
    """Drop the definitions that end before a line; each ends no later than the one around it."""
    while within and within[-1].last < line:
        within.pop()


def _decorated(lines: Sequence[str], first: int) -> int:
    highest = max(1, first - _MOST_DECORATORS)
    while first > highest and lines[first - 2].lstrip().startswith(_DECORATORS):
        first -= 1
    return first


def _worth(lines: Sequence[str], one: _Segment, wanted: Wanted, measure: Measure) -> float:
    text = "\n".join(lines[one.first - 1 : one.last])
    found = {term for word in set(words(text)) for term in terms(word) if term in wanted.weights}
    matched = sum(wanted.weights[term] for term in sorted(found)) / wanted.total
    named = sum(
        share * (inner.name in wanted.names)
        for inner, share in zip(reversed(one.above), _NAMED, strict=False)
    ) + wanted.lines_within(one.first, one.last)
    return float((matched + named) / (measure(text) + 1 + _MARK) ** _SIZE_PENALTY)
