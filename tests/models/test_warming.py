from collections.abc import Callable

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from own_loop import run_async

from swe_scale.models.warming import FirstAlone

pytestmark = pytest.mark.anyio


class Sibling:
    """A request that goes where it is told."""

    def __init__(self) -> None:
        self.inside = False
        self.answering = anyio.Event()
        self.ends = anyio.Event()
        self.fails = False
        self.scope = anyio.CancelScope()

    async def run(self, first: FirstAlone, prefix: str = "p") -> None:
        try:
            with self.scope:
                async with first.turn(prefix) as begun:
                    self.inside = True
                    await self._answer(begun)
        except ZeroDivisionError:
            assert self.fails
        finally:
            self.inside = False

    async def _answer(self, begun: Callable[[], None]) -> None:
        await self.answering.wait()
        if self.fails:
            raise ZeroDivisionError
        begun()
        begun()
        await self.ends.wait()


async def test_the_first_goes_alone_until_it_is_answered() -> None:
    first, (one, two, three) = FirstAlone(1e9), (Sibling(), Sibling(), Sibling())
    async with anyio.create_task_group() as tasks:
        for sibling in (one, two, three):
            tasks.start_soon(sibling.run, first)
        await anyio.wait_all_tasks_blocked()
        assert [one.inside, two.inside, three.inside] == [True, False, False]
        one.answering.set()
        await anyio.wait_all_tasks_blocked()
        assert [one.inside, two.inside, three.inside] == [True, True, True]
        late = Sibling()
        tasks.start_soon(late.run, first)
        await anyio.wait_all_tasks_blocked()
        assert late.inside
        tasks.cancel_scope.cancel()


async def test_an_end_without_an_error_says_that_it_was_answered() -> None:
    first = FirstAlone(1e9)
    async with first.turn("p"):
        pass
    async with first.turn("p"), first.turn("p"):
        pass


async def test_prefixes_don_t_wait_for_each_other() -> None:
    first, (one, two) = FirstAlone(1e9), (Sibling(), Sibling())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run, first, "p")
        tasks.start_soon(two.run, first, "q")
        await anyio.wait_all_tasks_blocked()
        assert one.inside and two.inside
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_the_next_takes_over_from_one_who(how: str) -> None:
    first, (one, two, three) = FirstAlone(1e9), (Sibling(), Sibling(), Sibling())
    async with anyio.create_task_group() as tasks:
        for sibling in (one, two, three):
            tasks.start_soon(sibling.run, first)
        await anyio.wait_all_tasks_blocked()
        if how == "fails":
            one.fails = True
            one.answering.set()
        else:
            one.scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert [one.inside, two.inside, three.inside] == [False, True, False]
        two.answering.set()
        await anyio.wait_all_tasks_blocked()
        assert three.inside
        tasks.cancel_scope.cancel()


async def test_who_is_chosen_and_cancelled_in_the_same_moment_hands_on() -> None:
    first, (one, two, three) = FirstAlone(1e9), (Sibling(), Sibling(), Sibling())
    async with anyio.create_task_group() as tasks:
        for sibling in (one, two, three):
            tasks.start_soon(sibling.run, first)
        await anyio.wait_all_tasks_blocked()
        one.scope.cancel()
        two.scope.cancel()
        await anyio.wait_all_tasks_blocked()
        assert three.inside
        tasks.cancel_scope.cancel()


async def test_nobody_waits_longer_than_the_patience() -> None:
    first, (one, two) = FirstAlone(0.0), (Sibling(), Sibling())
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(one.run, first)
        tasks.start_soon(two.run, first)
        for _ in range(5):
            await anyio.wait_all_tasks_blocked()
        assert two.inside
        tasks.cancel_scope.cancel()


MOVES = st.lists(
    st.tuples(st.sampled_from(["come", "answer", "fail", "cancel", "end"]), st.integers(0, 9)), max_size=30
)


@settings(max_examples=60, deadline=None)
@given(MOVES)
def test_any_story_ends_with_everyone_served(moves: list[tuple[str, int]]) -> None:
    run_async(story, moves)


async def story(moves: list[tuple[str, int]]) -> None:
    first, alive, answered = FirstAlone(1e9), list[Sibling](), False
    async with anyio.create_task_group() as tasks:
        for move, number in moves:
            if move == "come":
                alive.append(Sibling())
                tasks.start_soon(alive[-1].run, first)
            elif alive:
                chosen = alive[number % len(alive)]
                match move:
                    case "cancel":
                        chosen.scope.cancel()
                        alive.remove(chosen)
                    case "fail" if chosen.inside and not chosen.answering.is_set():
                        chosen.fails = True
                        chosen.answering.set()
                        alive.remove(chosen)
                    case "answer" if chosen.inside:
                        chosen.answering.set()
                        answered = True
                    case "end":
                        chosen.ends.set()
            await anyio.wait_all_tasks_blocked()
            inside = sum(sibling.inside or sibling.ends.is_set() for sibling in alive)
            assert inside == len(alive) if answered else inside >= min(1, len(alive))
            if not answered:
                assert sum(sibling.inside for sibling in alive) == min(1, len(alive))
        for sibling in alive:
            sibling.answering.set()
            sibling.ends.set()
