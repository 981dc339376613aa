"""Fills a budget of tokens with the files that matter most for an issue: whole, or folded to what matters."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from swe_scale.contents.outline import Definition
from swe_scale.context.excerpt import Wanted, cut, estimate_tokens
from swe_scale.records import ContextFile

_PER_FILE = 1000
"""Tokens of the budget for which one more file is shown."""
_FEWEST, _MOST = 8, 100
_DECAY = 1.3
"""A file's share of the budget falls by this power of its place."""
_LEAST = 100
"""Tokens below which an excerpt says too little."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A file that may be shown, with what is needed to fold it."""

    path: str
    score: float
    reasons: tuple[str, ...]
    text: str
    outline: Callable[[], Sequence[Definition]]
    wanted: Wanted
    density: float = 1.0
    """Its tokens, by the model's tokenizer, over the estimate of them."""

    def measure(self, text: str) -> int:
        """Return the tokens of a part of it."""
        return -(-int(estimate_tokens(text) * self.density * 1000) // 1000)


def most_files(budget: int) -> int:
    """Return how many files a budget of tokens may be spent on, so that each has enough of it."""
    count = max(_FEWEST, min(_MOST, budget // _PER_FILE))
    return fitting(count, budget, _DECAY, _LEAST)


def pack(files: Sequence[Shown], budget: int) -> tuple[ContextFile, ...]:
    """Return the best files within a budget, best first.

    Each file has a share of the budget that falls with its place; what small files leave over goes to others.
    A file that is larger than its share is folded to it.

    Args:
        files: best first.
        budget: tokens, by the files' own densities.
    """
    files = files[: most_files(budget)]
    sizes = [file.measure(file.text) for file in files]
    found: list[ContextFile | None] = []
    left, carried = budget, 0
    for file, share in zip(files, shares(sizes, budget, _DECAY), strict=True):
        room = min(share + carried, left)
        packed = fit(file, room)
        carried = room - (packed.tokens if packed else 0)
        left -= packed.tokens if packed else 0
        found.append(packed)
    for place, (file, size) in enumerate(zip(files, sizes, strict=True)):
        spent = one.tokens if (one := found[place]) else 0
        if spent < size <= left + spent:
            found[place] = fit(file, size)
            left -= size - spent
    return tuple(one for one in found if one is not None)


def fit(file: Shown, room: int) -> ContextFile | None:
    """Return a file within so many tokens, folded if need be; None where nothing of it fits."""
    size = file.measure(file.text)
    if size <= room:
        return ContextFile(
            path=file.path, tokens=size, score=file.score, reasons=file.reasons, text=file.text
        )
    excerpt = cut(file.text, file.outline(), file.wanted, room, file.measure)
    if excerpt is None:
        return None
    return ContextFile(
        path=file.path,
        tokens=file.measure(excerpt.text),
        score=file.score,
        reasons=(*file.reasons, f"cut to lines {excerpt.lines}"),
        text=excerpt.text,
    )


def fitting(count: int, budget: int, decay: float, least: int) -> int:
    """Return how many files, at most `count`, can share a budget so that none has less than `least`."""
    weights = _weights(count, decay)
    total = sum(weights)
    while count > 1 and budget * weights[count - 1] < least * total:
        count -= 1
        total -= weights[count]
    return count if budget > 0 else 0


def shares(sizes: Sequence[int], budget: int, decay: float) -> list[int]:
    """Return how many tokens each file may take: the less the later it stands, and none more than it has."""
    weights = _weights(len(sizes), decay)
    # Files are filled in the order in which a share that grows for all reaches what they have.
    waiting = sorted(range(len(sizes)), key=lambda place: (sizes[place] / weights[place], place))
    sums = list(accumulate(weights[place] for place in reversed(waiting)))[::-1]
    found, left = [0] * len(sizes), float(budget)
    for at, place in enumerate(waiting):
        unit = left / sums[at]
        if sizes[place] > unit * weights[place]:
            for other in waiting[at:]:
                found[other] = int(unit * weights[other])
            break
        found[place] = sizes[place]
        left -= sizes[place]
    return found


def _weights(count: int, decay: float) -> list[float]:
    return [(place + 1) ** -decay for place in range(count)]
