"""The single settings of a server for parallel conversations, each with the reason that a user is shown."""

import json
from collections.abc import Iterator
from dataclasses import dataclass

from swe_scale.models.serving.arguments import Argument
from swe_scale.models.serving.fit import LEAST, Fit, Wish, fewest_ways
from swe_scale.models.serving.machine import Gpu
from swe_scale.models.serving.shape import Shape

__all__ = ["Left", "Setting", "always", "caching", "measured", "reckoned", "spread_by_weights"]

_FEW = 16
"""Conversations per copy of the model up to which a GPU has reckoning power to spare for guessed tokens."""
_GUESS = {"method": "ngram", "num_speculative_tokens": 4, "prompt_lookup_min": 3, "prompt_lookup_max": 5}
_GIB = 1024**3


@dataclass(frozen=True, slots=True)
class Setting:
    """An argument of the server with the reason for it."""

    argument: Argument
    reason: str


@dataclass(frozen=True, slots=True)
class Left:
    """An argument that isn't given, and why."""

    name: str
    reason: str


def _on(flag: str, reason: str) -> Setting:
    return Setting(Argument((flag,)), reason)


def _with(flag: str, value: object, reason: str) -> Setting:
    return Setting(Argument((flag, str(value))), reason)


def always() -> tuple[Setting, ...]:
    """Return what any server gets."""
    return (
        _on("--enable-prompt-tokens-details", "the accounts tell cached prompt tokens from others"),
        _on("--disable-uvicorn-access-log", "the log gets no line per request"),
    )


def caching() -> Setting:
    """Return what a server of a plain model gets."""
    return _on("--enable-prefix-caching", "what an issue's conversations share is computed and stored once")


def reckoned(fit: Fit, gpus: tuple[Gpu, ...]) -> Iterator[Setting | Left]:
    """Yield what follows from the memory."""
    layout = fit.layout
    yield _on("--enable-chunked-prefill", "long prompts are taken in pieces, between the replies of others")
    length = f"{min(fit.at_once, fit.load)} of the {fit.load} conversations of a copy fit at this length"
    yield _with("--max-model-len", fit.context, length)
    yield _with("--max-num-seqs", fit.running, _running_reason(fit))
    yield _with("--gpu-memory-utilization", fit.budget.utilisation, _share_reason(gpus))
    if len(gpus) > 1:
        ways = f"{layout.ways} GPUs" if layout.ways > 1 else "one GPU"
        yield _with("--tensor-parallel-size", layout.ways, f"{ways} per copy, for weights and conversations")
        yield _with("--data-parallel-size", layout.copies, _copies_reason(fit, len(gpus)))
    if layout.small:
        yield _with("--kv-cache-dtype", "fp8", "8 bits per cache entry: with 16, less fits than is wanted")
    else:
        yield Left("kv-cache-dtype", "the model's own 16 bits per cache entry are kept")
    yield _guessing(fit)


def _running_reason(fit: Fit) -> str:
    full = f" (at full length {fit.at_once})" if fit.running > fit.at_once else ""
    length = f"{min(fit.context, LEAST):,} tokens"
    return f"so many of {length} fit{full}; more would push one another out of the memory"


def _share_reason(gpus: tuple[Gpu, ...]) -> str:
    used = max(gpu.used for gpu in gpus)
    return f"others hold {used / _GIB:.1f} GiB" if used >= _GIB else "what the sum below is made with"


def _copies_reason(fit: Fit, count: int) -> str:
    idle = count - fit.layout.ways * fit.layout.copies
    rest = f"; {idle} of the {count} GPUs stay idle" if idle else ""
    return ("copies that share the load" if fit.layout.copies > 1 else "one copy") + rest


def _guessing(fit: Fit) -> Setting | Left:
    if min(fit.load, fit.running) > _FEW:
        why = f"beyond {_FEW} conversations at a time, guessing tokens ahead costs more than it gives"
        return Left("speculative-config", why)
    words = json.dumps(_GUESS, separators=(",", ":"))
    why = f"edits repeat what they quote; up to {_FEW} conversations at a time, guessing tokens ahead pays"
    return _with("--speculative-config", words, why)


def measured(wish: Wish, why: str) -> Iterator[Setting | Left]:
    """Yield what is given where the memory can't be reckoned."""
    if wish.context:
        yield _with("--max-model-len", wish.context, "the context that is wanted")
    else:
        yield _with("--max-model-len", "auto", f"the server measures what fits, since {why}")
    yield Left("enable-chunked-prefill", "the server does it where model and machine can")
    yield Left("max-num-seqs", f"{why}")
    yield Left("speculative-config", "whether guessing tokens ahead pays depends on the GPU")


def spread_by_weights(shape: Shape, gpus: tuple[Gpu, ...], wish: Wish) -> Iterator[Setting | Left]:
    """Yield over how many GPUs a model is spread whose weights are all that is known.

    Raises:
        ModelError: they don't hold it.
    """
    if shape.weights is None:
        yield Left(
            "tensor-parallel-size", "the size of the weights isn't known; give it if one GPU is too few"
        )
        return
    ways = wish.ways or fewest_ways(shape.weights, gpus)
    if len(gpus) > 1:
        yield _with("--tensor-parallel-size", ways, f"the weights take {shape.weights / _GIB:.1f} GiB")
        yield _with(
            "--data-parallel-size", wish.copies or max(1, len(gpus) // ways), "copies that share the load"
        )
