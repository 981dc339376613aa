from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import count, error
from chat_script import ANY, LISTING
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint, ScriptedReplies
from swe_scale.models.probe import Probe, probe

pytestmark = pytest.mark.anyio


async def found(server: ScriptedServer, **fields: Any) -> Probe:
    return await probe(OpenAIEndpoint(**{"base_url": server.base_url, "model": "scripted", **fields}))


def with_template(prompt: int, completion: int) -> object:
    return count(prompt + 200, completion)


@pytest.mark.parametrize("context", [512, 2048, 131_072])
@pytest.mark.parametrize("usage", [count, with_template])
async def test_a_sound_endpoint(context: int, usage: Callable[[int, int], object]) -> None:
    with ScriptedServer(lambda step, body: "x", max_model_len=context, usage=usage) as server:
        assert await found(server) == Probe(
            reachable=True,
            model_known=True,
            models=("scripted",),
            context_length=context,
            long_prompt=True,
        )
        assert [call.body["max_tokens"] for call in server.calls] == [1, 1, 1]
        words = server.calls[2].body["messages"][0]["content"].split()
        assert len(set(words)) == len(words)


@pytest.mark.parametrize("kept", [100, 2048, 4096])
async def test_a_server_that_cuts_prompts_silently(kept: int) -> None:
    def cut(prompt: int, completion: int) -> object:
        return count(min(prompt, kept), completion)

    with ScriptedServer(lambda step, body: "x", usage=cut) as server:
        result = await found(server)
    assert result.long_prompt is False
    assert f"counted {kept}" in result.details


async def test_a_server_that_counts_nothing() -> None:
    with ScriptedServer(lambda step, body: "x", usage=None) as server:
        result = await found(server)
    assert (result.model_known, result.long_prompt) == (True, None)
    assert "can't be told" in result.details


async def test_a_context_that_is_shorter_than_configured() -> None:
    with ScriptedServer(lambda step, body: "x", max_model_len=1024) as server:
        result = await found(server, context_length=32_768)
    assert (result.reachable, result.long_prompt) == (True, None)
    assert "maximum context length is 1024" in result.details


async def test_a_server_without_a_list() -> None:
    with ScriptedServer(lambda step, body: "x", faults={LISTING: [error(404)] * 2}) as server:
        assert (await found(server)).model_known is True
    with ScriptedServer(lambda step, body: "x", faults={LISTING: [error(404)] * 2}) as server:
        assert (await found(server, model="other")).model_known is False


@pytest.mark.parametrize("status", [400, 429, 500])
async def test_a_server_that_refuses_to_reply(status: int) -> None:
    with ScriptedServer(lambda step, body: "x", faults={ANY: [error(status)]}) as server:
        result = await found(server)
    assert (result.reachable, result.long_prompt) == (True, None)
    assert str(status) in result.details


async def test_an_unknown_model() -> None:
    with ScriptedServer({}) as server:
        result = await found(server, model="other")
    assert (result.reachable, result.model_known, result.models) == (True, False, ("scripted",))
    assert "is not served there" in result.details


async def test_a_refused_key() -> None:
    with ScriptedServer({}, key="sk-right") as server:
        result = await found(server)
    assert (result.reachable, result.model_known) == (True, None)
    assert "wants a key" in result.details


@pytest.mark.parametrize("base_url", ["http://127.0.0.1:1/v1", "nonsense"])
async def test_nothing_there(base_url: str) -> None:
    result = await probe(OpenAIEndpoint(base_url=base_url, model="m"))
    assert result == Probe(reachable=False, details=result.details)
    assert result.details


async def test_written_replies(tmp_path: Path) -> None:
    assert (await probe(ScriptedReplies(replies=tmp_path))).reachable
    missing = await probe(ScriptedReplies(replies=tmp_path / "missing"))
    assert not missing.reachable
    assert "missing" in missing.details
