"""Chooses how a model is spread over GPUs: the fewest per copy that hold an issue's conversations at once."""

from collections.abc import Iterator
from dataclasses import dataclass

from swe_scale.errors import ModelError, UsageError
from swe_scale.models.serving.budget import (
    MOST_AT_ONCE,
    Budget,
    activations,
    conversations,
    gib,
    largest_context,
)
from swe_scale.models.serving.machine import Gpu
from swe_scale.models.serving.shape import Shape, Sizes

__all__ = ["GOAL", "LEAST", "Fit", "Layout", "Wish", "choose", "fewest_ways", "utilisation_of"]

GOAL = 32_768
"""Tokens of context with which files, replies and what a conversation sees have room."""
LEAST = 16_384
"""Tokens below which fewer conversations at a time are better than shorter ones."""
_AT_LEAST = 4
"""Conversations that each copy of a model is laid out for: they are never spread quite evenly."""
_POSSIBLE = 2_048
"""Tokens below which no conversation is of use."""
_USUAL = 0.92
"""Share of a GPU's memory that vLLM takes by itself."""
_SPARE = 256 * 1024**2
"""Bytes of a GPU's memory that are free and yet can't be had."""
_EIGHT_BITS = 8.9
"""Compute capability from which on a GPU reckons with 8-bit floating point."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the user wants, or has settled by an argument of the server's; None leaves it to us."""

    trajectories: int
    context: int | None = None
    ways: int | None = None
    copies: int | None = None
    utilisation: float | None = None
    small: bool | None = None
    """Whether a cache entry takes 8 bits instead of 16."""


@dataclass(frozen=True, slots=True)
class Layout:
    """How a model is spread over GPUs, and in which form its cache is kept."""

    ways: int
    """GPUs that share one copy of it."""
    copies: int
    small: bool


@dataclass(frozen=True, slots=True)
class Fit:
    """A layout, and what it holds."""

    layout: Layout
    budget: Budget
    load: int
    """Conversations that each copy of the model is laid out for."""
    context: int
    """Tokens per conversation."""

    @property
    def at_once(self) -> int:
        """Conversations of this length that each copy holds at the same time."""
        return self._held(self.context)

    @property
    def running(self) -> int:
        """Conversations that each copy may work on at a time: few are at their full length at once."""
        return self._held(min(self.context, LEAST))

    def _held(self, length: int) -> int:
        return max(1, min(MOST_AT_ONCE, conversations(self.budget.tokens, length)))


def choose(shape: Shape, sizes: Sizes, gpus: tuple[Gpu, ...], wish: Wish) -> Fit:
    """Return the first layout that holds all conversations at a good length, otherwise the roomiest.

    Layouts with 8-bit cache entries come after all others.

    Raises:
        UsageError: more context than the model has, or more GPUs than there are, are asked for.
        ModelError: the model, or one conversation, doesn't fit.
    """
    longest = shape.longest or GOAL
    if wish.context and shape.longest and wish.context > shape.longest:
        raise UsageError(
            f"a context of {wish.context:,} tokens is more than the model's {shape.longest:,}; ask for less."
        )
    _check_count(gpus, wish)
    fits = [
        _fit(layout, _budget(shape, sizes, gpus, wish, layout), wish, longest)
        for layout in _layouts(sizes, gpus, wish)
    ]
    if not fits:
        raise ModelError("its heads can't be shared evenly by that many GPUs; leave the number to swe-scale.")
    able = [fit for fit in fits if fit.budget.tokens >= (wish.context or min(_POSSIBLE, longest))]
    if not able:
        raise ModelError(_refusal(max(fits, key=lambda fit: fit.budget.tokens), len(gpus), wish))
    goal = wish.context or min(GOAL, longest)
    return next((fit for fit in able if _room(fit) >= goal), None) or max(able, key=_room)


def utilisation_of(gpus: tuple[Gpu, ...]) -> float:
    """Return the share of memory that a server can have beside what others hold, in hundredths."""
    free = min((gpu.memory - gpu.used - _SPARE) / gpu.memory for gpu in gpus)
    return max(0.01, min(_USUAL, int(free * 100) / 100))


def fewest_ways(weights: int, gpus: tuple[Gpu, ...]) -> int:
    """Return how many GPUs a model of unknown shape needs, a fifth of the memory being kept for the rest.

    Raises:
        ModelError: there are too few.
    """
    memory = min(gpu.memory for gpu in gpus) * utilisation_of(gpus)
    for ways in (1, 2, 4, 8, 16):
        if ways <= len(gpus) and weights / ways <= 0.8 * memory:
            return ways
    raise ModelError(
        f"its weights take {gib(weights)}; {_together(len(gpus), int(memory))} don't hold them.\n"
        "Choose a smaller model, one with fewer bits per weight, or more GPUs."
    )


def _check_count(gpus: tuple[Gpu, ...], wish: Wish) -> None:
    wanted = (wish.ways or 1) * (wish.copies or 1)
    if wanted > len(gpus):
        raise UsageError(f"the server's arguments ask for {wanted} GPUs; there are {len(gpus)} to be seen.")


def _layouts(sizes: Sizes, gpus: tuple[Gpu, ...], wish: Wish) -> Iterator[Layout]:
    able = all(gpu.capability >= _EIGHT_BITS for gpu in gpus)
    forms = ((False, True) if able else (False,)) if wish.small is None else (wish.small,)
    ways = (wish.ways,) if wish.ways else tuple(2**power for power in range(10))
    for small in forms:
        for number in ways:
            copies = wish.copies or len(gpus) // number
            if copies and number * copies <= len(gpus) and _divides(number, sizes):
                yield Layout(number, copies, small)


def _divides(ways: int, sizes: Sizes) -> bool:
    """Return whether so many GPUs can share the model's heads evenly."""
    return sizes.heads % ways == 0 and (sizes.kv_heads % ways == 0 or ways % sizes.kv_heads == 0)


def _budget(shape: Shape, sizes: Sizes, gpus: tuple[Gpu, ...], wish: Wish, layout: Layout) -> Budget:
    memory = min(gpu.memory for gpu in gpus)
    return Budget(
        memory=memory,
        utilisation=wish.utilisation or utilisation_of(gpus),
        weights=-(-(shape.weights or 0) // layout.ways),
        reserve=activations(shape, sizes, memory, layout.ways),
        token=sizes.token_bytes(1 if layout.small else 2, layout.ways),
    )


def _fit(layout: Layout, budget: Budget, wish: Wish, longest: int) -> Fit:
    load = max(-(-wish.trajectories // layout.copies), min(wish.trajectories, _AT_LEAST))
    if wish.context:
        return Fit(layout, budget, load, wish.context)
    room = min(longest, largest_context(budget.tokens, load))
    context = room if room >= LEAST else min(longest, LEAST, budget.tokens)
    return Fit(layout, budget, load, context if context == longest else _rounded(context))


def _rounded(tokens: int) -> int:
    return tokens // 256 * 256


def _room(fit: Fit) -> int:
    """Return the length at which a copy holds all conversations that it gets."""
    return largest_context(fit.budget.tokens, fit.load)


def _refusal(best: Fit, count: int, wish: Wish) -> str:
    budget = best.budget
    usable = int(budget.memory * budget.utilisation)
    what = f"a conversation of {wish.context or _POSSIBLE:,} tokens"
    if budget.cache <= 0:
        return (
            f"its weights take {gib(budget.weights * best.layout.ways)}; {_together(count, usable)} don't "
            "hold them.\nChoose a smaller model, one with fewer bits per weight, or more GPUs."
        )
    return (
        f"{what} doesn't fit beside it: {_together(count, usable)} leave {gib(budget.cache)} per GPU for "
        f"context, which is {budget.tokens:,} tokens.\nAsk for less context, or choose a smaller model."
    )


def _together(count: int, usable: int) -> str:
    return f"{count} GPU{'s' if count > 1 else ''} with {gib(usable)} to use{' each' if count > 1 else ''}"
