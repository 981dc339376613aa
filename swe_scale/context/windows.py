"""Cuts long texts into windows that a reader model can take, at definitions where it can be."""

from collections.abc import Callable, Iterator, Sequence

from swe_scale.contents.outline import Definition

_TAIL = 0.3
"""Last part of a window in which it rather ends before a definition."""


def windows(
    text: str, outline: Sequence[Definition], tokens: int, measure: Callable[[str], int]
) -> Iterator[str]:
    """Yield the parts of a text, in order, each of at most `tokens`; a longer line is cut."""
    if measure(text) <= tokens:
        yield text
        return
    starts = {one.first for one in outline}
    part: list[str] = []
    sizes: list[int] = []
    first, total = 1, 0
    for line in _bounded(text.split("\n"), tokens, measure):
        size = measure(line + "\n")
        while part and total + size > tokens:
            end = _end(first, sizes, starts, tokens)
            yield "\n".join(part[:end])
            part, sizes, first = part[end:], sizes[end:], first + end
            total = sum(sizes)
        part.append(line)
        sizes.append(size)
        total += size
    if part:
        yield "\n".join(part)


def _bounded(lines: Sequence[str], tokens: int, measure: Callable[[str], int]) -> Iterator[str]:
    """Yield lines, those that would fill a window alone by their beginning."""
    for line in lines:
        yield line if measure(line) < tokens else line[: max(1, len(line) * tokens // (2 * measure(line)))]


def _end(first: int, sizes: Sequence[int], starts: set[int], tokens: int) -> int:
    """Return how many lines a window has: up to the last definition in its tail that begins there, or all."""
    left = 0
    for end in range(len(sizes) - 1, 0, -1):
        left += sizes[end]
        if left > tokens * _TAIL:
            break
        if first + end in starts:
            return end
    return len(sizes)
