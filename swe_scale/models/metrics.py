"""Reads what an inference server measures of itself, in Prometheus' text form; all of it is doubted."""

import re
from dataclasses import dataclass
from math import isfinite
from typing import Final

__all__ = ["LARGEST", "Load", "read"]

LARGEST: Final = 1024**2
"""Characters. A server with eight engines says about a quarter of a million."""
_LONGEST_LINE: Final = 4096
_MOST: Final = 1e15

_RUNNING = ("vllm:num_requests_running", "sglang:num_running_reqs", "llamacpp:requests_processing")
_WAITING = ("vllm:num_requests_waiting", "sglang:num_queue_reqs", "llamacpp:requests_deferred")
_KV_USAGE = (
    "vllm:kv_cache_usage_perc",
    "vllm:gpu_cache_usage_perc",
    "sglang:token_usage",
    "llamacpp:kv_cache_usage_ratio",
)
_PREEMPTIONS = ("vllm:num_preemptions_total", "vllm:num_preemptions")
_QUERIES = (
    "vllm:prefix_cache_queries_total",
    "vllm:prefix_cache_queries",
    "vllm:gpu_prefix_cache_queries_total",
    "vllm:gpu_prefix_cache_queries",
    "sglang:prompt_tokens_total",
)
_HITS = (
    "vllm:prefix_cache_hits_total",
    "vllm:prefix_cache_hits",
    "vllm:gpu_prefix_cache_hits_total",
    "vllm:gpu_prefix_cache_hits",
    "sglang:cached_tokens_total",
)
_PROMPT = (
    "vllm:prompt_tokens_total",
    "vllm:prompt_tokens",
    "sglang:prompt_tokens_total",
    "llamacpp:prompt_tokens_total",
)
_GENERATION = (
    "vllm:generation_tokens_total",
    "vllm:generation_tokens",
    "sglang:generation_tokens_total",
    "llamacpp:tokens_predicted_total",
)
_KV_TOKENS = ("sglang:max_total_num_tokens",)
_KV_LABELS = "vllm:cache_config_info"

_KNOWN = frozenset(
    (*_RUNNING, *_WAITING, *_KV_USAGE, *_PREEMPTIONS, *_QUERIES, *_HITS, *_PROMPT, *_GENERATION, *_KV_TOKENS)
)
_SHARES = frozenset(_KV_USAGE)
_LABEL = re.compile(r'[{,]\s*(kv_cache_size_tokens|num_gpu_blocks|block_size)="(\d{1,12})"')


@dataclass(frozen=True, slots=True)
class Load:
    """What a server says of its work: requests now, tokens since it started, over all of its engines."""

    running: int
    waiting: int
    kv_usage: float | None = None
    """Share of the KV cache that requests hold, 0 to 1, of the fullest engine. None: not said."""
    preemptions: int = 0
    """Requests that were driven out of a full KV cache, and had to be read in again."""
    prefix_queries: int = 0
    """Prompt tokens that were looked up in the prefix cache."""
    prefix_hits: int = 0
    prompt_tokens: int = 0
    generation_tokens: int = 0
    kv_tokens: int | None = None
    """Size of the KV cache. None: not said."""


def read(text: str) -> Load | None:
    """Return the load in a server's metrics; None where they are not of a server that is known here.

    Known are vLLM, with the names of older versions too, SGLang, and llama.cpp. Lines that make no sense,
    and numbers that can't be, are passed over.
    """
    if len(text) > LARGEST:
        return None
    found: dict[str, float] = {}
    told, blocks = 0, 0
    for line in text.split("\n"):
        name, rest = _parts(line)
        if name == _KV_LABELS:
            sizes = {label: int(number) for label, number in _LABEL.findall(rest)}
            told += sizes.get("kv_cache_size_tokens", 0)
            # The blocks are those of all engines, told by each.
            blocks = max(blocks, sizes.get("num_gpu_blocks", 0) * sizes.get("block_size", 0))
        elif name in _KNOWN and (value := _number(rest)) is not None:
            both = max if name in _SHARES else float.__add__
            found[name] = both(found[name], value) if name in found else value
    running, waiting = _first(found, _RUNNING), _first(found, _WAITING)
    if running is None or waiting is None:
        return None
    usage = _first(found, _KV_USAGE)
    return Load(
        running=int(running),
        waiting=int(waiting),
        kv_usage=None if usage is None else min(usage, 1.0),
        preemptions=int(_first(found, _PREEMPTIONS) or 0),
        prefix_queries=int(_first(found, _QUERIES) or 0),
        prefix_hits=int(_first(found, _HITS) or 0),
        prompt_tokens=int(_first(found, _PROMPT) or 0),
        generation_tokens=int(_first(found, _GENERATION) or 0),
        kv_tokens=told or blocks or int(_first(found, _KV_TOKENS) or 0) or None,
    )


def _parts(line: str) -> tuple[str, str]:
    """Return the name that a line begins with, and what follows it."""
    if not line or line[0] not in "vsl" or len(line) > _LONGEST_LINE:
        return "", ""
    name = line.partition("{")[0].partition(" ")[0]
    return name, line[len(name) :]


def _number(rest: str) -> float | None:
    """Return the value after the labels, which may hold any character."""
    words = (rest.rpartition("}")[2] if rest.startswith("{") else rest).split(maxsplit=2)
    try:
        value = float(words[0])
    except (IndexError, ValueError):
        return None
    return value if isfinite(value) and 0 <= value <= _MOST else None


def _first(found: dict[str, float], names: tuple[str, ...]) -> float | None:
    """Return the value under the first name that is there: old and new names say the same, once."""
    return next((found[name] for name in names if name in found), None)
