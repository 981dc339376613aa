from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
import pytest
from anyio.lowlevel import checkpoint
from hypothesis import given, settings
from hypothesis import strategies as st
from own_loop import run_async

from swe_scale.models.admission import Admission
from swe_scale.models.metrics import Load

pytestmark = pytest.mark.anyio


async def settled() -> None:
    """Let everything happen that can."""
    for _ in range(4):
        await anyio.wait_all_tasks_blocked()


@dataclass
class Clock:
    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await checkpoint()


async def held(admission: Admission, step: str, order: list[str], until: anyio.Event) -> None:
    async with admission.place(step):
        order.append(step)
        await until.wait()


async def test_issues_go_depth_first_and_calls_as_they_came() -> None:
    admission, order = Admission(1), list[str]()
    ends = {step: anyio.Event() for step in ("a/0", "b/0", "a/1", "c/0", "b/1", "a/2")}
    async with anyio.create_task_group() as tasks:
        for step, end in ends.items():
            tasks.start_soon(held, admission, step, order, end)
            await settled()
        assert (order, admission.in_flight, admission.waiting) == (["a/0"], 1, 5)
        for step in ("a/0", "a/1", "a/2", "b/0", "b/1", "c/0"):
            assert order[-1] == step
            ends[step].set()
            await settled()
    assert (admission.in_flight, admission.waiting) == (0, 0)


async def test_an_issue_keeps_its_rank_while_it_does_something_else() -> None:
    admission, order, end = Admission(1), list[str](), anyio.Event()
    async with admission.place("early/0"):
        pass
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(held, admission, "late/0", order, end)
        await settled()
        tasks.start_soon(held, admission, "late/1", order, end)
        await settled()
        tasks.start_soon(held, admission, "early/1", order, end)
        await settled()
        end.set()
    assert order == ["late/0", "early/1", "late/1"]


async def test_a_place_wakes_one_waiter() -> None:
    admission, order = Admission(2), list[str]()
    ends = [anyio.Event() for _ in range(6)]
    async with anyio.create_task_group() as tasks:
        for number, end in enumerate(ends):
            tasks.start_soon(held, admission, f"a/{number}", order, end)
        await settled()
        assert len(order) == 2
        ends[0].set()
        await settled()
        assert len(order) == 3
        for end in ends:
            end.set()


@pytest.mark.parametrize("moment", ["waiting", "woken", "placed"])
async def test_who_is_cancelled_gives_its_place_on(moment: str) -> None:
    admission, order = Admission(1), list[str]()
    ends = [anyio.Event() for _ in range(3)]
    scope = anyio.CancelScope()

    async def unlucky() -> None:
        with scope:
            await held(admission, "a/1", order, ends[1])

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(held, admission, "a/0", order, ends[0])
        await settled()
        tasks.start_soon(unlucky)
        await settled()
        tasks.start_soon(held, admission, "a/2", order, ends[2])
        await settled()
        if moment == "waiting":
            scope.cancel()
            await settled()
            assert admission.waiting == 1
        ends[0].set()
        if moment == "woken":
            # The holder's turn comes first: it hands its place to one who has been cancelled by then.
            await checkpoint()
            assert admission.in_flight == 1
            scope.cancel()
        if moment == "placed":
            await settled()
            scope.cancel()
        await settled()
        assert order[-1] == "a/2"
        assert (admission.in_flight, admission.waiting) == (1, 0)
        ends[2].set()
    assert admission.in_flight == 0


async def test_an_error_gives_the_place_back() -> None:
    admission = Admission(1)
    with pytest.raises(ZeroDivisionError):
        async with admission.place("a/0"):
            raise ZeroDivisionError
    assert admission.in_flight == 0


async def test_a_lower_limit_holds_for_those_who_come() -> None:
    clock = Clock()
    admission, order, end = Admission(4, clock=clock, sleep=clock.sleep), list[str](), anyio.Event()
    first = [anyio.Event() for _ in range(4)]
    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(held, admission, f"a/{number}", order, first[number])
        await settled()
        admission.refused()
        assert admission.limit == 2
        tasks.start_soon(held, admission, "a/4", order, end)
        for event in first[:2]:
            event.set()
        await settled()
        assert "a/4" not in order
        first[2].set()
        await settled()
        assert order[-1] == "a/4"
        first[3].set()
        end.set()
    assert clock.slept == [0.5]


async def test_growth_lets_waiters_in_at_once() -> None:
    clock = Clock(100.0)
    admission, order, end = Admission(8, start=1, clock=clock), list[str](), anyio.Event()
    async with anyio.create_task_group() as tasks:
        for number in range(4):
            tasks.start_soon(held, admission, f"a/{number}", order, end)
        await settled()
        assert len(order) == 1
        admission.answered(1.0)
        await settled()
        assert len(order) == admission.limit
        before = len(order)
        admission.observe(Load(running=before, waiting=0, kv_usage=0.1))
        await settled()
        assert len(order) == admission.limit > before
        end.set()


async def test_a_pause_holds_everyone_and_ends() -> None:
    clock = Clock()
    admission = Admission(4, clock=clock, sleep=clock.sleep)
    admission.refused(retry_after=30.0)
    async with admission.place("a/0"):
        assert clock.now == 30.0
    async with admission.place("a/1"):
        assert clock.slept == [30.0]


async def test_a_pause_can_be_cancelled() -> None:
    admission = Admission(4)
    admission.refused(retry_after=100.0)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(held, admission, "a/0", [], anyio.Event())
        await settled()
        assert admission.in_flight == 1
        tasks.cancel_scope.cancel()
    assert admission.in_flight == 0


async def test_used_waits_for_the_next_request() -> None:
    admission, seen = Admission(1), list[str]()

    async def watch() -> None:
        await admission.used()
        seen.append("used")

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        await settled()
        assert not seen
        async with admission.place("a/0"):
            await settled()
            assert seen
            tasks.start_soon(watch)
            await settled()
            assert len(seen) == 2


async def test_the_slowest_of_many_gets_its_turns() -> None:
    """2,000 trajectories of one issue at 256 places: none has under a third of the median's turns."""
    admission, turns = Admission(256), Counter[int]()

    async def trajectory(number: int) -> None:
        while True:
            async with admission.place(f"a/trajectory/{number}"):
                # Some replies are longer than others.
                for _ in range(1 + number % 7):
                    await checkpoint()
            turns[number] += 1
            if turns.total() >= 40_000:
                tasks.cancel_scope.cancel()
            await checkpoint()

    async with anyio.create_task_group() as tasks:
        for number in range(2000):
            tasks.start_soon(trajectory, number)
    counts = sorted(turns[number] for number in range(2000))
    assert counts[0] * 3 >= counts[1000] > 10


@dataclass
class Model:
    """What the queue should do, said plainly."""

    ranks: dict[str, int] = field(default_factory=dict)
    waiting: list[tuple[int, int, str]] = field(default_factory=list)
    placed: list[str] = field(default_factory=list)

    def come(self, number: int, issue: str, limit: int) -> None:
        rank = self.ranks.setdefault(issue, len(self.ranks))
        self.waiting.append((rank, number, f"{issue}/{number}"))
        self.fill(limit)

    def fill(self, limit: int) -> None:
        self.waiting.sort()
        while self.waiting and len(self.placed) < limit:
            self.placed.append(self.waiting.pop(0)[2])

    def leave(self, step: str, limit: int) -> None:
        self.placed = [one for one in self.placed if one != step]
        self.waiting = [one for one in self.waiting if one[2] != step]
        self.fill(limit)


MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.sampled_from("abcd")),
        st.tuples(st.just("end"), st.integers(0, 30)),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("refuse"), st.just(0)),
        st.tuples(st.just("answer"), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=60, deadline=None)
@given(most=st.integers(1, 5), moves=MOVES)
def test_any_story_goes_as_the_plain_model_says(most: int, moves: list[tuple[str, str | int]]) -> None:
    run_async(story, most, moves)


async def story(most: int, moves: list[tuple[str, str | int]]) -> None:
    clock = Clock()
    admission, model = Admission(most, clock=clock, sleep=clock.sleep), Model()
    inside: list[str] = []
    alive: dict[str, tuple[anyio.Event, anyio.CancelScope]] = {}

    async def call(step: str, end: anyio.Event, scope: anyio.CancelScope) -> None:
        with scope:
            async with admission.place(step):
                inside.append(step)
                try:
                    await end.wait()
                finally:
                    inside.remove(step)

    async with anyio.create_task_group() as tasks:
        for number, (move, value) in enumerate(moves):
            clock.now += 20.0
            if isinstance(value, str):
                step = f"{value}/{number}"
                alive[step] = (anyio.Event(), anyio.CancelScope())
                tasks.start_soon(call, step, *alive[step])
                await anyio.wait_all_tasks_blocked()
                model.come(number, value, admission.limit)
            elif move in ("end", "cancel") and alive:
                step = list(alive)[value % len(alive)]
                if move == "cancel" or step in inside:
                    end, scope = alive.pop(step)
                    scope.cancel() if move == "cancel" else end.set()
                    await anyio.wait_all_tasks_blocked()
                    model.leave(step, admission.limit)
            else:
                act: Callable[[], None] = (
                    admission.refused if move == "refuse" else lambda: admission.answered(1.0)
                )
                act()
                await anyio.wait_all_tasks_blocked()
                model.fill(admission.limit)
            assert inside == [step for step in inside if step in model.placed]
            assert sorted(inside) == sorted(model.placed)
            assert (admission.in_flight, admission.waiting) == (len(model.placed), len(model.waiting))
        for end, _ in alive.values():
            end.set()
    assert (admission.in_flight, admission.waiting) == (0, 0)
