"""A gateway answers only what it knows, however it is asked."""

import json
from pathlib import Path
from typing import Any

import pytest
from chat_protocol import whole
from gateway_kit import CHAT, KEY, PATH, Page, open_led, paged, served

pytestmark = pytest.mark.anyio
BODY = json.dumps(CHAT).encode()
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n"
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
REPLY = Page(whole("m", "because", {"prompt_tokens": 1, "completion_tokens": 1}))

REFUSED = {
    "no request": (b"\x16\x03\x01\x02\x00\r\n\r\n", 400),
    "another address": (b"POST /v1/files HTTP/1.1\r\nHost: a\r\n" + LENGTH + BODY, 404),
    "an address above": (b"POST /v1/../admin HTTP/1.1\r\nHost: a\r\n" + LENGTH + BODY, 404),
    "an encoded address": (b"POST /v1/chat%2fcompletions HTTP/1.1\r\nHost: a\r\n" + LENGTH + BODY, 404),
    "another method": (b"GET /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "another host": (b"GET http://169.254.169.254/latest HTTP/1.1\r\nHost: a\r\n\r\n", 403),
    "the model's own host": (
        b"POST http://api.openai.com/v1/chat/completions HTTP/1.1\r\nHost: a\r\n" + LENGTH + BODY,
        403,
    ),
    "another case of a method": (b"post /v1/chat/completions HTTP/1.1\r\nHost: a\r\n" + LENGTH + BODY, 405),
    "options": (b"OPTIONS /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "options of nothing": (b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 403),
    "a trace": (b"TRACE /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "a tunnel to an address": (b"CONNECT /v1/chat/completions HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    "an unknown method": (b"M-SEARCH /end HTTP/1.1\r\nHost: a\r\n\r\n", 404),
    "an end that is posted": (b"POST /end HTTP/1.1\r\nHost: a\r\n" + LENGTH + BODY, 404),
    "a tunnel": (b"CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n\r\n", 403),
    "no host": (b"POST /v1/chat/completions HTTP/1.1\r\n" + LENGTH + BODY, 400),
    "two lengths": (HEAD + b"Content-Length: 1\r\n" + LENGTH + BODY, 400),
    "a length and chunks": (HEAD + b"Transfer-Encoding: chunked, identity\r\n" + LENGTH + BODY, 501),
    "a negative length": (HEAD + b"Content-Length: -1\r\n\r\n", 400),
    "a bare line end in a field": (HEAD + b"X: a\nY: b\r\x00\r\n\r\n", 400),
    "an endless head": (HEAD + b"X: " + b"x" * 40_000, 431),
    "a huge body": (HEAD + b"Content-Length: 99999999\r\n\r\n" + b" " * (17 << 20), 413),
    "a packed body": (HEAD + b"Content-Encoding: gzip\r\n" + LENGTH + BODY, 415),
    "no JSON": (HEAD + b"Content-Length: 2\r\n\r\n{]", 400),
    "no object": (HEAD + b"Content-Length: 2\r\n\r\n[]", 400),
    "deep JSON": (HEAD + b"Content-Length: 100000\r\n\r\n" + b"[" * 100_000, 400),
    "no number": (HEAD + b'Content-Length: 10\r\n\r\n{"a": NaN}', 400),
}


@pytest.mark.parametrize(("request_", "status"), REFUSED.values(), ids=REFUSED)
async def test_what_is_no_request_of_a_model_is_refused(tmp_path: Path, request_: bytes, status: int) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.raw(request_)
            assert (await led.ask()).status_code == 200
        assert len(server.bodies()) == 1
    assert answer.split(b" ")[1] == str(status).encode(), answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert json.loads(body)["error"]["message"] and b"Connection: close" in head


@pytest.mark.parametrize(
    ("address", "status"),
    [("/v1/models", 200), ("/v1/chat/completions", 405), ("/end", 404), ("http://example.org/", 403)],
)
async def test_an_answer_to_head_has_no_body(tmp_path: Path, address: str, status: int) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.raw(f"HEAD {address} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert (await led.ask()).status_code == 200
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.split(b" ")[1] == str(status).encode() and b"Content-Length: " in head and not body


async def test_other_hosts_are_noted_once(tmp_path: Path) -> None:
    with paged() as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            for _ in range(2):
                await led.raw(b"CONNECT exa\x1bmple.org:443 HTTP/1.1\r\nHost: a\r\n\r\n")
                await led.raw(b"GET http://example.org/a HTTP/1.1\r\nHost: a\r\n\r\n")
            for number in range(50):
                await led.raw(b"CONNECT h%d:443 HTTP/1.1\r\nHost: a\r\n\r\n" % number)
    noted = [event.text for event in led.events if event.kind == "note" and event.step == PATH]
    assert noted[0] == "the agent didn't reach example.org: it reaches its model alone"
    assert len(noted) == 10


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 5},
        {"tools": [{"type": "web_search"}]},
        {"tools": ["x"]},
        {"web_search_options": {"a": 1}},
        {"previous_response_id": "r"},
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://a/b"}}]}
            ]
        },
        {"messages": [{"role": "user", "content": [{"type": "file", "file_id": "f"}]}]},
    ],
    ids=lambda fields: next(iter(fields)),
)
async def test_what_reaches_beyond_the_model_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answer = await led.ask(**fields)
        assert not server.bodies()
    assert answer.status_code == 400 and answer.json()["error"]["message"]


async def test_what_agents_do_by_themselves_is_passed_on(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"properties": {"url": {}}}}}]
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"url": "https://a"}'}}
    messages = [
        {"role": "user", "content": [image, {"type": "text", "text": "see https://a"}]},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "https://a"},
    ]
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            assert (await led.ask(messages=messages, tools=tools)).status_code == 200
        assert server.bodies()[0]["messages"] == messages and server.bodies()[0]["tools"] == tools


async def test_a_key_that_the_endpoint_repeats_is_blotted_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    line = json.dumps({"choices": [{"delta": {"content": f"it is {KEY}"}, "finish_reason": "stop"}]})
    stream = Page(f"data: {line}\n\ndata: [DONE]\n\n".encode(), headers={"Content-Type": "text/event-stream"})
    with paged(chat_completions=[Page(whole("m", KEY, None)), stream]) as server:
        async with open_led(tmp_path, served(server.base_url)) as led:
            answers = [await led.ask(), await led.ask(stream=True)]
    assert all(KEY not in answer.text and "[key]" in answer.text for answer in answers)
    assert KEY not in str(led.gateway.transcript.exchanges)
    for file in (tmp_path / "run").rglob("*"):
        assert not file.is_file() or KEY.encode() not in file.read_bytes()
