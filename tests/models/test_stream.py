"""Replies that come in pieces: put together to the byte, and given up where they break."""

import json
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, ClassVar

import anyio
import anyio.to_thread
import pytest
from chat_protocol import Fault
from hypothesis import given
from hypothesis import strategies as st
from scripted_server import Handler, ScriptedServer

from swe_scale.config import OpenAIEndpoint
from swe_scale.errors import Interrupted, ModelError
from swe_scale.models import open_model
from swe_scale.models.reply import Malformed, Refusal, completion_of
from swe_scale.models.stream import gathered
from swe_scale.records import Completion, Message, Request, Sampling, ToolCall
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio
STEP = "pkg-1/trajectory/01/turn/01"
ASKED = (Message(role="user", content="why?"),)


def events(*chunks: object, done: bool = True) -> str:
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return "".join(lines) + ("data: [DONE]\n\n" if done else "")


def piece(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def whole(text: str) -> Completion:
    return completion_of(gathered(text), ASKED, 1.0)


@given(st.lists(st.text()), st.lists(st.text()))
def test_pieces_make_the_text(content: list[str], reasoning: list[str]) -> None:
    chunks = [piece(reasoning_content=one) for one in reasoning] + [piece(content=one) for one in content]
    answer = gathered(events(*chunks, piece("stop")))
    assert (answer.content, answer.reasoning) == ("".join(content), "".join(reasoning))


def test_the_last_piece_counts_the_tokens() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 8}}
    reply = whole(events(piece(content="a"), piece("length"), {"choices": [], "usage": usage}))
    assert reply.finish == "length"
    assert (reply.usage.prompt_tokens, reply.usage.cached_tokens, reply.usage.completion_tokens) == (9, 8, 4)


def test_tool_calls_come_in_pieces() -> None:
    first = {"index": 0, "id": "c1", "function": {"name": "bash", "arguments": ""}}
    rest = [{"index": 0, "function": {"arguments": part}} for part in ('{"comm', 'and": "ls"}')]
    other = {"index": 1, "function": {"name": "submit", "arguments": "{}"}}
    chunks = [piece(tool_calls=[one]) for one in (first, *rest, other)]
    reply = whole(events(*chunks, piece("tool_calls")))
    assert reply.tool_calls == (
        ToolCall(id="c1", name="bash", arguments='{"command": "ls"}'),
        ToolCall(id="call_1", name="submit", arguments="{}"),
    )
    assert (reply.text, reply.finish) == ("", "tool_calls")


def test_log_probabilities_are_kept_in_order() -> None:
    chunks = [piece(content="a"), piece("stop", content="b")]
    for chunk, value in zip(chunks, (-0.5, -1.25), strict=True):
        chunk["choices"][0]["logprobs"] = {"content": [{"token": "x", "logprob": value}, {"odd": 1}, 3]}
    assert whole(events(*chunks)).logprobs == (-0.5, -1.25)


def test_comments_names_and_empty_lines_mean_nothing() -> None:
    text = ": keep-alive\n\nevent: message\nid: 3\n" + events(piece("stop", content="a"))
    assert whole(text).text == "a"


def test_a_stream_may_end_without_the_mark_once_the_reply_has_ended() -> None:
    assert whole(events(piece("stop", content="a"), done=False)).text == "a"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds nothing"),
        ("data: [DONE]\n\n", "holds nothing"),
        (events(piece(content="a"), done=False), "broke the stream off"),
        ('data: {"choices": [{"del\n\n', "isn't JSON"),
        ("data: 3\n\n", "unknown form"),
        ("data: " + "[" * 100_000 + "\n\n", "isn't JSON"),
        (events(piece(tool_calls=[{"index": 10**9}])), "tool call in an unknown form"),
        (events(piece(tool_calls=[3])), "tool call in an unknown form"),
    ],
)
def test_what_is_no_stream_of_a_reply(text: str, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        gathered(text)


def test_an_error_in_the_stream() -> None:
    with pytest.raises(Refusal) as caught:
        gathered(events(piece(content="half"), {"error": {"message": "engine died", "code": 503}}))
    assert caught.value.status == 503


NAMES = st.sampled_from(
    ["choices", "delta", "content", "tool_calls", "function", "index", "usage", "logprobs"]
)


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(inner) | st.dictionaries(NAMES, inner)


@given(st.recursive(st.none() | st.integers() | st.text(), nested))
def test_any_piece_is_taken_or_refused(chunk: object) -> None:
    with suppress(Malformed, Refusal):
        gathered(events(chunk))


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with without_waiting(), ScriptedServer(lambda step, body: f"reply to {step} " * 9) as server:
        yield server


async def ask(server: ScriptedServer, **fields: Any) -> Completion:
    given: dict[str, Any] = {"base_url": server.base_url, "model": server.model, "stream": True}
    request = Request(step=STEP, model=server.model, messages=ASKED, sampling=Sampling())
    async with open_model(OpenAIEndpoint(**{**given, **fields})) as model:
        return await model.complete(request)


async def test_streamed_or_not_is_the_same(server: ScriptedServer) -> None:
    one, other = await ask(server), await ask(server, stream=False)
    assert one.text == other.text == f"reply to {STEP} " * 9
    assert one.usage.tokens == other.usage.tokens


async def test_a_server_that_never_streams_is_understood(server: ScriptedServer) -> None:
    body = json.dumps({"choices": [{"message": {"content": "whole"}, "finish_reason": "stop"}]}).encode()
    server.faults[STEP] = [Fault(body=body)]
    assert (await ask(server)).text == "whole"


async def test_a_stream_under_another_type_is_understood(server: ScriptedServer) -> None:
    text = events(piece(content="a"), piece("stop", content="b"))
    server.faults[STEP] = [Fault(body=text.encode(), headers={"Content-Type": "text/plain"})]
    assert (await ask(server)).text == "ab"


async def test_a_server_without_stream_options(server: ScriptedServer) -> None:
    refused = {"error": {"message": "no", "code": "unsupported_parameter", "param": "stream_options"}}
    server.faults[STEP] = [Fault(400, json.dumps(refused).encode())]
    reply = await ask(server)
    assert reply.dropped == ()
    assert "stream_options" not in server.calls[-1].body


async def test_a_stream_that_stalls_is_given_up(server: ScriptedServer) -> None:
    begun = events(piece(content="half a re"), done=False).encode()
    stalled = Fault(body=begun, headers={"Content-Type": "text/event-stream", "Content-Length": "9999"})
    server.faults[STEP] = [stalled]
    with pytest.raises(Interrupted, match=r"no word for 0\.2 s") as caught:
        await ask(server, stall=0.2)
    assert caught.value.charged


async def test_a_long_wait_for_the_first_word_is_no_stall(server: ScriptedServer) -> None:
    server.delay = 0.5
    assert (await ask(server, stall=0.1)).text


async def test_the_whole_time_is_bounded_too(server: ScriptedServer) -> None:
    server.faults[STEP] = [Fault(hang=True)]
    with pytest.raises(ModelError, match=r"within 0\.3 s"):
        await ask(server, timeout=0.3)
    await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 0)


async def test_an_error_in_mid_stream_is_booked_and_may_pass(server: ScriptedServer) -> None:
    text = events(piece(content="half"), {"error": {"message": "engine died", "code": 500}})
    server.faults[STEP] = [Fault(body=text.encode(), headers={"Content-Type": "text/event-stream"})]
    with pytest.raises(Interrupted, match=r"failed: 500 \(engine died\)") as caught:
        await ask(server)
    assert caught.value.charged


class _Noting(Handler):
    ports: ClassVar[list[int]] = []

    def do_POST(self) -> None:  # noqa: N802 - the library looks for it
        self.ports.append(self.client_address[1])
        super().do_POST()


class _NotingServer(ScriptedServer):
    handler = _Noting


async def test_the_next_reply_comes_over_the_same_connection() -> None:
    _Noting.ports.clear()
    with _NotingServer(lambda step, body: "yes") as server:
        config = OpenAIEndpoint(base_url=server.base_url, model=server.model, stream=True)
        request = Request(step=STEP, model=server.model, messages=ASKED, sampling=Sampling())
        async with open_model(config) as model:
            for _ in range(9):
                await model.complete(request)
    # The look at the server's figures may have taken the first one.
    assert len(_Noting.ports) == 9
    assert len(set(_Noting.ports)) <= 2
