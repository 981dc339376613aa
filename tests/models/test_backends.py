"""What holds for a model behind any network protocol, tried over each."""

import json
import logging
import threading
from typing import Any

import anyio
import messages_protocol
import pytest
from anthropic_server import AnthropicServer
from backend_kit import MESSAGES, STEP, Backend, ask, asked, lines, piece, reply
from chat_protocol import Fault, plain
from messages_protocol import STREAM, Content
from scripted_server import ScriptedServer

from swe_scale.errors import EndpointRefused, ModelError
from swe_scale.ledger import text_bound
from swe_scale.models import Model

pytestmark = pytest.mark.anyio


async def test_a_reply(backend: Backend, server: ScriptedServer) -> None:
    done = await reply(backend, server)
    assert (done.text, done.finish, done.reasoning, done.tool_calls) == (f"reply to {STEP}", "stop", "", ())
    assert done.usage.calls == 1 and done.usage.seconds > 0 and done.usage.usd == 0
    assert done.usage.prompt_tokens == 3 and done.usage.completion_tokens >= 10
    assert done.dropped == ()


async def test_a_server_that_does_not_stream(backend: Backend, server: ScriptedServer) -> None:
    if isinstance(server, AnthropicServer):
        server.streams = False
        assert (await reply(backend, server)).text == f"reply to {STEP}"
    else:
        assert (await reply(backend, server, stream=False)).text == f"reply to {STEP}"


async def test_a_stream_under_another_name(backend: Backend, server: ScriptedServer) -> None:
    whole = [Content([{"type": "text", "text": "x"}]), {"input_tokens": 1, "output_tokens": 1}]
    raw = (
        messages_protocol.sent(messages_protocol.events("claude", *whole))  # type: ignore[arg-type]
        if backend is MESSAGES
        else lines(piece("x", "stop"))
    )
    server.faults[STEP] = [Fault(body=raw, headers={"Content-Type": "text/plain"})]
    assert (await reply(backend, server)).text == "x"


async def test_a_server_that_counts_nothing(backend: Backend, server: ScriptedServer) -> None:
    raw = (
        {
            "content": [{"type": "text", "text": "häh"}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": -1},
        }
        if backend is MESSAGES
        else {"choices": [{"message": {"content": "häh"}}]}
    )
    server.faults[STEP] = [plain(json.dumps(raw))]
    usage = (await reply(backend, server)).usage
    assert (usage.prompt_tokens, usage.completion_tokens) == (text_bound(ask().messages), 4)


@pytest.mark.parametrize("step", ["größe/turn/01", "a b/100%", "a\r\nX-Evil: 1", "日本"])
async def test_any_step_survives_the_header(backend: Backend, server: ScriptedServer, step: str) -> None:
    assert (await reply(backend, server, ask(step))).text == f"reply to {step}"
    assert "x-evil" not in server.calls[0].headers


async def test_the_key_comes_from_its_variable(
    backend: Backend, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sk-right"
    monkeypatch.setenv("MY_KEY", " sk-right\n")
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "sk-wrong")
    monkeypatch.setenv("ANTHROPIC_CUSTOM_HEADERS", "x-api-key: sk-wrong\nauthorization: Bearer sk-wrong")
    assert await reply(backend, server, key_variable="MY_KEY")


async def test_no_key_is_taken_from_anywhere_else(
    backend: Backend, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.setenv(name, "sk-canary-0")
    await reply(backend, server, key_variable="MY_KEY")
    assert "canary" not in str(server.calls[0].headers)


async def test_the_key_shows_up_nowhere(
    backend: Backend,
    server: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    canary = "sk-canary-7f3a"
    monkeypatch.setenv("MY_KEY", canary)
    server.key = "sk-right"
    # The server repeats the key in its refusal; some do.
    with pytest.raises(EndpointRefused, match="MY_KEY") as refused:
        await reply(backend, server, key_variable="MY_KEY")
    server.key = canary
    texts = [str(refused.value), repr(refused.value), repr(refused.value.__cause__)]
    event = backend.overloaded.replace(b"Overloaded", canary.encode())
    faults = [backend.refuse(400, f"bad {canary}"), backend.refuse(503, canary), plain(f"<p>{canary}")]
    for fault in (*faults, Fault(body=event, headers=STREAM)):
        server.faults[STEP] = [fault]
        async with backend.open(server, key_variable="MY_KEY", retries=0) as model:
            with pytest.raises(ModelError) as caught:
                await asked(model)
        texts += [str(caught.value), repr(model), *(repr(value) for value in vars(model).values())]
    assert "[key]" in "".join(texts)
    assert canary not in "".join(texts) + caplog.text


async def test_a_refused_key(
    backend: Backend, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.key = "sk-right"
    with pytest.raises(EndpointRefused, match="wants a key: 401"):
        await reply(backend, server, key_variable="MY_KEY")
    monkeypatch.setenv("MY_KEY", "sk-wrong")
    with pytest.raises(EndpointRefused, match="refuses the key in MY_KEY: 401"):
        await reply(backend, server, key_variable="MY_KEY")


async def test_environment_proxies_are_not_asked_for_this_machine(
    backend: Backend, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert await reply(backend, server)


async def test_no_more_calls_than_allowed_are_in_flight(backend: Backend) -> None:
    together = threading.Barrier(3)

    def meet(step: str, body: dict[str, Any]) -> str:
        together.wait(20)
        return "met"

    with backend.serve(meet) as meeting:
        async with backend.open(meeting, max_in_flight=3) as model, anyio.create_task_group() as tasks:
            for number in range(9):
                tasks.start_soon(asked, model, ask(f"pkg/{number}"))
        assert meeting.count("finished").total() == 9
        assert meeting.max_in_flight == 3


async def test_two_hundred_calls_at_a_time(backend: Backend, server: ScriptedServer) -> None:
    texts: dict[int, str] = {}

    async def one(model: Model, number: int) -> None:
        texts[number] = (await asked(model, ask(f"pkg/{number}"))).text

    async with backend.open(server, max_in_flight=200) as model, anyio.create_task_group() as tasks:
        for number in range(200):
            tasks.start_soon(one, model, number)
    assert texts == {number: f"reply to pkg/{number}" for number in range(200)}


@pytest.mark.parametrize("begun", [False, True])
async def test_cancellation_drops_the_request(backend: Backend, server: ScriptedServer, begun: bool) -> None:
    hang = Fault(body=backend.half, headers=STREAM, stall=True) if begun else Fault(hang=True)
    server.faults[STEP] = [hang]
    async with backend.open(server, max_in_flight=1) as model:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(asked, model)
            await anyio.to_thread.run_sync(
                server.wait_until, lambda: bool(server.calls) if begun else server.in_flight == 1
            )
            tasks.start_soon(asked, model, ask("pkg/waiting"))
            await anyio.wait_all_tasks_blocked()
            tasks.cancel_scope.cancel()
        await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 0)
        assert (await asked(model, ask("pkg/next"))).text == "reply to pkg/next"
    assert server.count("finished") == {"pkg/next": 1}
    assert server.count("fault" if begun else "dropped") == {STEP: 1}
