"""How much of a load's prompts a prefix cache could serve at best. Pure."""

from collections.abc import Sequence


def allowed(prompts: Sequence[Sequence[int]], block: int) -> list[int]:
    """Return for each prompt, in the order of sending, how many of its tokens can come from the cache.

    That is the longest prefix that it shares with any prompt before it, in whole blocks, without the block
    that holds its last token: what follows that one is asked for. Replies that come back in later prompts
    count only from there on, since their text may be other tokens than those that were drawn.

    Args:
        prompts: their tokens.
        block: tokens that a cache keeps or forgets together.
    """
    known: dict[tuple[int, tuple[int, ...]], int] = {}
    found = []
    for prompt in prompts:
        place, shared, on = 0, 0, True
        for start in range(0, len(prompt) - block + 1, block):
            step = (place, tuple(prompt[start : start + block]))
            on = on and step in known and start + block < len(prompt)
            shared += block if on else 0
            place = known.setdefault(step, len(known) + 1)
        found.append(shared)
    return found
