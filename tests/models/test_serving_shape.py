"""What a model's configuration tells, and above all what it doesn't."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serving_kit import SMALL

from swe_scale.models.serving.shape import Sizes, read_shape

LLAMA_8B = {
    "model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "hidden_size": 4096, "intermediate_size": 14336, "vocab_size": 128256, "torch_dtype": "bfloat16",
    "max_position_embeddings": 131072, "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
}  # fmt: skip


def test_a_plain_model() -> None:
    shape = read_shape(LLAMA_8B, 16_060_522_240)
    assert shape.sizes == Sizes(32, 32, 8, 128, 4096, 14336, 128256)
    assert (shape.weights, shape.longest, shape.sees, shape.why) == (16_060_522_240, 131_072, False, "")
    # 2 · 32 layers · 8 heads · 128 numbers · 2 bytes, as vLLM reckons it.
    assert shape.sizes.token_bytes(2, 1) == 131_072
    assert [shape.sizes.token_bytes(1, ways) for ways in (1, 2, 8, 16)] == [65_536, 32_768, 8_192, 8_192]


def test_weights_of_the_parameters_where_no_file_tells() -> None:
    shape = read_shape(LLAMA_8B, None)
    assert shape.weights is not None and abs(shape.weights - 16_060_522_240) < 0.001 * shape.weights
    tied = read_shape({**LLAMA_8B, "tie_word_embeddings": True}, None)
    assert tied.weights == shape.weights - 2 * 128256 * 4096
    assert read_shape({**LLAMA_8B, "num_experts": 8}, None).weights is None
    assert read_shape({**LLAMA_8B, "quantization_config": {"bits": 4}}, None).weights is None


@pytest.mark.parametrize(
    ("changes", "stored", "weights"),
    [
        ({"torch_dtype": "float32"}, 1000, 500),
        ({"dtype": "float32"}, 1000, 500),
        ({"torch_dtype": "float16"}, 1000, 1000),
        ({"torch_dtype": "float32", "quantization_config": {"bits": 4}}, 1000, 1000),
    ],
)
def test_weights_as_the_server_holds_them(changes: dict[str, Any], stored: int, weights: int) -> None:
    assert read_shape({**SMALL, **changes}, stored).weights == weights


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"kv_lora_rank": 512, "qk_rope_head_dim": 64}, "kv_lora_rank"),
        ({"layer_types": ["linear_attention", "full_attention"]}, "several kinds"),
        ({"layer_types": ["sliding_attention", "full_attention"]}, "several kinds"),
        ({"full_attention_interval": 4}, "full_attention_interval"),
        ({"hybrid_override_pattern": "M-M*"}, "hybrid_override_pattern"),
        ({"mamba_d_state": 128}, "mamba_d_state"),
        ({"ssm_cfg": {"a": 1}}, "ssm_cfg"),
        ({"linear_num_value_heads": 32}, "linear_num_value_heads"),
        ({"block_configs": [{}]}, "block_configs"),
        ({"attention_chunk_size": 8192}, "attention_chunk_size"),
        ({"num_kv_shared_layers": 15}, "num_kv_shared_layers"),
        ({"conv_L_cache": 3}, "conv_L_cache"),
        ({"sliding_window": 4096}, "sliding window"),
        ({"sliding_window": 4096, "use_sliding_window": True}, "sliding window"),
        ({"is_encoder_decoder": True}, "encoder-decoder"),
        ({"num_key_value_heads": 64}, "usual sizes"),
        ({"num_key_value_heads": 0}, "usual sizes"),
        ({"num_hidden_layers": None}, "usual sizes"),
        ({"num_hidden_layers": True}, "usual sizes"),
        ({"num_hidden_layers": "32"}, "usual sizes"),
        ({"hidden_size": 10**12}, "usual sizes"),
        ({"hidden_size": -1}, "usual sizes"),
        ({"head_dim": 0}, "usual sizes"),
        ({"vocab_size": 1.5}, "usual sizes"),
    ],
)
def test_odd_models_are_not_reckoned(changes: dict[str, Any], why: str) -> None:
    shape = read_shape({**LLAMA_8B, **changes}, 1000)
    assert shape.sizes is None and why in shape.why
    assert shape.weights == 1000 and shape.longest == 131_072


@pytest.mark.parametrize(
    "changes",
    [
        {"sliding_window": 32768, "use_sliding_window": False},
        {"sliding_window": None},
        {"layer_types": ["full_attention"] * 32, "sliding_window": 4096},
        {"head_dim": None, "num_key_value_heads": 8},
        {"kv_lora_rank": None},
    ],
)
def test_fields_that_switch_nothing_on_are_no_oddity(changes: dict[str, Any]) -> None:
    assert read_shape({**LLAMA_8B, **changes}, 1000).sizes == Sizes(32, 32, 8, 128, 4096, 14336, 128256)


@pytest.mark.parametrize(
    ("scaling", "longest"),
    [
        (None, 4096),
        ({"type": "linear", "factor": 4.0}, 16_384),
        ({"rope_type": "dynamic", "factor": 2}, 8_192),
        ({"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 4096}, 4096),
        ({"rope_type": "llama3", "factor": 8.0}, 4096),
        ({"rope_type": "default"}, 4096),
        ({"type": "longrope", "original_max_position_embeddings": 2048}, 2048),
        ({"type": "linear", "factor": "4"}, 4096),
        ({"type": "linear", "factor": float("inf")}, 4096),
        ({"type": "linear", "factor": float("nan")}, 4096),
        ({"type": "linear", "factor": -2}, 4096),
        ({"type": ["linear"], "factor": 2}, 4096),
        ("linear", 4096),
    ],
)
def test_the_length_after_rotary_scaling(scaling: object, longest: int) -> None:
    assert read_shape({**SMALL, "rope_scaling": scaling}, None).longest == longest


def test_a_model_that_sees_has_its_sizes_inside() -> None:
    shape = read_shape({"text_config": SMALL, "vision_config": {"depth": 4}}, 1000)
    assert shape.sees and shape.sizes is not None and shape.sizes.hidden == 64


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([*LLAMA_8B, "text_config", "layer_types", "head_dim"]), anything))
def test_any_configuration_is_read(config: dict[str, Any]) -> None:
    shape = read_shape({**LLAMA_8B, **config}, None)
    assert (shape.sizes is None) == bool(shape.why)
    assert shape.longest is None or shape.longest > 0
