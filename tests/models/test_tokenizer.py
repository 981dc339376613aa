"""Texts counted by the model's own tokenizer, where its file is on this machine."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from counting_kit import CountingServer, nothing
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from swe_scale.config import OpenAIEndpoint
from swe_scale.events import Event, Events
from swe_scale.models import open_model
from swe_scale.models.hub import cached
from swe_scale.models.tokens import Counted, count_tokens
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

TEXTS = ("def area(width, height):\n    return width * height\n", "", "größe 日本 🦉", "a\udcffb", "x" * 500)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a tokenizer that would cut and pad what it is given, as some files say."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|end|>"],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator([TEXTS[0] * 20], trainer)
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=64, pad_token="<|end|>")
    path = tmp_path_factory.mktemp("made") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    with without_waiting():
        yield tmp_path / "hub"


def counts(path: Path, texts: tuple[str, ...] = TEXTS) -> tuple[int, ...]:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tuple(len(tokenizer.encode(text.replace("\udcff", "?")).ids) for text in texts)


async def counted(
    name: str = "org/model", texts: tuple[str, ...] = TEXTS, **fields: Any
) -> tuple[Counted | None, list[str]]:
    """Return what is counted for a model that the server itself doesn't count for."""
    heard: list[Event] = []
    with CountingServer(
        lambda step, body: "text",
        answer=nothing,
        model=name,
        row={"owned_by": "library"},
        pages={"/api/ps": {}},
    ) as server:
        chosen = OpenAIEndpoint(base_url=server.base_url, model=name, **fields)
        async with open_model(chosen, Events([heard.append])) as model:
            first = await count_tokens(model, texts)
            assert await count_tokens(model, texts) == first
    assert server.counted == []
    return first, [event.text for event in heard if event.kind == "note"]


def put(hub: Path, made: Path, commit: str = COMMIT) -> Path:
    kept = hub / "models--org--model"
    (kept / "refs").mkdir(parents=True)
    (kept / "refs" / "main").write_text(commit)
    (kept / "snapshots" / COMMIT).mkdir(parents=True)
    path = kept / "snapshots" / COMMIT / "tokenizer.json"
    path.write_bytes(made.read_bytes())
    return path


async def test_the_file_that_is_named(hub: Path, made: Path) -> None:
    found, notes = await counted(tokenizer=made)
    assert found == Counted(counts(made), f"the tokenizer in {made}") and not notes
    assert found.tokens[0] > 8 and found.tokens[1] == 0


async def test_a_home_folder_may_be_abbreviated(
    hub: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(made.parent))
    found, notes = await counted(tokenizer=Path("~/tokenizer.json"))
    assert found and found.tokens == counts(made) and not notes


async def test_what_was_downloaded(hub: Path, made: Path) -> None:
    path = put(hub, made)
    found, notes = await counted()
    assert found == Counted(counts(made), f"the tokenizer in {path}") and not notes


async def test_the_folder_of_a_model(hub: Path, made: Path) -> None:
    found, _ = await counted(str(made.parent))
    assert found and found.tokens == counts(made)


async def test_a_folder_that_only_happens_to_be_there(
    hub: Path, made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(made.parent, tmp_path / "checkout" / "org" / "model")
    monkeypatch.chdir(tmp_path / "checkout")
    assert await counted() == (None, [])


async def test_there_is_none(hub: Path) -> None:
    assert await counted() == (None, [])


@pytest.mark.parametrize("commit", ["../../..", "main", "", "0123"])
def test_a_cache_that_points_elsewhere(hub: Path, made: Path, commit: str) -> None:
    put(hub, made, commit)
    assert cached("org/model", "tokenizer.json", os.environ) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        (b"", "can't be read"),
        (b"\xff\xfe{", "can't be read"),
        (b'{"version": "1.0"}', "can't be read"),
        (b"[" * 100_000, "can't be read"),
    ],
)
async def test_a_file_that_can_not_be_used(
    hub: Path, tmp_path: Path, content: bytes | None, says: str
) -> None:
    path = tmp_path / "tokenizer.json"
    if content is not None:
        path.write_bytes(content)
    found, notes = await counted(tokenizer=path)
    assert found is None
    (note,) = notes
    assert str(path) in note and says in note and "\n" not in note and len(note) < 500


async def test_a_file_that_is_too_large(hub: Path, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with path.open("wb") as file:
        file.truncate(200 * 1024**2)
    found, (note,) = await counted(tokenizer=path)
    assert found is None and "too large" in note


async def test_a_pipe_is_no_file(hub: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found, (note,) = await counted(tokenizer=tmp_path / "pipe")
    assert found is None and "no such file" in note


async def test_the_library_may_be_missing(hub: Path, made: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    found, (note,) = await counted(tokenizer=made)
    assert found is None and "pip install 'swe-scale[tokenizers]'" in note


async def test_where_the_server_stops_counting_the_file_goes_on(hub: Path, made: Path) -> None:
    heard: list[Event] = []
    with CountingServer(lambda step, body: "text", answer=nothing, row={"owned_by": "vllm"}) as server:
        chosen = OpenAIEndpoint(base_url=server.base_url, model=server.model, tokenizer=made)
        async with open_model(chosen, Events([heard.append])) as model:
            assert await count_tokens(model, TEXTS) == Counted(counts(made), f"the tokenizer in {made}")
    (note,) = [event.text for event in heard if event.kind == "note"]
    assert "counts no tokens (/tokenize: 404)" in note


async def test_long_texts(hub: Path, made: Path) -> None:
    text = TEXTS[0] * 4000
    found, _ = await counted(tokenizer=made, texts=(text,))
    assert found and abs(found.tokens[0] - counts(made, (text,))[0]) <= 4
