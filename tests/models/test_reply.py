import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.ledger import text_bound
from swe_scale.models.reply import Malformed, Refusal, completion_of, parse, split_reasoning
from swe_scale.records import Completion, Message, Usage

ASKED = (Message(role="user", content="häh?"),)


def body(message: dict[str, Any], finish: str | None = "stop", usage: object = None) -> bytes:
    return json.dumps({"choices": [{"message": message, "finish_reason": finish}], "usage": usage}).encode()


def read(raw: bytes, seconds: float) -> Completion:
    return completion_of(parse(raw), ASKED, seconds)


@pytest.mark.parametrize(
    ("text", "reply", "reasoning"),
    [
        ("plain", "plain", ""),
        ("<think>\nwhy\n</think>\n\nhow", "how", "why"),
        ("  \n<think>why</think>how", "how", "why"),
        ("<think>never ends", "", "never ends"),
        ("why\n</think>\n\nhow", "how", "why"),
        ("the tag </think> is closed", "the tag </think> is closed", ""),
        ("see\n<think>a</think>\nb", "see\n<think>a</think>\nb", ""),
        ("a\n</think>\nb\n</think>\nc", "a\n</think>\nb\n</think>\nc", ""),
    ],
)
def test_thinking_is_taken_off(text: str, reply: str, reasoning: str) -> None:
    assert split_reasoning(text) == (reply, reasoning)


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_thinking_may_come_apart(name: str) -> None:
    completion = read(body({"content": "a\n</think>\nb", name: "why"}), 1.0)
    assert completion.text == "a\n</think>\nb"
    assert completion.reasoning == "why"


def test_a_reply_that_was_all_thinking_is_empty() -> None:
    completion = read(body({"content": None, "reasoning": "so"}, "length"), 1.0)
    assert (completion.text, completion.reasoning, completion.finish) == ("", "so", "length")


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "a"}, {"type": "image"}, {"type": "text", "text": "b"}, 3]
    assert read(body({"content": parts}), 1.0).text == "ab"


def test_a_refusal_is_a_reply() -> None:
    assert read(body({"content": None, "refusal": "no"}, "content_filter"), 1.0).text == "no"


@pytest.mark.parametrize(
    ("sent", "understood"),
    [("stop", "stop"), (None, "stop"), ("length", "length"), ("max_tokens", "length"), ("eos", "eos")],
)
def test_the_reason_of_the_end(sent: str | None, understood: str) -> None:
    assert read(body({"content": ""}, sent), 1.0).finish == understood


def test_usage_is_read() -> None:
    usage = {
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "prompt_tokens_details": {"cached_tokens": 64},
        "completion_tokens_details": {"reasoning_tokens": 5},
    }
    assert read(body({"content": "x"}, usage=usage), 2.5).usage == Usage(
        calls=1,
        prompt_tokens=100,
        cached_tokens=64,
        completion_tokens=20,
        reasoning_tokens=5,
        seconds=2.5,
    )


def test_details_may_be_null() -> None:
    usage = {
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "prompt_tokens_details": None,
        "completion_tokens_details": {"reasoning_tokens": None},
    }
    assert read(body({"content": "x"}, usage=usage), 1.0).usage.prompt_tokens == 9


def test_details_never_exceed_their_whole() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 99}}
    assert read(body({"content": "x"}, usage=usage), 1.0).usage.cached_tokens == 9


def test_what_is_written_to_a_cache_is_no_cached_token() -> None:
    for written, kept in ((3, 3), (99, 5)):
        details = {"cached_tokens": 4, "cache_write_tokens": written}
        usage = {"prompt_tokens": 9, "completion_tokens": 2, "prompt_tokens_details": details}
        assert read(body({"content": "x"}, usage=usage), 1.0).usage.written_tokens == kept


@pytest.mark.parametrize(
    "usage",
    [
        None,
        "many",
        {},
        {"prompt_tokens": -1, "completion_tokens": 2},
        {"prompt_tokens": "7", "completion_tokens": 2},
        {"prompt_tokens": 1e300, "completion_tokens": 2},
    ],
)
def test_usage_that_is_missing_or_senseless_is_bounded_by_bytes(usage: object) -> None:
    completion = read(body({"content": "äb", "reasoning": "c"}, usage=usage), 1.0)
    assert completion.usage.prompt_tokens == text_bound(ASKED) >= len("häh?".encode())
    assert completion.usage.completion_tokens == 4


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"", "isn't JSON"),
        (b'{"choices": [{"mess', "breaks off"),
        (b"<html>hello", "<html>hello"),
        (b"[]", "unknown form"),
        (b'{"choices": []}', "without any choice"),
        (b'{"choices": null}', "without any choice"),
        (b"{}", "without any choice"),
        (b'{"choices": [{"text": "old protocol"}]}', "choices.0.message"),
        (b'{"choices": [{"message": {"content": null}}]}', "without any content"),
        (b'{"choices": [{"message": {"content": 3}}]}', "unknown form"),
        (b"\xff\xfe", "isn't JSON"),
    ],
)
def test_what_is_no_reply(raw: bytes, says: str) -> None:
    with pytest.raises(Malformed, match=says):
        read(raw, 1.0)


@pytest.mark.parametrize(
    ("error", "status"), [("busy", 500), ({"code": 429}, 429), ({"code": "x"}, 500), ({"code": 7}, 500)]
)
def test_an_error_under_the_status_of_a_success(error: object, status: int) -> None:
    with pytest.raises(Refusal) as caught:
        read(json.dumps({"error": error}).encode(), 1.0)
    assert (caught.value.error, caught.value.status) == (error, status)


NAMES = st.sampled_from(["choices", "message", "content", "reasoning", "usage", "prompt_tokens", "error"])
VALUES = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
)


@given(st.binary() | VALUES.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_a_reply_or_a_fault(raw: bytes) -> None:
    with suppress(Malformed, Refusal):
        assert read(raw, 1.0).usage.calls == 1
