"""No budget is exceeded, whatever calls cost and however many are in flight."""

import random
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from swe_scale.config import Budget, Price
from swe_scale.errors import BudgetExceeded, Interrupted, ModelError
from swe_scale.events import Event, Events
from swe_scale.ledger import Ledger, money, text_bound
from swe_scale.records import Completion, Message, Request, Sampling, Usage
from swe_scale.retry import without_waiting
from swe_scale.store import Key, Steps
from swe_scale.store.sqlite import open_store

pytestmark = pytest.mark.anyio
PRICE = Price(prompt=2.0, completion=8.0)


@pytest.fixture
async def steps(tmp_path: Path) -> AsyncIterator[Steps]:
    async with open_store(tmp_path / "run") as store:
        yield Steps(store)


def open_ledger(steps: Steps, budget: Budget, price: Price = PRICE, issue: str = "pkg-1") -> Ledger:
    return Ledger(steps, budget, {"m": price}, Events(), issue)


def request(step: str, longest: int = 1000) -> Request:
    return Request(step=step, model="m", messages=(), sampling=Sampling(max_tokens=longest))


def key(number: int, stage: str = "trajectory", issue: str = "pkg-1") -> Key:
    return Key(f"{issue}/{stage}/{number:02}/turn/01", "d")


async def pay(
    ledger: Ledger, key: Key, prompt: int, completion: int, *, bound: int = 1000, longest: int = 1000
) -> Completion:
    """Make a call whose prompt is bound by `bound` tokens and its reply by `longest`."""

    async def call() -> Completion:
        await anyio.lowlevel.checkpoint()
        return Completion(text="t", usage=Usage(prompt_tokens=prompt, completion_tokens=completion))

    return await ledger.complete(key, request(key.path, longest), bound, call)


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("budget", [Budget(tokens=20_000), Budget(usd=0.08), Budget(tokens=9_000, usd=0.02)])
async def test_a_budget_is_never_exceeded(steps: Steps, budget: Budget, seed: int) -> None:
    chance, ledger = random.Random(seed), open_ledger(steps, budget)
    outcomes: list[str] = []

    async def one(number: int) -> None:
        bound, longest = chance.randint(0, 1500), chance.randint(1, 1500)
        cost = Usage(prompt_tokens=chance.randint(0, bound), completion_tokens=chance.randint(0, longest))
        fault = chance.choice([None, None, None, "free", "charged", "interrupted"])
        broken_off = chance.randint(1, 4)

        async def call() -> Completion:
            nonlocal broken_off
            await anyio.sleep(chance.random() / 500)
            if fault == "interrupted" and broken_off:
                broken_off -= 1
                error = Interrupted("cut off")
                error.again = 3
                raise error
            if fault in ("free", "charged"):
                raise ModelError("down", charged=fault == "charged")
            return Completion(text="t", usage=cost)

        try:
            await ledger.complete(key(number), request(key(number).path, longest), bound, call)
            outcomes.append("made")
        except BudgetExceeded:
            outcomes.append("refused")
        except ModelError:
            outcomes.append("failed")
        assert ledger.spent.tokens <= (budget.tokens or 10**9)
        assert ledger.spent.usd <= (budget.usd or 10**9) + 1e-12

    with without_waiting():
        await all_at_once(one)
    assert {"made", "refused"} <= set(outcomes)
    written = sum((entry.usage for entry in steps.store.entries()), Usage())
    assert written.model_dump() == pytest.approx(ledger.spent.model_dump())


async def all_at_once(one: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    async with anyio.create_task_group() as group:
        for number in range(50):
            group.start_soon(one, number)


async def test_a_call_waits_while_only_bounds_in_flight_stand_in_the_way(steps: Steps) -> None:
    ledger = open_ledger(steps, Budget(tokens=2500))
    async with anyio.create_task_group() as group:
        for number in range(3):
            group.start_soon(pay, ledger, key(number), 10, 10)
    assert ledger.spent.calls == 3
    assert ledger.spent.tokens == 60


async def test_a_call_that_can_not_fit_is_refused_before_it_is_made(steps: Steps) -> None:
    ledger = open_ledger(steps, Budget(tokens=1999))
    with pytest.raises(BudgetExceeded, match=r"may need 2,000 tokens; of 1,999 1,999 are left"):
        await pay(ledger, key(1), 1, 1)
    assert ledger.spent == Usage() and not steps.store.entries()
    dear = open_ledger(steps, Budget(usd=0.001))
    with pytest.raises(BudgetExceeded, match=r"may cost 0\.0100 USD"):
        await pay(dear, key(1), 1, 1)


async def test_a_recorded_reply_costs_nothing_and_fits_any_budget(steps: Steps) -> None:
    first = open_ledger(steps, Budget())
    await pay(first, key(1), 10, 20)
    later = open_ledger(steps, Budget(tokens=1))
    assert (await pay(later, key(1), 99, 99)).usage.tokens == 30
    assert later.spent.tokens == 30


async def test_one_call_asked_for_twice_at_a_time_is_booked_once(steps: Steps) -> None:
    ledger = open_ledger(steps, Budget())
    async with anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(pay, ledger, key(1), 10, 20)
    assert ledger.spent.calls == 1 and ledger.spent.tokens == 30
    assert len(steps.store.entries()) == 1


@pytest.mark.parametrize(("charged", "tokens"), [(False, 0), (True, 2000)])
async def test_errors_are_charged_if_they_may_have_cost_something(
    steps: Steps, charged: bool, tokens: int
) -> None:
    ledger = open_ledger(steps, Budget())

    async def call() -> Completion:
        raise ModelError("down", charged=charged)

    with pytest.raises(ModelError):
        await ledger.complete(key(1), request("s"), 1000, call)
    assert ledger.spent.tokens == tokens
    assert open_ledger(steps, Budget()).spent.tokens == tokens


async def test_a_cancelled_call_counts_at_its_bound(steps: Steps) -> None:
    ledger, began = open_ledger(steps, Budget()), anyio.Event()

    async def call() -> Completion:
        began.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def ask() -> None:
        await ledger.complete(key(1), request("s"), 1000, call)

    async with anyio.create_task_group() as group:
        group.start_soon(ask)
        await began.wait()
        group.cancel_scope.cancel()
    assert ledger.spent.tokens == 2000
    assert open_ledger(steps, Budget()).spent.tokens == 2000


async def test_a_resumed_ledger_counts_what_was_never_settled(steps: Steps) -> None:
    await steps.store.reserve("pkg-1/trajectory/01/turn/01", Usage(calls=1, prompt_tokens=900))
    ledger = open_ledger(steps, Budget(tokens=2000))
    assert ledger.spent.tokens == 900
    with pytest.raises(BudgetExceeded):
        await pay(ledger, key(2), 1, 1)


async def test_each_issue_of_a_run_has_a_budget_of_its_own(steps: Steps) -> None:
    await pay(open_ledger(steps, Budget(tokens=2500)), key(1), 700, 700)
    other = open_ledger(steps, Budget(tokens=2500), issue="pkg-12")
    assert other.spent == Usage()
    await pay(other, key(1, issue="pkg-12"), 5, 5)
    assert open_ledger(steps, Budget()).spent.tokens == 1400


async def test_stages_are_booked_apart(steps: Steps) -> None:
    ledger = open_ledger(steps, Budget())
    await pay(ledger, key(1), 10, 1)
    await pay(ledger, key(2), 20, 1)
    await pay(ledger, Key("pkg-1/selection/turn/01", "d"), 5, 1)
    assert {stage: usage.prompt_tokens for stage, usage in ledger.by_stage.items()} == {
        "trajectory": 30,
        "selection": 5,
    }
    again = open_ledger(steps, Budget())
    assert again.by_stage == ledger.by_stage and again.spent == ledger.spent


async def test_a_stage_is_found_behind_an_issue_of_any_name(steps: Steps) -> None:
    ledger = open_ledger(steps, Budget(), issue="org/pkg-1")
    await pay(ledger, key(1, issue="org/pkg-1"), 10, 1)
    assert ledger.by_stage == {"trajectory": ledger.spent}


async def test_what_is_spent_is_reported(steps: Steps) -> None:
    ledger, seen = open_ledger(steps, Budget()), list[Event]()
    ledger.events.listeners.append(seen.append)
    await pay(ledger, key(1), 10, 1)
    assert [one.total for one in seen] == [ledger.spent]


@pytest.mark.parametrize(
    ("price", "usd"),
    [
        (None, 0.0),
        (Price(prompt=2, completion=8), 2 + 8),
        (Price(prompt=2, completion=8, cached=0.5), 1.2 + 0.2 + 8),
    ],
)
def test_money(price: Price | None, usd: float) -> None:
    usage = Usage(prompt_tokens=1_000_000, cached_tokens=400_000, completion_tokens=1_000_000)
    assert money(usage, price) == pytest.approx(usd)


async def test_the_bound_holds_where_cached_tokens_are_the_dearer_ones(steps: Steps) -> None:
    ledger = open_ledger(steps, Budget(usd=0.005), Price(prompt=1, completion=0, cached=9))
    with pytest.raises(BudgetExceeded, match=r"may cost 0\.0090"):
        await pay(ledger, key(1), 1, 1)


@pytest.mark.parametrize(("written", "usd"), [(None, 2.0), (0.0, 0.0), (4.0, 4.0)])
async def test_what_is_written_to_a_cache_has_its_price(
    steps: Steps, written: float | None, usd: float
) -> None:
    price = Price(prompt=2, completion=8, cached=0.2, written=written)
    usage = Usage(prompt_tokens=1_900_000, cached_tokens=500_000, written_tokens=1_000_000)
    assert money(usage, price) == pytest.approx(0.8 + 0.1 + usd)
    ledger = open_ledger(steps, Budget(usd=1e-9), price)
    with pytest.raises(BudgetExceeded, match=rf"may cost {(max(2.0, usd) + 8) / 1000:.4f} USD"):
        await pay(ledger, key(1), 1, 1)


@pytest.mark.parametrize("text", ["", "plain", "naïve – 数", "\ud800 lone", "\U0001f600" * 9])
def test_no_text_has_more_tokens_than_its_bound(text: str) -> None:
    assert text_bound((Message(role="user", content=text),)) > len(text.encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("budget", [Budget(tokens=10_000), Budget(usd=0.1)])
async def test_a_stage_has_no_more_than_its_share(steps: Steps, budget: Budget) -> None:
    ledger = Ledger(steps, budget, {"m": PRICE}, Events(), "pkg-1", {"reader": 0.2})
    with pytest.raises(BudgetExceeded, match="for reader"):
        await pay(ledger, key(1, "reader"), 9, 9, bound=1500, longest=2200)
    await pay(ledger, key(1, "reader"), 900, 1000, bound=900, longest=1000)
    assert ledger.by_stage["reader"].tokens == 1900
    with pytest.raises(BudgetExceeded, match="for reader"):
        await pay(ledger, key(2, "reader"), 100, 1200, bound=100, longest=1700)
    await pay(ledger, key(1), 1500, 2200, bound=1500, longest=2200)
