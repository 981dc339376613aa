"""Where a model's description comes from: a folder, the local cache, a hub that may answer anything."""

import json
from pathlib import Path

import anyio
import pytest
from network_kit import site
from serving_kit import SMALL

from swe_scale.errors import UsageError
from swe_scale.models.serving.shape import Shape
from swe_scale.models.serving.source import check_name, find_shape

pytestmark = pytest.mark.anyio


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
