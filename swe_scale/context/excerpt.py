"""Cuts a file that is too large to the definitions and lines that an issue is about."""

from dataclasses import dataclass

from swe_scale.context.definitions import blocks, names_defined
from swe_scale.context.rank import Hit
from swe_scale.context.words import terms, words

_MARK = 12
"""Tokens that a line about lines left out may take."""
_SIZE_PENALTY = 0.75
"""Exponent of a block's tokens in its score: 0 prefers long blocks, 1 dense ones."""


def estimate_tokens(text: str) -> int:
    """Return a third of the UTF-8 bytes, rounded up: more than most code has tokens, but no true bound."""
    return -(-len(text.encode()) // 3)


@dataclass(frozen=True, slots=True)
class Excerpt:
    """What is left of a file."""

    text: str
    """Lines as they stand in the file; each gap is a line `… N lines left out …`."""
    lines: str
    """Which lines these are, for instance `1-40, 112-130 of 900`."""


@dataclass(frozen=True, slots=True)
class _Block:
    first: int
    last: int
    tokens: int
    worth: float


def cut(hit: Hit, tokens: int) -> Excerpt | None:
    """Return the parts of a file that matter most for the issue, in the file's order, within `tokens`.

    None where not even one of them fits.
    """
    lines = hit.source.text.split("\n")
    left = tokens - _MARK
    chosen: list[_Block] = []
    measured = [_measure(hit, lines, first, last) for first, last in blocks(lines)]
    for block in sorted(measured, key=lambda block: (-block.worth, block.first)):
        if block.tokens <= left:
            chosen.append(block)
            left -= block.tokens
    return _join(lines, chosen) if chosen else None


def _measure(hit: Hit, lines: list[str], first: int, last: int) -> _Block:
    text = "\n".join(lines[first - 1 : last])
    found = {term for word in set(words(text)) for term in terms(word)}
    matched = sum(hit.weights.get(term, 0.0) for term in sorted(found)) / (sum(hit.weights.values()) or 1.0)
    named = len(hit.names & names_defined(text)) + sum(first <= line <= last for line in hit.lines)
    tokens = estimate_tokens(text) + 1 + _MARK
    return _Block(first, last, tokens, (matched + named) / tokens**_SIZE_PENALTY)


def _join(lines: list[str], chosen: list[_Block]) -> Excerpt:
    parts: list[str] = []
    ranges: list[tuple[int, int]] = []
    end = 0
    for block in sorted(chosen, key=lambda block: block.first):
        if block.first == end + 1 and ranges:
            ranges[-1] = (ranges[-1][0], block.last)
        else:
            ranges.append((block.first, block.last))
        parts += _gap(block.first - 1 - end)
        parts += lines[block.first - 1 : block.last]
        end = block.last
    parts += _gap(len(lines) - end)
    shown = ", ".join(f"{first}-{last}" for first, last in ranges)
    return Excerpt("\n".join(parts), f"{shown} of {len(lines)}")


def _gap(count: int) -> list[str]:
    return [f"… {count} lines left out …"] if count else []
