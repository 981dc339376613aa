"""Tokens counted by a real vLLM, against its own accounts."""

import json
from pathlib import Path

import pytest
from vllm_asking import endpoint
from vllm_kit import MODEL
from vllm_served import Served

from swe_scale.models import open_model
from swe_scale.models.tokens import count_tokens

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

TEXTS = (
    "def area(width, height):\n    return width * height\n",
    "Licensed under the Apache License, Version 2.0\n" * 30,
    "größe 日本 🦉 \t\t  \n\n",
    "<|im_end|>\n<think>",
)
LONG = Path(__file__).read_text(encoding="utf-8") * 600
"""About a megabyte: more tokens than the model takes."""


async def test_it_counts_as_it_charges(server: Served) -> None:
    async with open_model(endpoint(server)) as model:
        counted = await count_tokens(model, TEXTS)
    assert counted is not None and counted.by == "the server's tokenizer"
    for text, size in zip(TEXTS, counted.tokens, strict=True):
        asked = {"model": MODEL, "prompt": text, "max_tokens": 1}
        usage = json.loads(server.ask("/v1/completions", asked))["usage"]
        assert usage["prompt_tokens"] == size > 0


async def test_a_text_longer_than_the_context_is_counted(server: Served) -> None:
    async with open_model(endpoint(server)) as model:
        counted = await count_tokens(model, (LONG,))
    asked = {"model": MODEL, "prompt": LONG, "add_special_tokens": False}
    whole = json.loads(server.ask("/tokenize", asked))["count"]
    assert counted is not None
    # Each of the parts in which it is counted may cost a token.
    assert 0 <= counted.tokens[0] - whole <= len(LONG) // 60_000


async def test_a_server_with_a_key_counts(guarded: Served) -> None:
    async with open_model(endpoint(guarded, key_variable="THE_KEY")) as model:
        assert await count_tokens(model, TEXTS)
