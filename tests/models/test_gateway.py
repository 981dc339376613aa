"""What an agent asks through the gateway, what its endpoint is asked, and what comes back."""

import json
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx2
import pytest
from anthropic_server import AnthropicServer
from chat_protocol import Fault, streamed, whole
from chat_script import ANY
from gateway_kit import CHAT, KEY, PATH, STREAM, Page, free_port, native, open_led, paged, served
from scripted_server import ScriptedServer

from swe_scale.config import Pool, ScriptedReplies
from swe_scale.errors import EndpointRefused, UsageError
from swe_scale.records import Usage

pytestmark = pytest.mark.anyio
COUNTS = {"prompt_tokens": 11, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
SPENT = Usage(calls=1, prompt_tokens=11, cached_tokens=4, completion_tokens=5)


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)


def tokens_of(usage: Usage) -> Usage:
    return usage.model_copy(update={"seconds": 0.0, "usd": 0.0})


async def test_a_request_goes_to_the_one_model_bounded_and_with_the_key(tmp_path: Path) -> None:
    page = Page(whole("m", "because", COUNTS))
    with paged(chat_completions=page) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.client.post(
                "/v1/chat/completions?beta=1",
                json=CHAT | {"max_tokens": 90_000, "service_tier": "priority", "user": "me", "seed": 3},
                headers={"Authorization": "Bearer mine", "X-Evil": "1", "Cookie": "a=b", "Host": "evil.org"},
            )
        ((path, headers, body),) = (one for one in server.asked if one[0].startswith("/v1/chat"))
    assert answer.status_code == 200 and answer.json()["choices"][0]["message"]["content"] == "because"
    assert path == "/v1/chat/completions"
    assert body == CHAT | {"model": "m", "max_tokens": 100, "seed": 3}
    assert headers["authorization"] == f"Bearer {KEY}"
    assert headers["x-request-id"] == f"{PATH}/request/001"
    assert headers["host"] == server.base_url.split("/")[2]
    assert not {"x-evil", "cookie"} & headers.keys()
    assert tokens_of(led.gateway.spending.usage) == SPENT
    assert led.gateway.spending.usage.usd == pytest.approx(0.016)
    assert tokens_of(led.ledger.by_stage["trajectory"]) == SPENT


async def test_a_stream_comes_piece_by_piece_and_its_tokens_are_known(tmp_path: Path) -> None:
    with paged(chat_completions=Page(streamed("m", "because of that", COUNTS), headers=STREAM)) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            plain = await led.ask(stream=True)
            counted = await led.ask(stream=True, stream_options={"include_usage": True})
        assert [body["stream_options"] for body in server.bodies()] == [{"include_usage": True}] * 2
    assert plain.headers["content-type"] == "text/event-stream"
    chunks = [json.loads(line[5:]) for line in plain.text.splitlines() if line.startswith("data: {")]
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "because of that"
    # Clients that didn't ask for the tokens may trip over a piece without a choice.
    assert '"choices": []' not in plain.text and plain.text.rstrip().endswith("data: [DONE]")
    assert '"choices": []' in counted.text
    assert tokens_of(led.gateway.spending.usage) == SPENT + SPENT
    assert [one.completion.text for one in led.gateway.transcript.exchanges if one.completion] == [
        "because of that"
    ] * 2


async def test_the_models_that_are_listed_are_the_one(tmp_path: Path) -> None:
    with paged() as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            listed = (await led.client.get("/v1/models")).json()
            one = (await led.client.get("/v1/models/gpt-dearest")).json()
        assert len(server.asked) == 1
    assert [row["id"] for row in listed["data"]] == ["m"] and one["id"] == "m"


async def test_anthropic_s_protocol_at_anthropic_s_endpoint(tmp_path: Path) -> None:
    said = [{"role": "user", "content": [{"type": "text", "text": "why?"}]}]
    with AnthropicServer(lambda step, _: f"as {step}", key=KEY) as server:
        async with open_led(tmp_path, native(server.base_url)) as led:
            headers = {"x-api-key": "mine", "anthropic-beta": "tools-2024-05-16,context-1m-2025-08-07,a b"}
            body = {"model": "dearest", "max_tokens": 64, "messages": said, "stream": True}
            answer = await led.client.post("/v1/messages?beta=true", json=body, headers=headers)
        call = server.calls[-1]
    assert answer.status_code == 200 and "event: message_stop" in answer.text
    assert call.headers["x-api-key"] == KEY and call.headers["authorization"] == f"Bearer {KEY}"
    assert call.headers["anthropic-beta"] == "tools-2024-05-16"
    assert call.headers["anthropic-version"] == "2023-06-01"
    (exchange,) = led.gateway.transcript.exchanges
    assert exchange.completion and exchange.completion.text == f"as {PATH}/request/001"
    assert led.gateway.spending.usage.completion_tokens > 0


async def test_the_newer_protocol_s_tokens_are_known(tmp_path: Path) -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "message", "content": [{"type": "output_text", "text": "because"}]},
        {"type": "function_call", "call_id": "c1", "name": "shell", "arguments": '{"a": 1}'},
    ]
    usage = {"input_tokens": 11, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}
    response = {"id": "r", "status": "completed", "output": output, "usage": usage}
    events = [
        {"type": "response.created", "response": {}},
        {"type": "response.completed", "response": response},
    ]
    stream = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events).encode()
    with paged(responses=[Page.of(response), Page(stream, headers=STREAM)]) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            whole = await led.ask("responses", input="why?", model="x")
            piece = await led.ask("responses", input="why?", stream=True, max_output_tokens=7)
        assert server.bodies()[0] == {"input": "why?", "model": "m", "store": False, "max_output_tokens": 100}
        assert server.bodies()[1]["max_output_tokens"] == 7
    assert whole.json() == response and "response.completed" in piece.text
    assert tokens_of(led.gateway.spending.usage) == SPENT + SPENT
    for exchange in led.gateway.transcript.exchanges:
        assert exchange.completion is not None
        assert (exchange.completion.text, exchange.completion.reasoning) == ("because", "hm")
        assert exchange.completion.tool_calls[0].name == "shell"


async def test_the_older_protocol_s_tokens_are_known(tmp_path: Path) -> None:
    reply = {"choices": [{"text": "because", "finish_reason": "stop"}], "usage": COUNTS}
    pieces = [{"choices": [{"text": one, "finish_reason": None}]} for one in ("be", "cause")]
    lines = [*pieces, {"choices": [{"text": "", "finish_reason": "stop"}]}, {"choices": [], "usage": COUNTS}]
    stream = "".join(f"data: {json.dumps(one)}\n\n" for one in lines) + "data: [DONE]\n\n"
    with paged(completions=[Page.of(reply), Page(stream.encode(), headers=STREAM)]) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            await led.ask("completions", prompt="why?")
            await led.ask("completions", prompt="why?", stream=True)
            many = await led.ask("completions", prompt=["why?", "when?"])
    assert many.status_code == 400
    assert [one.completion.text for one in led.gateway.transcript.exchanges if one.completion] == [
        "because"
    ] * 2
    assert tokens_of(led.gateway.spending.usage) == SPENT + SPENT


async def test_a_model_that_knows_the_newer_name_alone_is_asked_by_it(tmp_path: Path) -> None:
    wrong = {"message": "use max_completion_tokens", "param": "max_tokens", "code": "unsupported_parameter"}
    good = Page(whole("m", "because", COUNTS))
    with paged(chat_completions=[Page.of({"error": wrong}, 400), good]) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            assert (await led.ask()).status_code == 200
            assert (await led.ask()).status_code == 200
        lengths = [{name for name in body if "max" in name} for body in server.bodies()]
    assert lengths == [{"max_tokens"}, {"max_completion_tokens"}, {"max_completion_tokens"}]
    assert led.gateway.spending.requests == 2


@pytest.mark.parametrize("status", [400, 429, 500, 503])
async def test_a_refusal_is_passed_on_without_the_key_and_costs_nothing(tmp_path: Path, status: int) -> None:
    told = Page.of({"error": {"message": f"no, {KEY}", "type": "t"}}, status)
    told = Page(told.body, status, {"Retry-After": "7", "X-Secret": KEY, "Set-Cookie": KEY})
    with paged(chat_completions=told) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.ask()
    assert answer.status_code == status and answer.json()["error"]["message"] == "no, [key]"
    assert answer.headers["retry-after"] == "7"
    assert KEY not in str(answer.headers) and KEY not in str(led.gateway.transcript.exchanges)
    assert led.gateway.spending.usage == Usage() and led.gateway.fault is not None


async def test_a_refused_key_ends_the_agent(tmp_path: Path) -> None:
    with ScriptedServer({}) as server:
        async with open_led(tmp_path, served(server.base_url, model="scripted")) as led:
            server.key = "sk-another-key"
            answer = await led.ask()
            assert led.gateway.ended.is_set()
    assert answer.status_code == 401 and KEY not in answer.text
    assert isinstance(led.gateway.refused, EndpointRefused) and KEY not in str(led.gateway.refused)


async def test_a_reply_without_a_count_is_bounded_by_its_bytes(tmp_path: Path) -> None:
    with paged(chat_completions=Page(whole("m", "because", None))) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            await led.ask()
    assert led.gateway.spending.usage.completion_tokens == len("because")
    assert led.gateway.spending.usage.prompt_tokens >= len(json.dumps(CHAT, separators=(",", ":")))


@pytest.mark.parametrize(
    "page",
    [
        Page(b"<html>", headers={"Content-Type": "text/html"}),
        Page(b'data: {"choices": [{"delta": {"content": "ha"}}]}\n\n', headers=STREAM),
        Page.of({"choices": []}),
        Page.of({"error": {"message": "Overloaded", "code": 529}}),
    ],
    ids=["no-json", "broken-off", "empty", "error-in-200"],
)
async def test_a_reply_that_cannot_be_read_costs_its_bound(tmp_path: Path, page: Page) -> None:
    with paged(chat_completions=page) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.ask(stream=True)
    assert answer.content == page.body
    assert led.gateway.spending.usage.completion_tokens == 100
    (exchange,) = led.gateway.transcript.exchanges
    assert exchange.completion is None and exchange.fault


async def test_an_endpoint_that_is_gone_is_said(tmp_path: Path) -> None:
    with ScriptedServer({}) as server:
        async with open_led(tmp_path, served(server.base_url, model="scripted")) as led:
            gone = served(f"http://127.0.0.1:{free_port()}/v1", model="scripted")
            led.gateway._model._limits = gone  # type: ignore[attr-defined]
            answer = await led.ask()
            assert answer.status_code == 502 and "can't be reached" in answer.json()["error"]["message"]
    assert led.gateway.spending.usage == Usage()


async def test_a_pool_s_request_goes_to_the_issue_s_place(tmp_path: Path) -> None:
    with ScriptedServer(lambda *_: "one") as one, ScriptedServer(lambda *_: "two") as two:
        pool = Pool(endpoints=tuple(served(each.base_url, model="scripted") for each in (one, two)))
        async with open_led(tmp_path, pool) as led:
            answers = [(await led.ask()).text for _ in range(4)]
        assert len(set(answers)) == 1 and sorted((len(one.calls), len(two.calls))) == [0, 4]


async def test_a_model_in_files_is_none_for_agents(tmp_path: Path) -> None:
    (tmp_path / "replies.jsonl").write_text("")
    with pytest.raises(UsageError, match="needs an endpoint"):
        async with open_led(tmp_path, ScriptedReplies(replies=tmp_path / "replies.jsonl")):
            pass


async def test_what_a_request_repeats_is_noted_once(tmp_path: Path) -> None:
    with ScriptedServer(lambda *_: "because") as server:
        async with open_led(tmp_path, served(server.base_url, model="scripted")) as led:
            messages: list[Any] = [{"role": "user", "content": "why? " * 1000}]
            for _ in range(3):
                await led.ask(messages=messages)
                messages += [{"role": "assistant", "content": "because"}, {"role": "user", "content": "and?"}]
    sizes = [(one.shared, len(one.asked)) for one in led.gateway.transcript.exchanges]
    assert [shared for shared, _ in sizes] == [0, 1, 3] and sizes[0][1] > 5000 > 500 > sizes[2][1]


async def test_a_client_that_leaves_has_its_call_dropped(tmp_path: Path) -> None:
    with ScriptedServer(lambda *_: "because", faults={ANY: [Fault(hang=True)]}) as server:
        async with open_led(tmp_path, served(server.base_url, model="scripted")) as led:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(led.ask)
                await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 1)
                tasks.cancel_scope.cancel()
            await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 0)
            assert (await led.ask()).status_code == 200
    # Nobody knows what the first one cost.
    assert led.gateway.spending.usage.completion_tokens == 100 + 2


async def test_a_request_takes_its_place_at_the_endpoint_like_all(tmp_path: Path) -> None:
    with ScriptedServer(lambda *_: "because", delay=0.05) as server:
        config = served(server.base_url, model="scripted", max_in_flight=2)
        async with open_led(tmp_path, config) as led, anyio.create_task_group() as tasks:
            for _ in range(8):
                tasks.start_soon(led.ask)
        assert server.max_in_flight == 2 and len(server.calls) == 8


async def test_a_slow_endpoint_is_given_up(tmp_path: Path) -> None:
    with ScriptedServer(lambda *_: "because", faults={ANY: [Fault(hang=True, always=True)]}) as server:
        async with open_led(tmp_path, served(server.base_url, model="scripted", timeout=0.3)) as led:
            answer = await led.ask()
    assert answer.status_code == 502 and "no reply within 0.3 s" in answer.text
    assert led.gateway.spending.usage.completion_tokens == 100


async def test_a_stream_that_stalls_is_broken_off(tmp_path: Path) -> None:
    half = b'data: {"choices": [{"delta": {"content": "ha"}}]}\n\n'
    fault = Fault(body=half, stall=True, headers=STREAM)
    with ScriptedServer(lambda *_: "", faults={ANY: [fault]}) as server:
        async with open_led(tmp_path, served(server.base_url, model="scripted", stall=0.3)) as led:
            with pytest.raises(httpx2.RemoteProtocolError):
                await led.ask(stream=True)
    (exchange,) = led.gateway.transcript.exchanges
    assert "no word for 0.3 s" in exchange.fault
