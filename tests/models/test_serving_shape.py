"""What a model's configuration tells, and above all what it doesn't."""

import json
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_kit import site
from serving_kit import SMALL

from swe_scale.errors import UsageError
from swe_scale.models.serving.shape import Shape, Sizes, read_shape
from swe_scale.models.serving.source import check_name, find_shape

pytestmark = pytest.mark.anyio

LLAMA_8B = {
    "model_type": "llama", "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8,
    "hidden_size": 4096, "intermediate_size": 14336, "vocab_size": 128256, "torch_dtype": "bfloat16",
    "max_position_embeddings": 131072, "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
}  # fmt: skip
GIB = 1024**3


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


def model_folder(folder: Path, **files: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"config.json": SMALL, **files}.items():
        written = content if isinstance(content, str) else json.dumps(content)
        (folder / name).write_text(written)
    return folder


async def test_a_folder_with_an_index(tmp_path: Path) -> None:
    index = {"metadata": {"total_size": 4_000}, "weight_map": {}}
    folder = model_folder(tmp_path, **{"model.safetensors.index.json": index, "model.safetensors": "x" * 10})
    assert (await find_shape(str(folder), {})).weights == 4_000


@pytest.mark.parametrize(
    ("files", "weights"),
    [
        ({"model-00001-of-00002.safetensors": "abc", "model-00002-of-00002.safetensors": "de"}, 5),
        ({"model.safetensors": "abc", "consolidated.safetensors": "abc"}, 3),
        ({"other.safetensors": "ab"}, 2),
        ({"pytorch_model-00001-of-00001.bin": "abcd"}, 4),
    ],
)
async def test_a_folder_with_weights(tmp_path: Path, files: dict[str, str], weights: int) -> None:
    assert (await find_shape(str(model_folder(tmp_path, **files)), {})).weights == weights


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '"x"', "[" * 100_000, "\x00", "{" + " " * 17 * 1024**2 + "}"]
)
async def test_a_folder_with_an_odd_config(tmp_path: Path, text: str) -> None:
    shape = await find_shape(str(model_folder(tmp_path, **{"config.json": text})), {})
    assert shape.sizes is None and "config.json is" in shape.why


async def test_the_local_cache(tmp_path: Path) -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    kept = tmp_path / "hub" / "models--some--model"
    model_folder(kept / "snapshots" / commit, **{"model.safetensors": "abcdef"})
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text(commit)
    for variables in ({"HF_HOME": str(tmp_path)}, {"HF_HUB_CACHE": str(tmp_path / "hub")}):
        assert (await find_shape("some/model", {**variables, "HF_HUB_OFFLINE": "1"})).weights == 6
    (kept / "refs" / "main").write_text("../../../../etc")
    shape = await find_shape("some/model", {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"})
    assert shape == Shape(why="it isn't in the local cache, and HF_HUB_OFFLINE is set")


async def test_the_hub(tmp_path: Path) -> None:
    files = [{"type": "file", "path": "model.safetensors", "size": 77}, {"path": "x", "size": "y"}, 3]
    with site() as hub:
        hub.files["/some/model/resolve/main/config.json"] = json.dumps(SMALL).encode()
        hub.files["/api/models/some/model/tree/main"] = json.dumps(files).encode()
        address = f"http://127.0.0.1:{hub.port}"
        variables = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": address + "/", "HF_TOKEN": "hf_canary"}
        shape = await find_shape("some/model", variables)
    assert (shape.weights, shape.longest) == (77, 4096)
    # The wire is not encrypted, so that the token isn't sent.
    assert all("authorization" not in {name.lower() for name in headers} for _, headers in hub.asked)


async def answered(tmp_path: Path, head: str, body: bytes = b"") -> Shape:
    """Return what is made of a hub that gives one answer to everything."""

    async def answer(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            await stream.receive()
            await stream.send(f"HTTP/1.1 {head}\r\nConnection: close\r\n\r\n".encode())
            for start in range(0, len(body), 65_536):
                try:
                    await stream.send(body[start : start + 65_536])
                except anyio.BrokenResourceError:
                    return

    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with anyio.create_task_group() as group:
            group.start_soon(listener.serve, answer)
            variables = {"HF_HOME": str(tmp_path), "HF_ENDPOINT": f"http://127.0.0.1:{port}"}
            shape = await find_shape("some/model", variables)
            group.cancel_scope.cancel()
    return shape


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        ("404 No", b"", "has no such model"),
        ("401 No", b"", "set HF_TOKEN"),
        ("403 No", b"", "set HF_TOKEN"),
        ("500 No", b"", "answered 500"),
        ("302 Elsewhere\r\nLocation: http://192.0.2.1/x", b"", "another host"),
        ("302 Elsewhere\r\nLocation: file:///etc/passwd", b"", "another host"),
        ("302 Elsewhere\r\nLocation: /again", b"", "in circles"),
        ("200 OK", b"<html>", "is no JSON"),
        ("200 OK", b"[1]", "no JSON object"),
        ("200 OK", b"[" * 100_000, "is no JSON"),
        ("200 OK", b" " * (17 * 1024**2), "longer than"),
        ("200 OK\r\nContent-Length: 50", b"{", "can't be reached"),
        ("nonsense", b"", "can't be reached"),
    ],
)
async def test_a_hub_that_answers_oddly(tmp_path: Path, head: str, body: bytes, why: str) -> None:
    shape = await answered(tmp_path, head, body)
    assert shape.sizes is None and why in shape.why


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "nonsense", "http://[", "ftp://127.0.0.1"])
async def test_a_hub_that_is_not_there(tmp_path: Path, endpoint: str) -> None:
    shape = await find_shape("some/model", {"HF_HOME": str(tmp_path), "HF_ENDPOINT": endpoint})
    assert shape.sizes is None and "can't be reached" in shape.why


@pytest.mark.parametrize(
    "model",
    ["-rf", "--model", "a/b/c", "../x", "a/../b", "", "a b", "https://x/y", "a\nb", "é/x", "/nowhere"],
)
def test_names_that_no_model_has(model: str) -> None:
    with pytest.raises(UsageError):
        check_name(model)


@pytest.mark.parametrize("model", ["gpt2", "Qwen/Qwen2.5-Coder-7B-Instruct", "org_1/name.v2"])
def test_names_that_a_model_may_have(model: str) -> None:
    check_name(model)


def test_a_folder_without_a_model_and_a_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no config\.json"):
        check_name(str(tmp_path))
    (tmp_path / "model.gguf").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        check_name(str(tmp_path / "model.gguf"))
