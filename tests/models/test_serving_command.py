"""The command as its user meets it: what a dry run shows, what is printed once it serves, how it ends."""

import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from serving_kit import ACTING, all_gone, described, noted, reach

CARD = "0, GPU-aaaa1111, NVIDIA GeForce RTX 4090, 24564, 11, 8.9, [N/A]"
EIGHT_BILLION = {
    "num_hidden_layers": 32, "num_attention_heads": 32, "num_key_value_heads": 8, "hidden_size": 4096,
    "intermediate_size": 14336, "vocab_size": 128256, "max_position_embeddings": 131072,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return described(tmp_path / "small model")


@pytest.fixture
def card(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with one card, and nothing else on the path."""
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\necho '{CARD}'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)


def serve(*arguments: str | Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run the command, which is to end with this code and without a trace."""
    command = [sys.executable, "-m", "swe_scale", "serve", *map(str, arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == code and "Traceback" not in ran.stderr, ran.stderr
    return ran


def test_a_dry_run_shows_the_command_and_its_reasons(model: Path, card: None) -> None:
    (model / "config.json").write_text(json.dumps(EIGHT_BILLION))
    ran = serve(model, "--port", "8123", "--trajectories", "4", "--dry-run", "--", "--enforce-eager")
    shown = ran.stdout.splitlines()
    command = shlex.split(shown[0])
    assert command[:5] == ["vllm", "serve", str(model), "--served-model-name", "small model"]
    assert command[-1] == "--enforce-eager"
    flags = [word for word in command if word.startswith("--")]
    explained = [line.split()[0] for line in shown[1:] if line.startswith("  --")]
    assert explained == flags and len(set(flags)) == len(flags)
    assert {"--port", "--max-model-len", "--max-num-seqs", "--enable-prefix-caching"} <= set(flags)
    assert any(line.endswith(" yours") for line in shown)
    assert any("conversations of" in line for line in shown)


def test_a_dry_run_as_a_document(model: Path, card: None) -> None:
    (model / "config.json").write_text(json.dumps(EIGHT_BILLION))
    ran = serve(model, "--port", "8123", "--context", "8192", "--host", "::1", "--dry-run", "--json")
    document = json.loads(ran.stdout)
    assert document["context"] == 8192 and document["at_once"] > 10
    assert document["base_url"] == "http://[::1]:8123/v1"
    words = [word for one in document["settings"] for word in one["words"]]
    assert document["command"] == ["vllm", "serve", str(model), *words]
    assert all(one["reason"] for one in document["settings"] + document["left"])


def test_a_dry_run_needs_no_gpu(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    shown = serve(model, "--port", "0", "--dry-run").stdout
    assert "--max-model-len auto" in shown and "there is no nvidia-smi" in shown


def test_a_model_that_does_not_fit_starts_nothing(tmp_path: Path, model: Path, card: None) -> None:
    large = {**EIGHT_BILLION, "num_hidden_layers": 80, "hidden_size": 8192}
    (model / "config.json").write_text(json.dumps(large))
    ran = serve(model, "--port", "0", "--config", configured(tmp_path), code=1)
    assert "don't hold them" in ran.stderr
    assert noted(tmp_path, "servers") == []


def test_vllm_is_asked_for_where_it_is_missing(model: Path, card: None) -> None:
    assert "pip install 'swe-scale[vllm]'" in serve(model, "--port", "0", code=1).stderr


@pytest.mark.parametrize(
    "given",
    [("no such model",), ("a/b", "--", "stray"), ("a/b", "--", "--port", "1"), ("a/b", "--port", "x")],
)
def test_bad_usage(given: tuple[str, ...]) -> None:
    serve(*given, code=2)


def configured(place: Path, **variables: str) -> Path:
    """Return a configuration whose server acts."""
    given = {"ACT_PLACE": str(place), **variables}
    lines = [f"{name} = {json.dumps(value)}" for name, value in given.items()]
    config = place / "config.toml"
    command = json.dumps(list(ACTING))
    config.write_text("\n".join(["[serve]", f"command = {command}", "[serve.variables]", *lines]))
    return config


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize("form", ["text", "json"])
async def test_it_serves_until_it_is_told_to_end(
    tmp_path: Path, model: Path, number: signal.Signals, form: str
) -> None:
    config = configured(tmp_path, ACT_ENGINE="mild")
    options = ["--port", "0", "--host", "0.0.0.0", "--config", str(config)]
    options += ["--json"] if form == "json" else []
    command = [sys.executable, "-m", "swe_scale", "serve", str(model), *options]
    async with await anyio.open_process(command, stderr=subprocess.PIPE) as ours:
        assert ours.stdout is not None and ours.stderr is not None
        said = await ours.stdout.receive()
        await reach(lambda: bool(noted(tmp_path, "engines")))
        ours.send_signal(number)
        errors = b"".join([chunk async for chunk in ours.stderr]).decode()
        assert await ours.wait() == 130
    check_said(said, form)
    assert "whoever reaches this machine can use the server" in errors
    assert errors.endswith("swe-scale: interrupted\n") and "Traceback" not in errors
    await reach(lambda: all_gone(tmp_path))


def check_said(said: bytes, form: str) -> None:
    if form == "text":
        assert said.startswith(b"serving acted at http://127.0.0.1:")
        assert said.endswith(b"/v1, context 4,096 tokens; Ctrl-C stops it\n")
        return
    document: dict[str, Any] = json.loads(said)
    assert (document["model"], document["context_length"]) == ("acted", 4096)
    assert document["key_variable"] == "VLLM_API_KEY"
