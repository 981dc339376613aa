"""Reckons how many tokens of context, and so how many conversations, a GPU's memory holds beside a model."""

from dataclasses import dataclass

from swe_scale.models.serving.shape import Shape, Sizes

__all__ = ["MOST_AT_ONCE", "Budget", "activations", "conversations", "gib", "largest_context"]

MOST_AT_ONCE = 256
"""Conversations in one step of a copy of the model; a client of ours sends no more at a time."""

_SHARED = 2
"""Fifths of a context that are the same in all conversations of an issue: the files shown get so much."""
_GIB = 1024**3
_FIXED = 1.25 * _GIB
"""Bytes for the driver's own state, compiled kernels and recorded graphs."""
_FOR_IMAGES = 2 * _GIB
_BIG_CARD = 70 * _GIB
"""Memory from which on vLLM takes 8,192 tokens of prompts in a step, otherwise 2,048."""


@dataclass(frozen=True, slots=True)
class Budget:
    """What the memory of each GPU goes to, in bytes."""

    memory: int
    """Of the smallest GPU."""
    utilisation: float
    weights: int
    reserve: int
    """For activations and the runtime."""
    token: int
    """One token of context."""

    @property
    def cache(self) -> int:
        """Bytes that are left for context; negative where the model doesn't fit."""
        return int(self.memory * self.utilisation) - self.weights - self.reserve

    @property
    def tokens(self) -> int:
        """Tokens of context that one copy of the model holds."""
        return max(0, self.cache) // self.token

    def lines(self) -> tuple[str, ...]:
        """Return the reckoning, a sum in words."""
        return (
            f"{gib(self.memory)} of memory per GPU × {self.utilisation:g} = "
            f"{gib(int(self.memory * self.utilisation))}",
            f"− {gib(self.weights)} weights − {gib(self.reserve)} activations and runtime = "
            f"{gib(self.cache)} for context",
            f"÷ {self.token / 1024:,.0f} KiB per token = {self.tokens:,} tokens per copy of the model",
        )


def activations(shape: Shape, sizes: Sizes, memory: int, ways: int) -> int:
    """Return the bytes to keep free of weights and context, on the safe side of what vLLM measures."""
    tokens = 8192 if memory >= _BIG_CARD else 2048
    layers = tokens * (8 * sizes.hidden + 3 * sizes.inner // ways) * 2
    # Logits, their logarithms and a sorted copy, in 32 bits.
    choice = MOST_AT_ONCE * sizes.vocabulary * 12
    return int(_FIXED) + layers + choice + (_FOR_IMAGES if shape.sees else 0)


def largest_context(tokens: int, trajectories: int) -> int:
    """Return the tokens that each of an issue's conversations may have, so that all are held at once."""
    return 5 * tokens // (_SHARED + trajectories * (5 - _SHARED))


def conversations(tokens: int, context: int) -> int:
    """Return how many of an issue's conversations of this length are held at once."""
    return max(0, (5 * tokens - _SHARED * context) // ((5 - _SHARED) * context))


def gib(size: int) -> str:
    """Return a number of bytes in words."""
    return f"{size / _GIB:,.1f} GiB"
