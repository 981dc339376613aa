"""The servers that people have, each in its own shape, as far as it matters to us."""

import re
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import Fault, count, error
from chat_script import LISTING
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint, UserConfig
from swe_scale.errors import ContextExceeded, ModelError
from swe_scale.models import open_model
from swe_scale.models.probe import probe
from swe_scale.records import Completion, Message, Request, Sampling
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

Serve = Callable[..., ScriptedServer]


@pytest.fixture(autouse=True)
def at_once() -> Iterator[None]:
    with without_waiting():
        yield


def say(step: str, body: dict[str, Any]) -> str:
    return f"reply to {step}"


def config(server: ScriptedServer, **fields: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint(**{"base_url": server.base_url, "model": server.model, **fields})


def ask(prompt: str = "why?", **sampling: Any) -> Request:
    chosen = Sampling(**{"max_tokens": 64, **sampling})
    messages = (Message(role="user", content=prompt),)
    return Request(step="pkg-1/turn/01", model="m", messages=messages, sampling=chosen)


async def reply(server: ScriptedServer, request: Request | None = None, **fields: Any) -> Completion:
    async with open_model(config(server, **fields)) as model:
        return await model.complete((request or ask()).model_copy(update={"model": model.name}))


# --- vLLM


def vllm(**fields: Any) -> ScriptedServer:
    def counted(prompt: int, completion: int) -> dict[str, Any]:
        total = {"prompt_tokens": prompt, "total_tokens": prompt + completion}
        cached = {"cached_tokens": prompt // 16 * 16}
        return {**total, "completion_tokens": completion, "prompt_tokens_details": cached}

    row = {"owned_by": "vllm", "root": "/models/m", "parent": None}
    return ScriptedServer(say, **{"row": row, "max_model_len": 8192, "usage": counted, **fields})


async def test_vllm_tells_its_length_and_what_it_found_in_its_cache() -> None:
    with vllm() as server:
        async with open_model(config(server)) as model:
            assert model.context_length == 8192
        usage = (await reply(server, ask("x" * 400))).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.written_tokens) == (100, 96, 0)


async def test_vllm_is_asked_for_whole_replies_unless_streams_are_wanted() -> None:
    with vllm() as server:
        for stream in (None, True, False):
            assert await reply(server, stream=stream)
    assert [call.body.get("stream") for call in server.calls] == [None, True, None]


async def test_vllm_refuses_a_long_prompt_in_its_own_words() -> None:
    with (
        vllm(max_model_len=512) as server,
        pytest.raises(ContextExceeded, match="maximum context length is 512"),
    ):
        await reply(server, ask("x" * 4000))


async def test_vllm_takes_every_setting() -> None:
    asked = ask(temperature=1.7, top_p=0.9, top_k=20, min_p=0.05, seed=7, effort="low")
    with vllm() as server:
        assert (await reply(server, asked)).dropped == ()
    sent = server.calls[0].body
    names = ("temperature", "top_p", "top_k", "min_p", "seed", "reasoning_effort")
    assert [sent[name] for name in names] == [1.7, 0.9, 20, 0.05, 7, "low"]


# --- a hosted service


def hosted(**fields: Any) -> ScriptedServer:
    def check(body: dict[str, Any], prompt: int) -> Fault | None:
        if "max_tokens" in body:
            text = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
            return error(400, text, param="max_tokens", code="unsupported_parameter")
        if body.get("temperature", 1) != 1:
            text = "Unsupported value: 'temperature'. Only the default (1) value is supported."
            return error(400, text, param="temperature", code="unsupported_value")
        for name in ("top_k", "min_p"):
            if name in body:
                return error(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
        return None

    def counted(prompt: int, completion: int) -> dict[str, Any]:
        details = {"completion_tokens_details": {"reasoning_tokens": 4}}
        return {"prompt_tokens": prompt, "completion_tokens": completion + 4, **details}

    row = {"owned_by": "system"}
    return ScriptedServer(
        say, **{"row": row, "max_model_len": None, "check": check, "usage": counted, **fields}
    )


async def test_a_hosted_reasoning_model_gets_what_it_takes() -> None:
    asked = ask(temperature=0.7, top_k=20, min_p=0.1, effort="high").model_copy(update={"model": "scripted"})
    with hosted() as server:
        async with open_model(config(server)) as model:
            first, second = [await model.complete(asked) for _ in range(2)]
    assert first.dropped == second.dropped == ("min_p", "temperature", "top_k")
    assert (server.count("fault").total(), server.count("finished").total()) == (4, 2)
    sent = server.calls[-1].body
    assert (sent["max_completion_tokens"], sent["reasoning_effort"], sent["stream"]) == (64, "high", True)
    assert first.usage.reasoning_tokens == 4


async def test_a_hosted_model_tells_no_length() -> None:
    with hosted() as server:
        async with open_model(config(server)) as model:
            assert model.context_length == 32_768
        async with open_model(config(server, context_length=400_000)) as model:
            assert model.context_length == 400_000


# --- Ollama


def ollama(loaded: int | None = None, kept: int = 4096, **fields: Any) -> ScriptedServer:
    models = [{"name": "coder:14b", "context_length": loaded}] if loaded else []
    return ScriptedServer(
        say,
        **{
            "model": "coder:14b",
            "row": {"owned_by": "library"},
            "pages": {"/api/ps": {"models": models}},
            "max_model_len": None,
            "usage": lambda prompt, completion: count(min(prompt, kept), completion),
            **fields,
        },
    )


@pytest.mark.parametrize(("loaded", "length"), [(None, 4096), (32_768, 32_768)])
async def test_ollama_tells_the_length_of_what_is_loaded(loaded: int | None, length: int) -> None:
    with ollama(loaded) as server:
        async with open_model(config(server)) as model:
            assert model.context_length == length
        async with open_model(config(server, context_length=16_384)) as model:
            assert model.context_length == 16_384


async def test_an_older_ollama_tells_nothing() -> None:
    told: list[dict[str, object]] = [{}, {"/api/ps": []}, {"/api/ps": {"models": [3, {"name": "coder:14b"}]}}]
    for pages in told:
        with ollama(pages=pages) as server:
            async with open_model(config(server)) as model:
                assert model.context_length == 4096


async def test_ollama_may_leave_out_the_tag() -> None:
    loaded = {"models": [{"name": "coder:latest", "context_length": 8192}]}
    with ollama(model="coder:latest", pages={"/api/ps": loaded}) as server:
        async with open_model(config(server, model="coder")) as model:
            assert model.context_length == 8192


async def test_ollama_cuts_long_prompts_and_is_found_out() -> None:
    with ollama(loaded=32_768) as server:
        found = await probe(config(server))
        assert found.long_prompt is False
        assert "num_ctx in Ollama" in found.details
        # As long as nobody believes in more than there is, nothing is cut.
        server.pages = {"/api/ps": {"models": []}}
        assert (await probe(config(server))).long_prompt is True


# --- llama.cpp


def llama_cpp(size: int = 2048, **fields: Any) -> ScriptedServer:
    def check(body: dict[str, Any], prompt: int) -> Fault | None:
        if prompt <= size:
            return None
        text = (
            f"request ({prompt} tokens) exceeds the available context size ({size} tokens), try increasing it"
        )
        more = {"code": 400, "n_prompt_tokens": prompt, "n_ctx": size}
        return error(400, text, type="exceed_context_size_error", **more)

    return ScriptedServer(
        say,
        **{
            "row": {"owned_by": "llamacpp", "meta": {"n_ctx_train": 131_072}},
            "pages": {"/props": {"default_generation_settings": {"n_ctx": size}, "total_slots": 4}},
            "max_model_len": None,
            "check": check,
            **fields,
        },
    )


async def test_llama_cpp_tells_the_length_of_a_slot() -> None:
    with llama_cpp() as server:
        async with open_model(config(server)) as model:
            assert model.context_length == 2048
        assert (await reply(server)).text == "reply to pkg-1/turn/01"
        assert server.calls[0].body["stream"] is True


@pytest.mark.parametrize(
    "page", [{}, {"default_generation_settings": None}, [], {"default_generation_settings": {}}]
)
async def test_a_llama_cpp_that_tells_nothing(page: object) -> None:
    with llama_cpp(pages={"/props": page}) as server:
        async with open_model(config(server)) as model:
            assert model.context_length == 32_768


async def test_llama_cpp_refuses_a_long_prompt_in_its_own_words() -> None:
    with llama_cpp() as server, pytest.raises(ContextExceeded, match="available context size") as caught:
        await reply(server, ask("x" * 10_000))
    assert not caught.value.charged


async def test_a_llama_cpp_that_loads_its_model_is_waited_for() -> None:
    loading = error(503, "Loading model", code=503, type="unavailable_error")
    with llama_cpp(faults={LISTING: [loading, loading]}) as server:
        assert await reply(server)


@pytest.mark.parametrize("serve", [vllm, hosted, ollama, llama_cpp])
async def test_a_crash_in_the_middle_of_a_reply(serve: Serve) -> None:
    half = b'data: {"choices": [{"delta": {"content": "h"}}]}\n\n'
    half += b'data: {"error": {"message": "dead", "code": 500}}\n\n'
    with serve() as server:
        server.faults["pkg-1/turn/01"] = [Fault(body=half, headers={"Content-Type": "text/event-stream"})]
        with pytest.raises(ModelError, match=r"failed: 500 \(dead\)") as caught:
            await reply(server, stream=True)
        assert caught.value.charged
        assert await reply(server)


def test_the_configurations_that_are_shown_are_valid() -> None:
    page = Path(__file__).parents[2] / "docs" / "models.md"
    shown = re.findall(r"```toml\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    assert len(shown) == 5
    for text in shown:
        assert UserConfig.model_validate(tomllib.loads(text)).models["default"]
