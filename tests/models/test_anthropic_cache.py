"""What Anthropic's cache makes of our requests: siblings and turns read what came before them."""

from collections.abc import Iterator

import anyio
import pytest
from anthropic_kit import SHARED, ask, config, reply, user
from anthropic_server import AnthropicServer
from chat_protocol import Fault
from messages_protocol import STREAM, fault, sent, started

from swe_scale.errors import ModelError
from swe_scale.models import Model, open_model
from swe_scale.records import Completion, Message, Request, ToolCall
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio


@pytest.fixture
def server() -> Iterator[AnthropicServer]:
    with without_waiting(), AnthropicServer(lambda step, body: f"reply to {step}") as server:
        yield server


async def sibling(server: AnthropicServer, number: int, *more: Message) -> Completion:
    first = user(f"{SHARED}you are number {number}", len(SHARED))
    return await reply(server, ask(first, *more, step=f"pkg-12/trajectory/{number:02}/turn/{len(more):02}"))


def marks(server: AnthropicServer) -> int:
    return str(server.calls[-1].body).count("cache_control")


async def test_siblings_read_what_they_share(server: AnthropicServer) -> None:
    first, second = [(await sibling(server, number)).usage for number in (1, 2)]
    assert first.cached_tokens == 0 and first.written_tokens == first.prompt_tokens > 1600
    assert second.cached_tokens == 1600
    assert second.written_tokens == second.prompt_tokens - 1600 > 0


async def test_a_turn_reads_the_turn_before(server: AnthropicServer) -> None:
    said: tuple[Message, ...] = ()
    before = 0
    for turn in range(6):
        usage = (await sibling(server, 1, *said)).usage
        assert usage.cached_tokens == before
        assert marks(server) <= 4
        before = usage.prompt_tokens
        said += (Message(role="assistant", content=f"try {turn}"), user(f"no {turn}"))


async def test_a_turn_with_many_calls_reads_the_turn_before(server: AnthropicServer) -> None:
    before = (await sibling(server, 1)).usage
    calls = tuple(ToolCall(id=f"t{number}", name="bash", arguments="{}") for number in range(30))
    answers = tuple(Message(role="tool", content="ok", answers=call.id) for call in calls)
    usage = (
        await sibling(server, 1, Message(role="assistant", content="", tool_calls=calls), *answers)
    ).usage
    assert usage.cached_tokens == before.prompt_tokens


async def test_no_more_marks_than_there_may_be(server: AnthropicServer) -> None:
    messages = tuple(
        one
        for number in range(6)
        for one in (user(f"{SHARED} {number}", len(SHARED)), Message(role="assistant", content="no"))
    )
    system = Message(role="system", content=SHARED, shared=len(SHARED))
    assert (await reply(server, ask(system, *messages, user("so?")))).usage.written_tokens > 0
    assert marks(server) == 4


async def test_what_is_shared_ends_with_the_text(server: AnthropicServer) -> None:
    for text in (SHARED, f"{SHARED} \n"):
        usage = (await reply(server, ask(user(text, len(SHARED))))).usage
    assert usage.cached_tokens == usage.prompt_tokens == 1600


async def test_a_prefix_is_kept_for_a_while(server: AnthropicServer) -> None:
    now = 0.0
    server.cache.clock = lambda: now
    await sibling(server, 1)
    for now, read in ((299.0, 1600), (598.0, 1600), (899.0, 0)):
        assert (await sibling(server, int(now))).usage.cached_tokens == read


def first_turn(number: int) -> Request:
    first = user(f"{SHARED}you are number {number}", len(SHARED))
    return ask(first, step=f"pkg-12/trajectory/{number:02}/turn/00")


async def test_a_prefix_can_be_read_when_the_first_reply_has_begun(server: AnthropicServer) -> None:
    server.delay = 0.2
    usages = []

    async def one(number: int) -> None:
        # Each has a model of its own, so they know nothing of one another.
        usages.append((await sibling(server, number)).usage)

    async with anyio.create_task_group() as tasks:
        for number in (1, 2):
            tasks.start_soon(one, number)
    assert [usage.cached_tokens for usage in usages] == [0, 0]
    assert (await sibling(server, 3)).usage.cached_tokens == 1600


async def test_the_first_of_many_siblings_goes_ahead(server: AnthropicServer) -> None:
    server.delay = 0.2
    usages = []

    async def one(model: Model, number: int) -> None:
        usages.append((await model.complete(first_turn(number))).usage)

    async with open_model(config(server)) as model, anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(one, model, number)
    assert sorted(usage.cached_tokens for usage in usages) == [0, *[1600] * 9]


async def test_its_siblings_do_not_wait_for_its_end(server: AnthropicServer) -> None:
    step = first_turn(0).step
    server.faults[step] = [Fault(body=sent((started(),)), headers=STREAM, stall=True)]
    async with open_model(config(server)) as model, anyio.create_task_group() as tasks:
        tasks.start_soon(model.complete, first_turn(0))
        await anyio.to_thread.run_sync(server.wait_until, lambda: bool(server.calls))
        assert await model.complete(first_turn(1))
        tasks.cancel_scope.cancel()


async def test_where_the_first_fails_the_next_goes_ahead(server: AnthropicServer) -> None:
    server.faults[first_turn(0).step] = [fault(400, "no")]
    async with open_model(config(server)) as model:
        with pytest.raises(ModelError):
            await model.complete(first_turn(0))
        assert await model.complete(first_turn(1))


async def test_a_short_prefix_is_not_kept(server: AnthropicServer) -> None:
    usages = [(await reply(server, ask(user("short", 5)))).usage for _ in range(2)]
    assert [(usage.cached_tokens, usage.written_tokens) for usage in usages] == [(0, 0), (0, 0)]
