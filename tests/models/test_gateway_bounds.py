"""What an agent may spend, and how it learns that there is no more."""

from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from anthropic_server import AnthropicServer
from chat_protocol import Fault, whole
from chat_script import ANY
from gateway_kit import PATH, Page, native, open_led, paged, served
from scripted_server import ScriptedServer

from swe_scale.config import Budget
from swe_scale.errors import BudgetExceeded
from swe_scale.ledger import Ledger
from swe_scale.models.gateway import TooMany
from swe_scale.records import Usage
from swe_scale.store import Entry, Steps
from swe_scale.store.sqlite import open_store

pytestmark = pytest.mark.anyio
REPLY = Page(whole("m", "because", {"prompt_tokens": 100, "completion_tokens": 50}))
"""At the price of the tests, 0.15 USD."""


async def test_there_are_no_more_requests_than_allowed(tmp_path: Path) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), requests=2) as led:
            answers = [await led.ask() for _ in range(4)]
            assert not led.gateway.ended.is_set()
        assert len(server.bodies()) == 2
    assert [answer.status_code for answer in answers] == [200, 200, 402, 402]
    assert "the 2 requests that this agent may make are used up" in answers[2].json()["error"]["message"]
    assert isinstance(led.gateway.over, TooMany) and led.gateway.spending.requests == 2


async def test_an_agent_that_goes_on_asking_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.models.gateway.gateway._GRACE", 0.05)
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), requests=1) as led:
            await led.ask()
            await led.ask()
            # Its watcher is told by the end of the connection.
            assert await led.raw(b"GET /end HTTP/1.1\r\nHost: relay\r\n\r\n") == b""


async def test_its_own_money_is_not_exceeded(tmp_path: Path) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), usd=1.6) as led:
            statuses = [(await led.ask()).status_code for _ in range(5)]
    # A request is bound by some 1.2 USD.
    assert statuses == [200, 200, 200, 402, 402]
    assert led.gateway.spending.usage.usd == pytest.approx(0.45)
    assert isinstance(led.gateway.over, BudgetExceeded) and not isinstance(led.gateway.over, TooMany)


async def test_requests_at_a_time_wait_for_one_another_s_money(tmp_path: Path) -> None:
    statuses: list[int] = []
    with ScriptedServer(lambda *_: "because", delay=0.05) as server:
        config = served(server.base_url, model="scripted")
        # A request is bound by some 1.2 USD, and costs far less.
        async with open_led(tmp_path, config, usd=1.6) as led:

            async def ask() -> None:
                statuses.append((await led.ask()).status_code)

            async with anyio.create_task_group() as tasks:
                for _ in range(6):
                    tasks.start_soon(ask)
            assert led.gateway.over is None
        assert server.max_in_flight == 1
    assert statuses == [200] * 6


async def test_what_is_under_way_is_heard_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("swe_scale.models.gateway.gateway._GRACE", 0.0)
    answers: list[int] = []
    with ScriptedServer(lambda *_: "because", faults={ANY: [Fault(hang=True)]}) as server:
        config = served(server.base_url, model="scripted")
        async with open_led(tmp_path, config, requests=1) as led:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(led.ask)
                await anyio.to_thread.run_sync(server.wait_until, lambda: server.in_flight == 1)
                answers += [(await led.ask()).status_code for _ in range(3)]
                await anyio.wait_all_tasks_blocked()
                assert not led.gateway.ended.is_set()
                tasks.cancel_scope.cancel()
            with anyio.fail_after(60):
                await led.gateway.ended.wait()
    assert answers == [402] * 3


async def test_after_the_end_a_smaller_request_is_none_either(tmp_path: Path) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), usd=1.6) as led:
            long = [{"role": "user", "content": "why? " * 1000}]
            assert [(await led.ask(messages=long)).status_code, (await led.ask()).status_code] == [402, 402]
        assert not server.bodies()


@pytest.mark.parametrize("budget", [Budget(usd=1.6), Budget(tokens=1600)])
async def test_the_budget_of_the_issue_is_not_exceeded(tmp_path: Path, budget: Budget) -> None:
    with paged(chat_completions=REPLY) as server:
        async with open_led(tmp_path, served(server.base_url), budget=budget) as led:
            answers = [await led.ask() for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 402]
    assert "no further request is answered" in answers[3].text
    assert led.ledger.spent.tokens == 450


async def test_the_refusal_has_the_protocol_s_form(tmp_path: Path) -> None:
    with AnthropicServer(lambda *_: "because") as server:
        async with open_led(tmp_path, native(server.base_url), requests=0) as led:
            answer = await led.ask("messages", messages=[], max_tokens=5)
    assert answer.status_code == 402
    assert answer.json()["type"] == "error" and answer.json()["error"]["type"] == "billing_error"


async def test_what_was_spent_stays_booked_in_the_next_process(tmp_path: Path) -> None:
    with paged(chat_completions=REPLY) as server:
        for _ in range(2):
            async with open_led(tmp_path, served(server.base_url)) as led:
                await led.ask()
    async with open_store(tmp_path / "run") as store:
        cost = Usage(calls=1, prompt_tokens=100, completion_tokens=50, usd=0.15)
        booked = [
            Entry(one.path, one.usage.model_copy(update={"seconds": 0.0}), one.settled)
            for one in store.entries("pkg-1")
        ]
        assert booked == [Entry(f"{PATH}/request/001", cost, True)] * 2
        assert Ledger(Steps(store), Budget(), {}, led.ledger.events, "pkg-1").spent.tokens == 300
