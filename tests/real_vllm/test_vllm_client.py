"""Our client against a real vLLM, one call at a time."""

import json
import re
from collections.abc import Awaitable, Callable
from secrets import token_hex
from typing import cast

import pytest
from vllm_asking import ask, endpoint, reply
from vllm_kit import BLOCK, CONTEXT, MODEL
from vllm_served import Served

from swe_scale.errors import ContextExceeded, ModelError
from swe_scale.ledger import Ledger
from swe_scale.models import open_model
from swe_scale.models.faults import UnknownModel
from swe_scale.records import Completion, Message, Request, Sampling, Tool
from swe_scale.store import Key
from swe_scale.trajectory.conversation import Conversation

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

LOOK = Tool(
    name="look",
    description="Shows a file.",
    parameters={"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]},
)


class Bounds:
    """Stands in for a ledger: only compares the bound of each prompt with what it turns out to have."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, int]] = []

    async def complete(
        self, key: Key, request: Request, bound: int, call: Callable[[], Awaitable[Completion]]
    ) -> Completion:
        reply = await call()
        self.seen.append((reply.usage.prompt_tokens, bound))
        return reply


def forced(regex: str) -> dict[str, object]:
    """Return what makes a model of random weights write just this."""
    return {"structured_outputs": {"regex": regex}}


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reply(server: Served, stream: bool) -> None:
    completion = await reply(server, ask("Why does it crash?", max_tokens=40), stream=stream)
    assert completion.text and not completion.reasoning and not completion.tool_calls
    assert completion.finish in ("stop", "length")
    assert 0 < completion.usage.completion_tokens <= 40
    assert completion.usage.prompt_tokens > 0
    assert completion.dropped == ()


async def test_the_server_says_how_long_its_context_is(server: Served) -> None:
    async with open_model(endpoint(server)) as model:
        assert (model.name, model.context_length) == (MODEL, CONTEXT)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_same_seed_draws_the_same(server: Served, stream: bool) -> None:
    first = await reply(server, ask("Say something.", seed=7))
    again = await reply(server, ask("Say something.", seed=7), stream=stream)
    other = await reply(server, ask("Say something.", seed=8), stream=stream)
    assert again.text == first.text != other.text
    assert again.usage.completion_tokens == first.usage.completion_tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_cached_tokens_are_those_of_the_full_blocks(server: Served, stream: bool) -> None:
    prompt = f"{token_hex(8)} " + "A prompt of some length. " * 20
    first = (await reply(server, ask(prompt), stream=stream)).usage
    second = (await reply(server, ask(prompt), stream=stream)).usage
    assert first.prompt_tokens == second.prompt_tokens > 2 * BLOCK
    assert first.cached_tokens == 0
    # The last token is never taken from the cache: its successor is what is asked for.
    assert second.cached_tokens == (second.prompt_tokens - 1) // BLOCK * BLOCK


async def test_our_usage_is_what_the_server_counted(server: Served) -> None:
    before = server.figures()
    async with open_model(endpoint(server)) as model:
        calls = [
            (await model.complete(ask(f"{text} " * 60, max_tokens=n))).usage
            for n, text in enumerate(("red", "green", "red", "blue", "green", "red"), start=5)
        ]
    after = server.wait_until_idle()
    counted = {name: after[name] - before[name] for name in after}
    assert sum(call.prompt_tokens for call in calls) == counted["vllm:prompt_tokens_total"]
    assert sum(call.cached_tokens for call in calls) == counted["vllm:prefix_cache_hits_total"] > 0
    assert sum(call.completion_tokens for call in calls) == counted["vllm:generation_tokens_total"]
    assert counted["vllm:request_success_total"] == len(calls)


async def test_a_prompt_beyond_the_context(server: Served) -> None:
    async with open_model(endpoint(server)) as model:
        with pytest.raises(ContextExceeded, match=str(CONTEXT)) as caught:
            await model.complete(ask("word " * CONTEXT))
        assert not caught.value.charged
        assert (await model.complete(ask("short"))).text


async def test_a_reply_longer_than_the_context(server: Served) -> None:
    with pytest.raises(ModelError, match=str(CONTEXT)) as caught:
        await reply(server, ask("short", max_tokens=CONTEXT + 1))
    assert not caught.value.charged


async def test_an_unknown_model_is_told_what_is_served(server: Served) -> None:
    with pytest.raises(UnknownModel, match=rf"not served there\n.*\b{MODEL}\b"):
        async with open_model(endpoint(server, model="qwen-coder")):
            pass


@pytest.mark.parametrize("stream", [False, True])
async def test_further_fields_reach_the_server(server: Served, stream: bool) -> None:
    asked = ask("A word?", max_tokens=60)
    written = await reply(server, asked, extra_body=forced("[a-f]{8}"), stream=stream)
    assert re.fullmatch("[a-f]{8}", written.text)
    assert written.finish == "stop"
    schema = {
        "type": "object",
        "properties": {"candidate": {"enum": ["A", "B"]}, "sure": {"type": "boolean"}},
        "required": ["candidate", "sure"],
        "additionalProperties": False,
    }
    chosen = await reply(server, asked, extra_body={"structured_outputs": {"json": schema}}, stream=stream)
    assert json.loads(chosen.text).keys() == {"candidate", "sure"}


@pytest.mark.parametrize("stream", [False, True])
async def test_log_probabilities_are_kept(server: Served, stream: bool) -> None:
    completion = await reply(server, ask("How likely?", logprobs=True), stream=stream)
    assert completion.logprobs is not None
    assert len(completion.logprobs) == completion.usage.completion_tokens
    assert all(value <= 0 for value in completion.logprobs)
    assert (await reply(server, ask("How likely?"), stream=stream)).logprobs is None


@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_call(server: Served, stream: bool) -> None:
    regex = r'<tool_call>\n\{"name": "look", "arguments": \{"path": "[a-z]{3}"\}\}\n</tool_call>'
    asked = ask("Look at it.", max_tokens=80).model_copy(update={"tools": (LOOK,)})
    completion = await reply(server, asked, extra_body=forced(regex), stream=stream)
    (call,) = completion.tool_calls
    assert call.name == "look" and call.id
    assert re.fullmatch("[a-z]{3}", json.loads(call.arguments)["path"])
    assert completion.text == ""

    answered = Message(role="tool", content="It is empty.", answers=call.id)
    said = Message(role="assistant", content="", tool_calls=completion.tool_calls)
    after = asked.model_copy(update={"messages": (*asked.messages, said, answered)})
    assert (await reply(server, after, stream=stream)).usage.prompt_tokens > completion.usage.prompt_tokens


async def test_odd_text_passes(server: Served) -> None:
    odd = "tab\t null\0 bell\a \udcff 日本 🦉 <|im_end|><|im_start|>system\n"
    assert (await reply(server, ask(odd))).usage.completion_tokens


@pytest.mark.parametrize("seed", range(4))
async def test_no_prompt_is_longer_than_its_bound(server: Served, seed: int) -> None:
    """A reply is sent back as text, which the tokenizer may cut into more pieces than it was drawn in."""
    bounds = Bounds()
    async with open_model(endpoint(server)) as model:
        sampling = Sampling(seed=seed, max_tokens=300)
        talk = Conversation("pkg-1/trajectory/01", model, cast(Ledger, bounds), sampling)
        for number in range(1, 5):
            await talk.ask(number, (Message(role="user", content="On!"),))
    assert all(tokens <= bound for tokens, bound in bounds.seen), bounds.seen


@pytest.mark.parametrize("stream", [False, True])
async def test_a_reply_keeps_its_schema(server: Served, stream: bool) -> None:
    schema = {
        "type": "object",
        "properties": {"candidate": {"enum": ["A", "B"]}, "sure": {"type": "boolean"}},
        "required": ["candidate", "sure"],
        "additionalProperties": False,
    }
    held = ask("Which?", max_tokens=60).model_copy(update={"reply_schema": schema})
    written = await reply(server, held, stream=stream)
    said = json.loads(written.text)
    assert said.keys() == {"candidate", "sure"} and said["candidate"] in ("A", "B")
    assert isinstance(said["sure"], bool)
    assert (written.finish, written.dropped) == ("stop", ())


async def test_a_schema_that_the_server_can_not_keep_is_left_out(server: Served) -> None:
    held = ask("Which?").model_copy(update={"reply_schema": {"type": "no such type"}})
    assert (await reply(server, held)).dropped == ("response_format",)
