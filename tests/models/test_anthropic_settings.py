"""Settings that Anthropic's models take, and those that they don't, which are told."""

from collections.abc import Iterator

import pytest
from anthropic_kit import STEP, ask, config, reply
from anthropic_server import BUDGET, AnthropicServer
from messages_protocol import Content, fault

from swe_scale.errors import ModelError
from swe_scale.models import open_model
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with without_waiting(), AnthropicServer(lambda step, body: f"reply to {step}") as server:
        yield server


LADDER = (0.0, 0.7, 1.0, 1.3, 2.0)


async def test_newer_models_take_no_temperature(server: AnthropicServer) -> None:
    async with open_model(config(server)) as model:
        for temperature in LADDER:
            done = await model.complete(ask(temperature=temperature, top_p=0.9, top_k=5, seed=3, min_p=0.1))
            assert done.dropped == ("min_p", "seed", "temperature", "top_k", "top_p")
    # Learned once, field by field.
    assert (server.count("finished").total(), server.count("fault").total()) == (5, 3)


async def test_earlier_models_take_one(server: AnthropicServer) -> None:
    server.samples = True
    async with open_model(config(server)) as model:
        told = [(await model.complete(ask(temperature=one))).dropped for one in LADDER]
    assert told == [(), (), (), ("temperature",), ("temperature",)]
    sent = [(call.body.get("temperature"), call.headers["anthropic-version"]) for call in server.calls]
    assert sent[:3] == [(0.0, "2023-06-01"), (0.7, "2023-06-01"), (1.0, "2023-06-01")]
    assert sent[3:] == [(None, "2026-10-21")] * 2


async def test_of_two_settings_that_exclude_each_other_one_is_kept(server: AnthropicServer) -> None:
    server.samples = True
    server.faults[STEP] = [fault(400, "`temperature` and `top_p` cannot both be specified for this model.")]
    assert (await reply(server, ask(temperature=0.5, top_p=0.9))).dropped == ("top_p",)
    assert server.calls[-1].body["temperature"] == 0.5


async def test_a_model_thinks_as_much_as_it_is_told(server: AnthropicServer) -> None:
    server.contents[STEP] = Content(
        [
            {"type": "thinking", "thinking": "step by step " * 5, "signature": "s"},
            {"type": "redacted_thinking", "data": "…"},
            {"type": "text", "text": "so"},
        ],
        thought=7,
    )
    server.samples = True
    done = await reply(server, ask(effort="low", temperature=0.5))
    assert (done.text, done.reasoning, done.usage.reasoning_tokens) == ("so", "step by step " * 5, 7)
    assert done.dropped == ("temperature",)
    body = server.calls[0].body
    assert body["output_config"] == {"effort": "low"}
    assert body["thinking"] == {"type": "adaptive", "display": "summarized"}


@pytest.mark.parametrize(
    ("effort", "longest", "budget"),
    [("low", 8192, 2048), ("high", 4000, 3000), ("low", 2048, None), ("huge", 8192, None)],
)
async def test_an_earlier_model_gets_a_number_of_tokens(
    server: AnthropicServer, effort: str, longest: int, budget: int | None
) -> None:
    server.capabilities = BUDGET
    done = await reply(server, ask(effort=effort, max_tokens=longest))
    told = {"type": "enabled", "budget_tokens": budget} if budget else None
    assert server.calls[0].body.get("thinking") == told
    assert done.dropped == (() if budget else ("effort",))


@pytest.mark.parametrize("known", [True, False])
async def test_an_effort_that_the_model_does_not_know_is_left_out(
    server: AnthropicServer, known: bool
) -> None:
    server.capabilities = server.capabilities if known else None
    async with open_model(config(server)) as model:
        for _ in range(2):
            assert (await model.complete(ask(effort="xhigh"))).dropped == ("effort",)
    assert server.count("fault").total() == (0 if known else 1)


async def test_a_reply_is_no_longer_than_the_model_can_make_it(server: AnthropicServer) -> None:
    server.longest = 1000
    await reply(server)
    assert server.calls[0].body["max_tokens"] == 1000


async def test_a_setting_that_is_needed_is_not_given_up(server: AnthropicServer) -> None:
    server.faults[STEP] = [fault(400, "max_tokens: must be positive")]
    with pytest.raises(ModelError, match="refuses the request: 400"):
        await reply(server)


async def test_what_the_user_adds_is_never_given_up(server: AnthropicServer) -> None:
    added = {"temperature": 0.3}
    with pytest.raises(ModelError, match="is deprecated for this model"):
        await reply(server, extra_body=added)
    server.samples = True
    await reply(server, extra_body=added)
    assert server.calls[-1].body["temperature"] == 0.3
