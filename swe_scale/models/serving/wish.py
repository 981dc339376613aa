"""Reads what the user has settled already, so that a plan is made around it instead of against it."""

import re
from collections.abc import Sequence

from swe_scale.config import Serve
from swe_scale.errors import UsageError
from swe_scale.models.serving.arguments import Argument, value_of
from swe_scale.models.serving.fit import Wish

__all__ = ["read_wish", "unreckoned"]

_UNRECKONED = {
    "cpu-offload-gb",
    "dtype",
    "hf-overrides",
    "kv-cache-memory-bytes",
    "max-num-batched-tokens",
    "pipeline-parallel-size",
    "quantization",
    "quantization-config",
    "revision",
}
"""Arguments that change how much memory is taken in a way that isn't reckoned here."""
_SCALES = {"": 1, "k": 10**3, "K": 2**10, "m": 10**6, "M": 2**20}
"""As vLLM reads them: 8k is 8,000 tokens, 8K is 8,192."""


def read_wish(serve: Serve, given: Sequence[Argument]) -> Wish:
    """Return what is wanted; an argument for the server goes before the configuration.

    Raises:
        UsageError: an argument's value is no number where one is needed.
    """
    cache = value_of(given, "kv-cache-dtype")
    return Wish(
        trajectories=serve.trajectories,
        context=_tokens(value_of(given, "max-model-len")) or serve.context,
        ways=_count(given, "tensor-parallel-size"),
        copies=_count(given, "data-parallel-size"),
        utilisation=_share(value_of(given, "gpu-memory-utilization")),
        small=None if cache is None else "8" in cache,
    )


def unreckoned(given: Sequence[Argument]) -> str:
    """Return an argument after which the memory can't be reckoned; empty if there is none."""
    return next((f"--{one.name}" for one in given if one.name in _UNRECKONED), "")


def _tokens(value: str | None) -> int | None:
    match = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)([kKmM]?)", value or "")
    return int(float(match[1]) * _SCALES[match[2]]) or None if match else None


def _count(given: Sequence[Argument], name: str) -> int | None:
    value = value_of(given, name)
    if value is not None and not re.fullmatch(r"[1-9]\d{0,3}", value):
        raise UsageError(f"--{name} {value!r} is no number of GPUs.")
    return None if value is None else int(value)


def _share(value: str | None) -> float | None:
    if value is None:
        return None
    share = float(value) if re.fullmatch(r"[01]?\.?\d{0,6}", value) and re.search(r"\d", value) else 0.0
    if not 0 < share <= 1:
        raise UsageError(f"--gpu-memory-utilization {value!r} is no share; write one such as 0.9.")
    return share
