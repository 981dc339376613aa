"""How much of a load's prompts a prefix cache could serve at best. Pure."""

from collections.abc import Sequence
from typing import NamedTuple


class Construction(NamedTuple):
    """What a load is made of."""

    allowed: tuple[int, ...]
    """Tokens of each prompt that can come from the cache."""
    blocks: int
    """Different ones in its prompts."""


def construction(prompts: Sequence[Sequence[int]], block: int) -> Construction:
    """Return how much of prompts can come from the cache, and what a cache that forgets nothing holds.

    That is, of each, the longest prefix that it shares with any prompt before it, in whole blocks, without
    the block that ends with its last token: what follows that one is asked for. Replies count only in the
    prompts in which they come back, since their text may be other tokens than those that were drawn.

    Args:
        prompts: their tokens, in the order of sending.
        block: tokens that a cache keeps or forgets together.
    """
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    allowed = []
    for prompt in prompts:
        place, shared, found = 0, True, 0
        for start in range(0, len(prompt) - block + 1, block):
            step = (place, tuple(prompt[start : start + block]))
            shared = shared and step in known and start + block < len(prompt)
            found += block if shared else 0
            place = known.setdefault(step, len(known) + 1)
        allowed.append(found)
    return Construction(tuple(allowed), len(known))
