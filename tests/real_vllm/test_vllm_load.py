"""Our client against a real vLLM, many calls at a time, and calls that nobody waits for any more."""

from secrets import token_hex

import anyio
import anyio.to_thread
import pytest
from vllm_asking import ask, endpoint, replies
from vllm_kit import BLOCK
from vllm_served import CACHED, ENDED, GENERATED, PROMPT, RUNNING, Figures, Served

from swe_scale.models import open_model
from swe_scale.records import Request

pytestmark = [pytest.mark.vllm, pytest.mark.anyio]

LONG = 12_000
"""Tokens of a reply that takes longer than any test waits."""
ENDLESS = {"ignore_eos": True}


def numbered(number: int) -> Request:
    """Return one of many different calls."""
    return ask(
        f"Number {number}: why?", f"pkg-{number % 5}/trajectory/{number}/turn/01", seed=number, max_tokens=64
    )


async def watch(served: Served, running: int) -> Figures:
    """Return the server's figures once so many requests run."""
    return await anyio.to_thread.run_sync(served.wait_until, lambda found: found[RUNNING] == running)


async def test_two_hundred_at_a_time_are_not_mixed_up(server: Served) -> None:
    asked = [numbered(number) for number in range(200)]
    before = server.figures()
    async with open_model(endpoint(server)) as model:
        together = [one.text for one in await replies(model, asked)]
        backwards = [one.text for one in await replies(model, asked[::-1])]
        alone = [(await model.complete(one)).text for one in asked[:200:20]]
    assert together == backwards[::-1]
    assert together[:200:20] == alone
    assert len(set(together)) == 200
    assert server.wait_until_idle()[ENDED] - before[ENDED] == 410


async def test_usage_under_load_is_what_the_server_counted(server: Served) -> None:
    shared = f"{token_hex(8)} " + "All siblings see this. " * 40
    asked = [ask(f"{shared}{number}", f"pkg-1/trajectory/{number}", seed=number) for number in range(48)]
    before = server.figures()
    async with open_model(endpoint(server)) as model:
        first = await model.complete(asked[0])
        usage = [one.usage for one in (first, *await replies(model, asked[1:]))]
    after = server.wait_until_idle()
    assert sum(one.prompt_tokens for one in usage) == after[PROMPT] - before[PROMPT]
    assert sum(one.cached_tokens for one in usage) == after[CACHED] - before[CACHED]
    assert sum(one.completion_tokens for one in usage) == after[GENERATED] - before[GENERATED]
    # What is shared was computed once.
    blocks = (usage[0].prompt_tokens - 10) // BLOCK * BLOCK
    assert usage[0].cached_tokens == 0
    assert all(one.cached_tokens >= blocks > 0 for one in usage[1:])


async def test_calls_of_one_step_are_told_apart(server: Served) -> None:
    """A call that is tried again may meet its predecessor, which has the same id."""
    asked = [ask(f"Prompt {number}", seed=number, max_tokens=60) for number in range(8)]
    async with open_model(endpoint(server)) as model:
        together = [one.text for one in await replies(model, asked)]
        alone = [(await model.complete(one)).text for one in asked]
    assert together == alone
    assert len(set(together)) == 8


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("calls", [1, 60])
async def test_a_call_that_is_cancelled_runs_no_longer(server: Served, stream: bool, calls: int) -> None:
    before = server.figures()
    async with open_model(endpoint(server, extra_body=ENDLESS, stream=stream)) as model:
        async with anyio.create_task_group() as tasks:
            for number in range(calls):
                request = ask(f"Talk on, {number}", f"pkg-1/trajectory/{number}", max_tokens=LONG)
                tasks.start_soon(model.complete, request)
            await watch(server, calls)
            tasks.cancel_scope.cancel()
        after = await watch(server, 0)
        assert (await model.complete(ask("Next", max_tokens=4))).usage.completion_tokens == 4
    assert after[ENDED] == before[ENDED], "it ended by itself"
    assert after[GENERATED] - before[GENERATED] < calls * LONG


async def test_a_call_that_takes_too_long_runs_no_longer(server: Served) -> None:
    before = server.figures()
    async with open_model(endpoint(server, extra_body=ENDLESS, timeout=1.0, retries=0)) as model:
        with pytest.raises(Exception, match="no reply within 1 s") as caught:
            await model.complete(ask("Talk on", max_tokens=LONG))
        assert getattr(caught.value, "charged", False)
        after = await watch(server, 0)
    assert after[ENDED] == before[ENDED]
