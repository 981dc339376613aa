import dataclasses
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from chat_protocol import Fault, error, plain
from chat_script import ANY, LISTING
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import ContextExceeded, EndpointRefused, ModelError
from swe_scale.models import Model, open_model
from swe_scale.models.directory import Entry
from swe_scale.models.endpoint import endpoint_of
from swe_scale.models.openai import DEFAULT_CONTEXT, OpenAIModel, connected
from swe_scale.records import Completion, Message, Request, Sampling
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

STEP = "pkg-12/trajectory/03/turn/05"


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with (
        without_waiting(),
        ScriptedServer(lambda step, body: f"reply to {step}", max_model_len=4096) as server,
    ):
        yield server


def config(server: ScriptedServer, **fields: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint(**{"base_url": server.base_url, "model": server.model, **fields})


def ask(step: str = STEP, prompt: str = "why?", **sampling: Any) -> Request:
    messages = (Message(role="system", content="be brief"), Message(role="user", content=prompt))
    chosen = Sampling(**{"max_tokens": 64, **sampling})
    return Request(step=step, model="scripted", messages=messages, sampling=chosen)


async def reply(server: ScriptedServer, request: Request | None = None, **fields: Any) -> Completion:
    async with open_model(config(server, **fields)) as model:
        return await model.complete(request or ask())


async def test_a_reply(server: ScriptedServer) -> None:
    completion = await reply(server)
    assert completion.text == f"reply to {STEP}"
    assert completion.finish == "stop"
    assert completion.usage.calls == 1
    assert (completion.usage.prompt_tokens, completion.usage.completion_tokens) == (3, 10)
    assert completion.usage.seconds > 0
    assert completion.usage.usd == 0


async def test_what_is_sent(server: ScriptedServer) -> None:
    await reply(server, ask(prompt="a\udcffb", temperature=0.5, top_p=0.9, seed=7), stream=False)
    (call,) = server.calls
    assert call.body == {
        "model": "scripted",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "a?b"}],
        "temperature": 0.5,
        "top_p": 0.9,
        "max_tokens": 64,
        "seed": 7,
    }
    assert call.headers["x-request-id"] == STEP
    assert call.headers["x-session-id"] == "pkg-12"
    assert call.headers["authorization"] == "Bearer none"


async def test_every_setting_is_sent_by_its_name(server: ScriptedServer) -> None:
    await reply(server, ask(top_k=20, min_p=0.1, effort="low", logprobs=True), extra_body={"min_p": 0.2})
    body = server.calls[0].body
    assert (body["top_k"], body["reasoning_effort"], body["logprobs"]) == (20, "low", True)
    assert body["min_p"] == 0.2
    assert body["stream"] is True and body["stream_options"] == {"include_usage": True}


async def test_what_is_left_to_the_server_is_not_sent(server: ScriptedServer) -> None:
    await reply(server, ask(temperature=None), stream=False)
    assert server.calls[0].body.keys() == {"model", "messages", "max_tokens"}


@pytest.mark.parametrize("stream", [False, True])
async def test_what_the_server_does_not_take_is_left_out_and_told(
    server: ScriptedServer, stream: bool
) -> None:
    refused = {"code": "unsupported_value", "message": "Only the default (1) is supported."}
    server.faults[STEP] = [error(400, param="temperature", **refused), error(400, param="seed", **refused)]
    async with open_model(config(server, stream=stream)) as model:
        first = await model.complete(ask(temperature=0.3, seed=4))
        second = await model.complete(ask(temperature=0.4, seed=5))
    assert first.dropped == second.dropped == ("seed", "temperature")
    assert [sorted({"temperature", "seed"} & call.body.keys()) for call in server.calls] == [
        ["seed", "temperature"],
        ["seed"],
        [],
        [],
    ]


async def test_many_calls_at_once_learn_it_together(server: ScriptedServer) -> None:
    refused = error(400, "no", code="unsupported_value", param="temperature")
    server.faults |= {f"pkg/{number}": [refused] for number in range(20)}
    async with open_model(config(server)) as model, anyio.create_task_group() as tasks:
        for number in range(20):
            tasks.start_soon(model.complete, ask(f"pkg/{number}"))
    assert server.count("finished").total() == 20


async def test_a_needed_setting_that_is_refused_ends_the_call(server: ScriptedServer) -> None:
    server.faults[STEP] = [error(400, "no", code="unsupported_value", param="messages")]
    with pytest.raises(ModelError, match="refuses the request: 400"):
        await reply(server)


@pytest.mark.parametrize("step", ["größe/turn/01", "a b/100%", "a\r\nX-Evil: 1", "日本"])
async def test_any_step_survives_the_header(server: ScriptedServer, step: str) -> None:
    assert (await reply(server, ask(step))).text == f"reply to {step}"
    assert server.calls[0].headers["x-request-id"].isascii()
    assert "x-evil" not in server.calls[0].headers


async def test_the_key_comes_from_a_file(server: ScriptedServer, tmp_path: Path) -> None:
    server.key = "sk-right"
    (tmp_path / "key").write_text("\ufeffsk-right\n", encoding="utf-8")
    assert await reply(server, key_file=tmp_path / "key")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "No such file"),
        (b"\xff\xfe", "it is no text"),
        (b"x" * 10_000, "too large"),
        (b"two words", "has spaces"),
        (b"", "is empty"),
    ],
)
async def test_a_key_file_that_can_not_be_used(
    server: ScriptedServer, tmp_path: Path, content: bytes | None, says: str
) -> None:
    server.key = "sk-right"
    if content is not None:
        (tmp_path / "key").write_bytes(content)
    with pytest.raises(EndpointRefused, match=says) as caught:
        await reply(server, key_file=tmp_path / "key")
    assert str(tmp_path / "key") in str(caught.value)


async def test_the_key_comes_from_its_variable(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sk-right"
    monkeypatch.setenv("MY_KEY", " sk-right\n")
    assert await reply(server, key_variable="MY_KEY")


@pytest.mark.parametrize(
    ("configured", "served", "length"),
    [(None, 4096, 4096), (8192, 4096, 8192), (None, None, DEFAULT_CONTEXT)],
)
async def test_the_context_length(
    server: ScriptedServer, configured: int | None, served: int | None, length: int
) -> None:
    server.max_model_len = served
    async with open_model(config(server, context_length=configured)) as model:
        assert (model.name, model.context_length) == ("scripted", length)


@pytest.mark.parametrize("status", [404, 405])
async def test_a_server_without_a_list_is_taken_at_its_word(server: ScriptedServer, status: int) -> None:
    server.faults[LISTING] = [error(status)]
    async with open_model(config(server)) as model:
        assert model.context_length == DEFAULT_CONTEXT
        assert await model.complete(ask())


@pytest.mark.parametrize("name", ["scripted:latest", "models/scripted"])
async def test_a_server_may_decorate_the_name(server: ScriptedServer, name: str) -> None:
    server.model = name
    async with open_model(config(server, model="scripted")) as model:
        assert model.context_length == 4096


async def test_a_server_that_loads_is_waited_for(server: ScriptedServer) -> None:
    server.faults[LISTING] = [error(503, "Loading model"), error(503, "Loading model")]
    assert await reply(server)


async def test_a_server_that_counts_nothing(server: ScriptedServer) -> None:
    server.usage = None
    usage = (await reply(server)).usage
    assert usage.prompt_tokens >= len("be briefwhy?")
    assert usage.completion_tokens == len(f"reply to {STEP}")


async def test_no_more_calls_than_allowed_are_in_flight(server: ScriptedServer) -> None:
    together = threading.Barrier(3)

    def meet(step: str, body: dict[str, Any]) -> str:
        together.wait(20)
        return "met"

    with ScriptedServer(meet) as meeting:
        async with open_model(config(meeting, max_in_flight=3)) as model, anyio.create_task_group() as tasks:
            for number in range(9):
                tasks.start_soon(model.complete, ask(f"pkg/{number}"))
        assert meeting.count("finished").total() == 9
        assert meeting.max_in_flight == 3


async def test_two_hundred_calls_at_a_time(server: ScriptedServer) -> None:
    texts: dict[int, str] = {}

    async def one(model: Model, number: int) -> None:
        texts[number] = (await model.complete(ask(f"pkg/{number}"))).text

    async with open_model(config(server)) as model, anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(one, model, number)
    assert texts == {number: f"reply to pkg/{number}" for number in range(200)}


async def test_cancellation_drops_the_request(server: ScriptedServer) -> None:
    server.faults[ANY] = [Fault(hang=True)]
    async with open_model(config(server)) as model:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(model.complete, ask())
            await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 1)
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 0)
        assert server.count("dropped") == {STEP: 1}
        assert await model.complete(ask())


async def test_a_cancelled_call_gives_its_turn_back(server: ScriptedServer) -> None:
    server.faults["pkg/slow"] = [Fault(hang=True)]
    async with open_model(config(server, max_in_flight=1)) as model:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(model.complete, ask("pkg/slow"))
            await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 1)
            tasks.start_soon(model.complete, ask("pkg/waiting"))
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        assert await model.complete(ask("pkg/next"))
    assert server.count("finished") == {"pkg/next": 1}


async def test_the_length_limit_has_two_names(server: ScriptedServer) -> None:
    server.faults[STEP] = [
        error(400, "Use max_completion_tokens", code="unsupported_parameter", param="max_tokens")
    ]
    async with open_model(config(server)) as model:
        await model.complete(ask())
        await model.complete(ask())
    sent = [sorted(key for key in call.body if "tokens" in key) for call in server.calls]
    assert sent == [["max_tokens"], ["max_completion_tokens"], ["max_completion_tokens"]]


async def test_environment_proxies_are_not_asked_for_this_machine(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert await reply(server)


async def test_a_long_prompt_ends_only_its_trajectory(server: ScriptedServer) -> None:
    async with open_model(config(server)) as model:
        with pytest.raises(ContextExceeded, match="maximum context length is 4096") as caught:
            await model.complete(ask(prompt="x" * 20_000))
        assert not caught.value.charged
        assert await model.complete(ask())
    assert server.count("fault").total() == 1


async def test_the_key_shows_up_nowhere(
    server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "sk-canary-7f3a"
    monkeypatch.setenv("MY_KEY", canary)
    server.key = "sk-right"
    # The server repeats the key in its refusal; some do.
    with pytest.raises(ModelError) as refused:
        await reply(server, key_variable="MY_KEY")
    assert "MY_KEY" in str(refused.value)
    server.key = canary
    texts = [str(refused.value), repr(refused.value), repr(refused.value.__cause__)]
    for fault in (error(400, f"bad {canary}"), error(503, canary), plain(f"<p>{canary}")):
        server.faults[STEP] = [fault]
        async with open_model(config(server, key_variable="MY_KEY", retries=0)) as model:
            with pytest.raises(ModelError) as caught:
                await model.complete(ask())
        texts += [str(caught.value), repr(model)]
        texts += [repr(value) for value in vars(model).values()]
    assert "[key]" in "".join(texts)
    assert canary not in "".join(texts) + caplog.text


@pytest.mark.parametrize(
    ("entry", "local", "ahead"),
    [(Entry(), False, True), (Entry(), True, False), (Entry(server="vllm"), False, False)],
)
async def test_the_first_sibling_goes_ahead_where_that_fills_the_cache(
    server: ScriptedServer, entry: Entry, local: bool, ahead: bool
) -> None:
    chosen = config(server)
    endpoint = dataclasses.replace(endpoint_of(chosen), local=local)
    async with connected(chosen) as client:
        assert (OpenAIModel(client, endpoint, chosen, entry).ahead is not None) is ahead
