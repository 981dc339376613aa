"""Our client against a real vLLM that wants a key, has little memory, and keeps reasoning apart."""

import logging
import os
import re

import pytest
from vllm_asking import ask, endpoint, replies, reply
from vllm_served import ENDED, PREEMPTED, Served

from swe_scale.errors import EndpointRefused, ModelError
from swe_scale.models import open_model

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

VARIABLE = "THE_KEY"


async def test_many_calls_in_little_memory(guarded: Served) -> None:
    asked = [
        ask(f"{number}: " + "and so on " * 20, f"pkg-1/trajectory/{number}", seed=number, max_tokens=200)
        for number in range(40)
    ]
    async with open_model(endpoint(guarded, key_variable=VARIABLE)) as model:
        before = guarded.figures()
        together = await replies(model, asked)
        cramped = guarded.wait_until_idle()
        few = [one for start in range(0, 40, 4) for one in await replies(model, asked[start : start + 4])]
    assert cramped[PREEMPTED] > before[PREEMPTED]
    assert guarded.figures()[PREEMPTED] == cramped[PREEMPTED]
    assert cramped[ENDED] - before[ENDED] == len(asked)
    assert [one.reasoning + one.text for one in together] == [one.reasoning + one.text for one in few]
    # Who is preempted begins again, but is charged once.
    for one, other in zip(together, few, strict=True):
        assert one.usage.prompt_tokens == other.usage.prompt_tokens
        assert one.usage.completion_tokens == other.usage.completion_tokens


@pytest.mark.parametrize(
    ("key", "told"),
    [("", f"wants a key.*\n.*{VARIABLE}"), ("sk-wrong-99c1d7", f"refuses the key in {VARIABLE}")],
)
async def test_a_key_that_is_missing_or_wrong(
    guarded: Served, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, key: str, told: str
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv(VARIABLE, key)
    with pytest.raises(EndpointRefused, match=f"(?s){told}") as caught:
        async with open_model(endpoint(guarded, key_variable=VARIABLE)):
            pass
    if key:
        assert key not in str(caught.value) + repr(caught.value.__cause__) + caplog.text


async def test_the_right_key(guarded: Served, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with open_model(endpoint(guarded, key_variable=VARIABLE)) as model:
        assert await model.complete(ask("Hello"))
        with pytest.raises(ModelError) as caught:
            await model.complete(ask("word " * 3000))
    key = os.environ[VARIABLE]
    assert key not in str(caught.value) + repr(caught.value.__cause__) + caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_reasoning_is_kept_apart(guarded: Served, stream: bool) -> None:
    # The mark is written as one token or letter by letter, which the parser takes for words; a push decides.
    forced = {"structured_outputs": {"regex": "[a-z]{6}</think>[0-9]{4}"}, "logit_bias": {"1023": 100}}
    completion = await reply(guarded, ask("Think."), stream=stream, extra_body=forced, key_variable=VARIABLE)
    assert re.fullmatch("[a-z]{6}", completion.reasoning)
    assert re.fullmatch("[0-9]{4}", completion.text)
    assert 0 < completion.usage.reasoning_tokens < completion.usage.completion_tokens
