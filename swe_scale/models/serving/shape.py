"""Reads out of a model's own configuration what its weights and its context will take of a GPU's memory."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Shape", "Sizes", "read_shape"]

_LARGEST = 10_000_000
"""What no number of a real model's shape exceeds; a context may be a hundred times as long."""
_ELEMENT = 2
"""Bytes of a weight or cache entry: the server takes 32-bit models as 16-bit ones."""
_NOT_PLAIN = re.compile(
    "mamba|ssm|rwkv|recurrent|hybrid|lora_rank|linear_(attn|attention|num|key|value|conv)|conv_l_cache"
    "|compress_ratio|index_topk|block_configs|layers_block_type|attn_layer_|attention_chunk|kv_shared"
    "|cross_attention|full_attention_interval|attn_config|transf_decoder|sliding_window_pattern",
    re.IGNORECASE,
)
"""Fields of models whose layers don't all keep a key and a value per token."""
_SCALED_ALREADY = {"default", "su", "longrope", "llama3", "yarn", "deepseek_yarn", "deepseek_llama_scaling"}
"""Kinds of rotary scaling whose `max_position_embeddings` is the length after scaling, as vLLM reads them."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The numbers of a model all of whose layers keep a key and a value per token."""

    layers: int
    heads: int
    kv_heads: int
    head: int
    """Numbers per head."""
    hidden: int
    inner: int
    """Width of the layer between two hidden ones."""
    vocabulary: int

    def token_bytes(self, element: int, ways: int) -> int:
        """Return the bytes that one token of context takes on each of several GPUs that share a model."""
        return 2 * self.layers * -(-self.kv_heads // ways) * self.head * element


@dataclass(frozen=True, slots=True)
class Shape:
    """What is known of a model before it runs."""

    weights: int | None = None
    """Bytes on the GPUs, all together."""
    longest: int | None = None
    """Tokens of context that the model was made for."""
    sizes: Sizes | None = None
    sees: bool = False
    """Whether it takes images, too."""
    why: str = ""
    """Why something of it isn't known; empty if all is."""


def read_shape(config: Mapping[str, Any], stored: int | None) -> Shape:
    """Return the shape that a `config.json` tells.

    Args:
        config: the file's content, from anywhere.
        stored: bytes of the files that hold the weights. None: unknown.
    """
    inner = config.get("text_config")
    text = {**config, **inner} if isinstance(inner, dict) else config
    sees = any(key in config for key in ("vision_config", "visual", "mm_vision_tower"))
    why = _oddity(text)
    sizes = None if why else _sizes(text)
    if sizes is None and not why:
        why = "its config.json lacks the usual sizes"
    return Shape(
        weights=_weights(text, stored, sizes), longest=_longest(text), sizes=sizes, sees=sees, why=why
    )


def _oddity(text: Mapping[str, Any]) -> str:
    """Return why a token's share of memory can't be told from the usual sizes; empty if it can."""
    kinds = text.get("layer_types")
    if isinstance(kinds, list) and set(map(str, kinds)) - {"full_attention"}:
        return "its layers are of several kinds, so a token's share of memory varies"
    found = sorted(key for key, value in text.items() if value and _NOT_PLAIN.search(str(key)))
    if found:
        return f"its attention isn't of the plain kind ({found[0][:40]} is set)"
    if text.get("is_encoder_decoder"):
        return "it is an encoder-decoder model"
    # Where a model has layers_types, they decide; otherwise a window holds unless it is switched off.
    if not kinds and text.get("sliding_window") and text.get("use_sliding_window", True):
        return "its attention has a sliding window"
    return ""


def _sizes(text: Mapping[str, Any]) -> Sizes | None:
    layers, heads, hidden = (
        _number(text, name) for name in ("num_hidden_layers", "num_attention_heads", "hidden_size")
    )
    vocabulary = _number(text, "vocab_size")
    if layers is None or heads is None or hidden is None or vocabulary is None:
        return None
    kv_heads = heads if text.get("num_key_value_heads") is None else _number(text, "num_key_value_heads")
    head = hidden // heads if text.get("head_dim") is None else _number(text, "head_dim")
    inner = _number(text, "intermediate_size") or 4 * hidden
    if kv_heads is None or not head or kv_heads > heads:
        return None
    return Sizes(layers, heads, kv_heads, head, hidden, inner, vocabulary)


def _weights(text: Mapping[str, Any], stored: int | None, sizes: Sizes | None) -> int | None:
    """Return the weights' bytes: of the files, else of the parameters that the sizes give."""
    if stored is not None:
        kind = text.get("dtype") or text.get("torch_dtype")
        return stored * _ELEMENT // 4 if kind == "float32" and not text.get("quantization_config") else stored
    experts = any("expert" in str(key) for key, value in text.items() if value)
    if sizes is None or experts or text.get("quantization_config"):
        return None
    attention = 2 * sizes.hidden * sizes.head * (sizes.heads + sizes.kv_heads)
    layer = attention + 3 * sizes.hidden * sizes.inner
    tables = 1 if text.get("tie_word_embeddings") is True else 2
    return _ELEMENT * (sizes.layers * layer + tables * sizes.vocabulary * sizes.hidden)


def _longest(text: Mapping[str, Any]) -> int | None:
    longest = _number(text, "max_position_embeddings", 100 * _LARGEST)
    scaling = text.get("rope_parameters") or text.get("rope_scaling")
    if longest is None or not isinstance(scaling, dict):
        return longest
    kind, factor = scaling.get("rope_type") or scaling.get("type") or "default", scaling.get("factor")
    if kind in ("longrope", "su"):
        # Its shorter variant is the one that the model is best at, and the server's own choice.
        original = {**scaling, **text} if "original_max_position_embeddings" in text else scaling
        return _number(original, "original_max_position_embeddings") or longest
    if not isinstance(kind, str) or kind in _SCALED_ALREADY or "gemma3" in str(text.get("model_type")):
        return longest
    return int(longest * factor) if isinstance(factor, int | float) and 1 <= factor <= 1024 else longest


def _number(text: Mapping[str, Any], name: str, largest: int = _LARGEST) -> int | None:
    value = text.get(name)
    plain = isinstance(value, int) and not isinstance(value, bool) and 0 < value <= largest
    return int(value) if plain and value is not None else None
