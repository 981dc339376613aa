"""Durable steps: made once, found again after a crash, and never half recorded."""

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_loop import run_async

from swe_scale.errors import ModelError
from swe_scale.records import Completion, Usage
from swe_scale.store import Key, Steps
from swe_scale.store.sqlite import SqliteStore, open_store
from swe_scale.store.texts import SHORT

pytestmark = pytest.mark.anyio
KEY = Key("pkg-1/trajectory/01/turn/01", "d1")
BOUND = Usage(calls=1, prompt_tokens=100, completion_tokens=50, usd=0.5)
LONG = "x" * (SHORT + 1)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    async with open_store(tmp_path / "run") as opened:
        yield opened


async def test_a_step_is_made_once_and_found_again(tmp_path: Path) -> None:
    made = []

    async def make() -> Completion:
        made.append(1)
        return Completion(text=LONG, usage=Usage(calls=1, completion_tokens=7))

    for _ in range(2):
        async with open_store(tmp_path / "run") as store:
            found = await Steps(store).once(KEY, Completion, make)
            assert found == Completion(text=LONG, usage=Usage(calls=1, completion_tokens=7))
    assert len(made) == 1


async def test_another_digest_is_another_result(store: SqliteStore) -> None:
    steps = Steps(store)
    for value in ("a", "b"):

        async def make(value: str = value) -> str:
            return value

        assert await steps.once(Key(KEY.path, value), str, make) == value
    assert steps.recorded(Key(KEY.path, "c"), str) is None


async def test_equal_keys_fly_once(store: SqliteStore) -> None:
    steps, made, got = Steps(store), list[int](), list[str]()

    async def make() -> str:
        made.append(1)
        await anyio.sleep(0.01)
        return "value"

    async def ask() -> None:
        got.append(await steps.once(KEY, str, make))

    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(ask)
    assert got == ["value"] * 100
    assert len(made) == 1


async def test_an_error_is_not_recorded_and_who_waited_tries_again(store: SqliteStore) -> None:
    steps, tries, got = Steps(store), list[int](), list[str]()

    async def make() -> str:
        tries.append(1)
        await anyio.sleep(0.01)
        if len(tries) == 1:
            raise ModelError("down")
        return "value"

    async def ask() -> None:
        try:
            got.append(await steps.once(KEY, str, make))
        except ModelError:
            got.append("error")

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(ask)
    assert sorted(got) == ["error", *["value"] * 4]
    assert len(tries) == 2


async def test_a_cancelled_leader_leaves_the_work_to_the_next(store: SqliteStore) -> None:
    steps, began = Steps(store), anyio.Event()

    async def hang() -> str:
        began.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def make() -> str:
        return "second"

    async def lead() -> None:
        await steps.once(KEY, str, hang)

    async with anyio.create_task_group() as outer:  # noqa: SIM117 (the outer one outlives the inner)
        async with anyio.create_task_group() as group:
            group.start_soon(lead)
            await began.wait()
            follower: list[str] = []

            async def follow() -> None:
                follower.append(await steps.once(KEY, str, make))

            outer.start_soon(follow)
            await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert follower == ["second"]


async def test_a_call_is_settled_at_its_cost(store: SqliteStore) -> None:
    async def make() -> Completion:
        [entry] = store.entries()
        assert not entry.settled and entry.usage == BOUND
        return Completion(text="t", usage=Usage(calls=1, prompt_tokens=3))

    await Steps(store).once(KEY, Completion, make, bound=BOUND, cost=lambda one: one.usage)
    [entry] = store.entries()
    assert (entry.path, entry.settled, entry.usage) == (KEY.path, True, Usage(calls=1, prompt_tokens=3))


@pytest.mark.parametrize(
    ("error", "cost"),
    [
        (ModelError("refused"), Usage()),
        (ModelError("cut off", charged=True), BOUND),
        (RuntimeError("unknown"), BOUND),
    ],
)
async def test_a_failed_call_is_settled_by_what_it_may_have_cost(
    store: SqliteStore, error: Exception, cost: Usage
) -> None:
    async def make() -> Completion:
        raise error

    with pytest.raises(type(error)):
        await Steps(store).once(KEY, Completion, make, bound=BOUND)
    [entry] = store.entries()
    assert entry.settled and entry.usage == cost


async def test_a_cancelled_call_is_settled_at_its_bound(store: SqliteStore) -> None:
    began = anyio.Event()

    async def make() -> Completion:
        began.set()
        await anyio.sleep_forever()
        raise AssertionError

    async def call() -> None:
        await Steps(store).once(KEY, Completion, make, bound=BOUND)

    async with anyio.create_task_group() as group:
        group.start_soon(call)
        await began.wait()
        group.cancel_scope.cancel()
    [entry] = store.entries()
    assert entry.settled and entry.usage == BOUND


async def test_a_result_that_is_there_is_committed_though_cancelled(store: SqliteStore) -> None:
    steps = Steps(store)
    with anyio.CancelScope() as scope:

        async def make() -> str:
            scope.cancel()
            return "paid for"

        await steps.once(KEY, str, make, bound=BOUND, cost=lambda _: Usage(calls=1))
    assert steps.recorded(KEY, str) == "paid for"
    assert store.entries()[0].usage == Usage(calls=1)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30))
def test_in_any_order_each_key_is_made_once(asked: list[tuple[int, int]]) -> None:
    async def main() -> None:
        made: list[Key] = []
        with tempfile.TemporaryDirectory() as folder:
            async with open_store(Path(folder) / "run") as store:
                steps = Steps(store)

                async def ask(key: Key) -> None:
                    async def make() -> str:
                        made.append(key)
                        await anyio.lowlevel.checkpoint()
                        return key.path

                    assert await steps.once(key, str, make) == key.path

                async with anyio.create_task_group() as group:
                    for path, inputs in asked:
                        group.start_soon(ask, Key(str(path), str(inputs)))
        assert sorted(made, key=str) == sorted(
            {Key(str(path), str(inputs)) for path, inputs in asked}, key=str
        )

    run_async(main)
