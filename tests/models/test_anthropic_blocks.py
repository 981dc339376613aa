"""Replies over Anthropic's protocol: put together to the byte, and never trusted."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages_protocol import Content, events, sent, started

from swe_scale.models.blocks import Blocks, parse
from swe_scale.models.reply import Answer, Malformed, Refusal, completion_of
from swe_scale.records import Message

ASKED = (Message(role="user", content="why?"),)
USAGE = {
    "input_tokens": 3,
    "output_tokens": 9,
    "cache_read_input_tokens": 4,
    "cache_creation_input_tokens": 2,
}


def streamed(*pieces: dict[str, Any]) -> Answer:
    return gathered(sent(pieces))


def gathered(raw: bytes) -> Answer:
    blocks = Blocks()
    for line in raw.decode().split("\n"):
        blocks.add(line)
    return blocks.answer()


def whole(content: Content, usage: object = USAGE) -> bytes:
    body = {"content": content.blocks, "stop_reason": content.stop, "stop_details": content.details}
    return json.dumps({"type": "message", **body, "usage": usage}).encode()


BLOCKS = st.lists(
    st.one_of(
        st.builds(lambda text: {"type": "text", "text": text}, st.text()),
        st.builds(lambda text: {"type": "thinking", "thinking": text, "signature": "s"}, st.text()),
        st.builds(
            lambda given: {"type": "tool_use", "id": "t", "name": "bash", "input": given},
            st.dictionaries(st.text(), st.text() | st.integers() | st.lists(st.booleans())),
        ),
        st.just({"type": "redacted_thinking", "data": "x"}),
    )
)


@given(BLOCKS)
def test_a_stream_says_what_a_whole_reply_says(blocks: list[dict[str, Any]]) -> None:
    content = Content(blocks)
    answer = gathered(sent(events("claude", content, USAGE)))
    assert answer == parse(whole(content)) == parse(sent(events("claude", content, USAGE)))
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    assert answer.content == "".join(texts)
    inputs = [block["input"] for block in blocks if block["type"] == "tool_use"]
    assert [json.loads(call.arguments) for call in answer.tool_calls] == inputs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from([
        "type", "index", "content_block", "delta", "message", "content", "usage", "stop_reason", "text",
        "stop_details", "input", "error", "input_tokens", "output_tokens", "partial_json", "id",
    ]), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip
KINDS = st.sampled_from(
    [
        "message_start",
        "content_block_start",
        "content_block_delta",
        "message_delta",
        "message_stop",
        "ping",
        "error",
    ]
)


@given(st.lists(st.tuples(KINDS, JSON)))
def test_whatever_comes_is_read_or_refused(pieces: list[tuple[str, Any]]) -> None:
    chunks = [
        {**(piece if isinstance(piece, dict) else {"delta": piece}), "type": kind} for kind, piece in pieces
    ]
    with suppress(Malformed, Refusal):
        completion_of(gathered("".join(f"data: {json.dumps(one)}\n" for one in chunks).encode()), ASKED, 1.0)


@given(JSON)
def test_a_body_is_read_or_refused(body: Any) -> None:
    with suppress(Malformed, Refusal):
        completion_of(parse(json.dumps(body).encode()), ASKED, 1.0)


def test_the_prompt_is_counted_with_what_the_cache_has_of_it() -> None:
    thought = {**USAGE, "output_tokens_details": {"thinking_tokens": 5}}
    usage = completion_of(parse(whole(Content([]), thought)), ASKED, 1.0).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.written_tokens) == (9, 4, 2)
    assert (usage.completion_tokens, usage.reasoning_tokens) == (9, 5)


def test_the_last_counts_stand() -> None:
    begins = started(usage={"input_tokens": 5, "cache_read_input_tokens": 1, "output_tokens": 1})
    ends = {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn"},
        "usage": {"input_tokens": 7, "cache_read_input_tokens": None, "output_tokens": 20},
    }
    usage = completion_of(streamed(begins, ends), ASKED, 1.0).usage
    assert (usage.prompt_tokens, usage.cached_tokens, usage.completion_tokens) == (8, 1, 20)


@pytest.mark.parametrize(
    "usage", [None, {}, {"input_tokens": 1}, {**USAGE, "output_tokens": "9"}, {**USAGE, "input_tokens": -1}]
)
def test_counts_that_are_none_are_replaced_by_a_bound(usage: object) -> None:
    counted = completion_of(parse(whole(Content([{"type": "text", "text": "hä"}]), usage)), ASKED, 1.0).usage
    assert counted.prompt_tokens >= len("why?") and counted.completion_tokens == 3
    assert (counted.cached_tokens, counted.written_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("stop", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "length"),
        ("tool_use", "tool_calls"),
        ("refusal", "refusal"),
        ("something_new", "something_new"),
    ],
)
def test_why_a_reply_ended(stop: str, finish: str) -> None:
    content = Content([{"type": "text", "text": "a"}], stop)
    assert completion_of(parse(whole(content)), ASKED, 1.0).finish == finish


def test_a_reply_may_be_empty() -> None:
    done = completion_of(parse(whole(Content([]))), ASKED, 1.0)
    assert (done.text, done.finish) == ("", "stop")


@pytest.mark.parametrize(
    ("details", "text"),
    [({"type": "refusal", "explanation": "not this"}, "not this"), (None, "The model refuses to answer.")],
)
def test_a_refusal_is_a_reply(details: object, text: str) -> None:
    done = completion_of(gathered(sent(events("claude", Content([], "refusal", details), USAGE))), ASKED, 1.0)
    assert (done.text, done.finish) == (text, "refusal")
    some = Content([{"type": "text", "text": "I"}], "refusal", details)
    assert completion_of(parse(whole(some)), ASKED, 1.0).text == "I"


@pytest.mark.parametrize(
    ("kind", "status"),
    [("overloaded_error", 529), ("invalid_request_error", 400), ("api_error", 500), ("unheard_of", 500)],
)
def test_an_error_in_a_stream_has_the_status_of_its_type(kind: str, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        streamed(started(), {"type": "error", "error": {"type": kind, "message": "m"}})
    assert caught.value.status == status


def test_what_later_versions_add_is_passed_over() -> None:
    later = (
        {"type": "unheard_of", "index": 0},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "hologram", "text": "x"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "hologram_delta", "text": "y"}},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 1}},
    )
    assert streamed(started(), *later).content == ""
