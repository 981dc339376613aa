import dataclasses
import json
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import anyio
import pytest
import scripted_server
from chat_protocol import Fault, error
from chat_script import ANY, LISTING
from scripted_server import ScriptedServer

from swe_scale.config import OpenAIEndpoint, Pool
from swe_scale.errors import ContextExceeded, EndpointRefused, Interrupted, ModelError
from swe_scale.events import Event, Events
from swe_scale.models.faults import Unavailable
from swe_scale.models.health import Patience
from swe_scale.models.pool import PoolModel, open_pool
from swe_scale.records import Completion, Message, Request, Sampling
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

QUICK = Patience(check=0.05, answer=2.0, strikes=2, first=0.02, longest=0.1, others=0.1)
DOWN = "http://127.0.0.1:9/v1"
ISSUES = [f"pkg-{number}" for number in range(40)]


@pytest.fixture
def servers() -> Iterator[list[ScriptedServer]]:
    with without_waiting(), ExitStack() as stack:
        yield [stack.enter_context(ScriptedServer(lambda step, body: step)) for _ in range(3)]


def pool(*servers: ScriptedServer | str, **fields: Any) -> Pool:
    chosen = {"model": "scripted", "retries": 2, **fields}
    addresses = [one if isinstance(one, str) else one.base_url for one in servers]
    return Pool(endpoints=tuple(OpenAIEndpoint(base_url=address, **chosen) for address in addresses))


def ask(step: str) -> Request:
    messages = (Message(role="user", content="why?"),)
    return Request(step=step, model="scripted", messages=messages, sampling=Sampling(max_tokens=64))


def served(servers: list[ScriptedServer]) -> list[Counter[str]]:
    """Return the issues that each has answered, with how often."""
    return [
        Counter(step.partition("/")[0] for step in server.count("finished").elements()) for server in servers
    ]


class Opened:
    """A pool, and what was noted of it."""

    model: PoolModel

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._changed = anyio.Event()

    def listen(self, event: Event) -> None:
        if event.kind == "note":
            self.notes.append(event.text)
            self._changed.set()
            self._changed = anyio.Event()

    async def ask(self, step: str) -> Completion:
        return await self.model.complete(ask(step))

    async def noted(self, text: str, times: int = 1) -> None:
        with anyio.fail_after(20):
            while sum(text in note for note in self.notes) < times:
                await self._changed.wait()


@asynccontextmanager
async def opened(config: Pool, patience: Patience = QUICK) -> AsyncIterator[Opened]:
    at = Opened()
    async with open_pool(config, Events([at.listen]), patience) as at.model:
        yield at


async def home(at: Opened, servers: list[ScriptedServer], issue: str = "pkg-0") -> ScriptedServer:
    """Return the server that an issue is at, by asking."""
    before = served(servers)
    await at.ask(f"{issue}/trajectory/00/turn/00")
    (found,) = [
        server for server, old, new in zip(servers, before, served(servers), strict=True) if new != old
    ]
    return found


async def test_an_issue_stays_at_one_of_them(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        for turn in range(3):
            for issue in ISSUES:
                assert (await at.ask(f"{issue}/trajectory/0{turn}/turn/00")).text.startswith(issue)
    counts = served(servers)
    assert all(set(count.values()) == {3} for count in counts)
    assert sum(map(len, counts)) == len(ISSUES)


async def test_the_smallest_context_counts(servers: list[ScriptedServer]) -> None:
    servers[1].max_model_len = 4096
    async with opened(pool(*servers)) as at:
        assert (at.model.name, at.model.context_length, at.model.tools) == ("scripted", 4096, False)


async def test_one_that_is_down_at_the_start_comes_later(servers: list[ScriptedServer]) -> None:
    with ScriptedServer(lambda step, body: step) as late:
        port = late._http.server_port
    both = pool(servers[0], f"http://127.0.0.1:{port}/v1")
    async with opened(both) as at:
        assert any("connection refused; it is set aside" in note for note in at.notes)
        for issue in ISSUES:
            await at.ask(f"{issue}/0")
        with ScriptedServer(lambda step, body: step, port=port) as late:
            await at.noted("answers now")
            for issue in ISSUES:
                await at.ask(f"{issue}/1")
            assert 10 < len(served([late])[0]) < 30


async def test_one_that_hangs_at_the_start_holds_nobody_up(servers: list[ScriptedServer]) -> None:
    servers[1].faults[LISTING] = [Fault(hang=True, always=True)]
    async with opened(pool(*servers)) as at:
        assert [note for note in at.notes if "doesn't answer yet; it is set aside" in note]
        for issue in ISSUES:
            await at.ask(f"{issue}/0")
    assert not served(servers)[1]


async def test_one_with_a_smaller_context_that_comes_later_is_left_out(servers: list[ScriptedServer]) -> None:
    servers[1].max_model_len = 4096
    servers[1].faults[LISTING] = [error(503)] * 3
    async with opened(pool(*servers)) as at:
        await at.noted("has a context of 4,096 tokens; the run counts on 131,072; it is left out")
        for issue in ISSUES:
            await at.ask(f"{issue}/0")
    assert not served(servers)[1]


async def test_none_that_answers_is_an_error_that_names_each() -> None:
    with pytest.raises(ModelError, match="none of the 2 endpoints of scripted answers") as caught:
        async with opened(pool(DOWN, "http://localhost:9/v1")):
            pass
    assert str(caught.value).count("\n- scripted at http://") == 2
    assert not isinstance(caught.value, EndpointRefused)
    with pytest.raises(ModelError, match="connection refused\nStart the server"):
        async with opened(pool(DOWN)):
            pass


async def test_a_model_on_one_replica_only(servers: list[ScriptedServer]) -> None:
    servers[0].model = servers[1].model = "other"
    async with opened(pool(*servers)) as at:
        assert sum("is not served there; it is left out of this run" in note for note in at.notes) == 2
        assert all("answers" not in note for note in at.notes)
        for issue in ISSUES:
            await at.ask(f"{issue}/0")
    assert list(map(len, served(servers))) == [0, 0, 40]
    servers[2].model = "other"
    with pytest.raises(EndpointRefused, match="none of the 3"):
        async with opened(pool(*servers)):
            pass


async def test_a_key_that_one_refuses(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.key = "sk-something-else"
        await at.ask("pkg-0/trajectory/00/turn/01")
        await at.noted("left out of this run")
        for server in servers:
            server.key = "sk-something-else"
        with pytest.raises(EndpointRefused, match="none of the 3"):
            await at.ask("pkg-0/trajectory/00/turn/02")
        assert len(at.notes) == 3


@pytest.mark.parametrize("fault", [error(503), error(500)])
async def test_a_failure_goes_to_the_next_at_once(servers: list[ScriptedServer], fault: Fault) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.faults[ANY] = [fault]
        assert await at.ask("pkg-0/trajectory/00/turn/01")
        assert not at.notes
        assert await home(at, servers) is first


async def test_repeated_failures_set_it_aside_until_it_is_well(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.faults[LISTING] = [Fault(500, b"{}", always=True)]
        first.faults[ANY] = [error(503), error(503)]
        await at.ask("pkg-0/trajectory/00/turn/01")
        await at.ask("pkg-0/trajectory/00/turn/02")
        await at.noted("it is set aside until it is well")
        assert await home(at, servers) is not first
        first.faults[LISTING] = []
        await at.noted("answers now")
        assert await home(at, servers) is first


async def test_one_that_is_killed_in_the_middle_loses_no_trajectory(servers: list[ScriptedServer]) -> None:
    """Calls in flight break off, are paid for again elsewhere, and the issue comes back with the server."""
    with ScriptedServer(lambda step, body: step) as mortal:
        port = mortal._http.server_port
        async with opened(pool(mortal, servers[0])) as at:
            issue = next(one for one in ISSUES if at.model._order(f"{one}/0")[0].address == mortal.base_url)
            mortal.faults[ANY] = [Fault(hang=True, always=True)]
            broken: list[Interrupted] = []

            async def trajectory(number: int) -> None:
                step = f"{issue}/trajectory/{number:02}/turn/00"
                try:
                    await at.ask(step)
                except Interrupted as interrupted:
                    broken.append(interrupted)
                    # The books are kept by whoever asked.
                    assert (await at.ask(step)).text == step

            async with anyio.create_task_group() as tasks:
                for number in range(5):
                    tasks.start_soon(trajectory, number)
                await anyio.to_thread.run_sync(mortal.wait_until, lambda: mortal.in_flight == 5)
                await anyio.to_thread.run_sync(mortal.__exit__, None, None, None)
            assert len(broken) == 5
            assert all(one.charged and one.again == 2 for one in broken)
            assert served(servers)[0] == {issue: 5}
            with ScriptedServer(lambda step, body: step, port=port) as risen:
                await at.noted("answers now")
                assert await home(at, [risen, servers[0]], issue) is risen


async def test_one_that_breaks_off_is_not_asked_the_same_again(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        step = "pkg-0/trajectory/00/turn/07"
        first.faults[step] = [Fault(close=True, always=True)]
        with pytest.raises(Interrupted):
            await at.ask(step)
        assert await at.ask(step)
        assert not at.notes
        assert await home(at, servers) is first


@contextmanager
def process(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Yield a server in a process of its own, and its address."""
    replies = folder / "replies.jsonl"
    replies.write_text("".join(json.dumps({"step": step, "text": step}) + "\n" for step in ("a", "b", "c")))
    command = [sys.executable, scripted_server.__file__, "--replies", str(replies), "--delay", "0.3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        try:
            yield server.stdout.readline().strip(), server
        finally:
            server.send_signal(signal.SIGCONT)
            server.terminate()


async def test_one_that_hangs_is_given_up(servers: list[ScriptedServer], tmp_path: Path) -> None:
    """Calls that it had are called off, and may have been charged; those that wait go elsewhere."""
    patience = dataclasses.replace(QUICK, others=20.0)
    with process(tmp_path) as (address, hung):
        async with opened(pool(address, servers[0], max_in_flight=2), patience) as at:
            issue = next(one for one in ISSUES if at.model._order(f"{one}/0")[0].address == address)
            outcomes: list[str] = []

            async def call(name: str) -> None:
                try:
                    outcomes.append((await at.ask(f"{issue}/{name}")).text)
                except Interrupted as interrupted:
                    outcomes.append(str(interrupted).partition("doesn't ")[2])

            async with anyio.create_task_group() as tasks:
                hung.send_signal(signal.SIGSTOP)
                for name in ("a", "b", "c"):
                    tasks.start_soon(call, name)
            assert sorted(outcomes) == [*["answer: /health took longer than 2 s"] * 2, f"{issue}/c"]
            await at.noted("it is set aside")
            hung.send_signal(signal.SIGCONT)
            await at.noted("answers now")
            assert (await at.ask(f"{issue}/c")).text == "c"


async def test_a_model_that_is_gone_after_a_restart_is_noted(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.model = "other"
        first.faults[ANY] = [error(503), error(503)]
        await at.ask("pkg-0/trajectory/00/turn/01")
        await at.ask("pkg-0/trajectory/00/turn/02")
        await at.noted("is not served there")
        await anyio.sleep(0.1)
        assert sum("is not served there" in note for note in at.notes) == 1
        first.model = "scripted"
        await at.noted("answers now")


async def test_a_busy_one_is_waited_for(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.faults[ANY] = [error(429), error(429)]
        await at.ask("pkg-0/trajectory/00/turn/01")
        assert served(servers)[servers.index(first)] == {"pkg-0": 2}
        assert not at.notes


async def test_one_that_is_busy_for_long_is_left_for_now(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.faults[ANY] = [Fault(429, b"{}", {"Retry-After": "60"})]
        await at.ask("pkg-0/trajectory/00/turn/01")
        await at.ask("pkg-0/trajectory/00/turn/02")
        assert served(servers)[servers.index(first)] == {"pkg-0": 1}
        assert not at.notes


async def test_when_all_are_busy_for_long_the_shortest_wish_counts(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers, retries=0)) as at:
        for server, seconds in zip(servers, ("3000", "2000", "4000"), strict=True):
            server.faults[ANY] = [Fault(429, b"{}", {"Retry-After": seconds}, always=True)]
        with pytest.raises(Unavailable) as caught:
            await at.ask("pkg-0/trajectory/00/turn/01")
        assert caught.value.retry_after == 2000


async def test_when_all_are_down_each_is_named(servers: list[ScriptedServer]) -> None:
    with ExitStack() as stack:
        mortals = [stack.enter_context(ScriptedServer(lambda step, body: step)) for _ in range(2)]
        manager = opened(pool(*mortals))
        at = await manager.__aenter__()
    try:
        with pytest.raises(ModelError, match="none of the 2 endpoints of scripted answers:") as caught:
            await at.ask("pkg-0/trajectory/00/turn/01")
        assert str(caught.value).count("connection refused") == 2
        assert not caught.value.charged
    finally:
        await manager.__aexit__(None, None, None)


async def test_a_long_prompt_passes(servers: list[ScriptedServer]) -> None:
    async with opened(pool(*servers)) as at:
        first = await home(at, servers)
        first.max_model_len = 16
        with pytest.raises(ContextExceeded):
            await at.ask("pkg-0/trajectory/00/turn/01")
        assert not at.notes


async def test_an_issue_too_large_for_one_is_shared(servers: list[ScriptedServer]) -> None:
    """Each trajectory has a place of its own all the same."""
    async with opened(pool(*servers, max_in_flight=2)) as at:

        async def trajectory(number: int) -> None:
            for turn in range(20):
                await at.ask(f"pkg-0/trajectory/{number:02}/turn/{turn:02}")

        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(trajectory, number)
    counts = [Counter(step.split("/")[2] for step in server.count("finished")) for server in servers]
    assert sum(1 for count in counts if count) >= 2
    # Where most of a trajectory's turns are; a few were elsewhere before the issue was shared.
    assert sum(max(count[f"{number:02}"] for count in counts) for number in range(12)) > 0.75 * 240


async def test_cancellation_drops_the_call_and_ends_the_pool(servers: list[ScriptedServer]) -> None:
    with anyio.CancelScope() as scope:
        async with opened(pool(*servers), Patience()) as at, anyio.create_task_group() as tasks:
            first = await home(at, servers)
            first.faults[ANY] = [Fault(hang=True)]
            tasks.start_soon(at.ask, "pkg-0/trajectory/00/turn/01")
            await anyio.to_thread.run_sync(first.wait_until, lambda: first.in_flight == 1)
            scope.cancel()
    assert scope.cancelled_caught
    await anyio.to_thread.run_sync(first.wait_until, lambda: first.in_flight == 0)


async def test_what_the_body_raises_is_not_wrapped(servers: list[ScriptedServer]) -> None:
    with pytest.raises(ZeroDivisionError):
        async with opened(pool(*servers)):
            raise ZeroDivisionError


async def test_no_storm_loses_a_trajectory(servers: list[ScriptedServer]) -> None:
    """Whatever two of three do, every call gets its reply."""
    chance = random.Random(7)
    kinds = [error(503), error(500), Fault(close=True), error(429)]
    for server in servers[:2]:
        server.faults[ANY] = [chance.choice(kinds) for _ in range(60)]
    async with opened(pool(*servers, retries=20)) as at:
        replies: list[str] = []

        async def call(step: str) -> None:
            for _ in range(20):
                try:
                    replies.append((await at.ask(step)).text)
                    return
                except Interrupted:
                    continue

        async with anyio.create_task_group() as tasks:
            for issue in ISSUES:
                for number in range(5):
                    tasks.start_soon(call, f"{issue}/trajectory/{number:02}/turn/00")
    assert len(replies) == len(set(replies)) == 200
