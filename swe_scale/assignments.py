"""Makes of a configuration what its trajectories are assigned, and how each conversation draws."""

from swe_scale.config import Prompted, RunConfig, StageSampling
from swe_scale.records import Sampling
from swe_scale.trajectory import Assignment

_REPLY = 4096
"""Tokens of the longest reply where the settings don't say."""
_LEAST_NOTES = 800
"""Estimated tokens; otherwise notes may have a quarter of what files may."""


def plan(config: RunConfig) -> tuple[Assignment, ...]:
    """Return the trajectories that a configuration asks for, numbered from 1, each with its own seed."""
    names = [name for name, count in config.strategies.items() for _ in range(count)]
    drawn = config.sampling_of("trajectory")
    return tuple(
        Assignment(
            index,
            name,
            sampling(drawn, index),
            config.named.get(name),
            guidance=_variant(name, config),
            turns=config.turns_of(name),
        )
        for index, name in enumerate(names, start=1)
    )


def _variant(name: str, config: RunConfig) -> str:
    named = config.named.get(name)
    variant = named.variant if isinstance(named, Prompted) else None
    return "" if variant is None else config.variants[variant]


def note_tokens(config: RunConfig) -> int:
    """Return the estimated tokens that notes of earlier trajectories may have."""
    return max(_LEAST_NOTES, config.context_tokens // 4)


def sampling(stage: StageSampling, index: int) -> Sampling:
    """Return how a stage's conversation of this number draws: its own seed, its step of the ladder."""
    ladder = stage.temperature
    return Sampling(
        temperature=ladder[(index - 1) % len(ladder)] if ladder else None,
        max_tokens=stage.reply_tokens or _REPLY,
        seed=stage.seed + index,
        **stage.model_dump(include={"top_p", "top_k", "min_p", "effort", "logprobs"}),
    )
