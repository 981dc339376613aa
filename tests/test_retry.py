from collections.abc import Iterator

import anyio
import pytest
from tenacity import AsyncRetrying

from swe_scale import retry
from swe_scale.retry import LONGEST_WAIT, retrying, without_waiting

pytestmark = pytest.mark.anyio


class Busy(Exception):
    def __init__(self, retry_after: object = None) -> None:
        super().__init__("busy")
        self.retry_after = retry_after
        self.again: int | None = None


class Flaky:
    """Fails with the given errors, one per call, then answers."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.calls = 0

    async def __call__(self, answer: str) -> str:
        self.calls += 1
        if self.errors:
            raise self.errors.pop(0)
        return answer


@pytest.fixture
def at_once() -> Iterator[None]:
    with without_waiting():
        yield


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the policy would have slept."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(anyio, "sleep", sleep)
    return slept


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("failures", [0, 1, 3])
async def test_a_passing_fault_is_tried_again(failures: int) -> None:
    call = Flaky(*[Busy() for _ in range(failures)])
    assert await retrying(3, Busy)(call, "answer") == "answer"
    assert call.calls == failures + 1


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(("again", "calls"), [(None, 2), (0, 1), (3, 4)])
async def test_an_error_may_say_how_often_it_is_worth_a_try(again: int | None, calls: int) -> None:
    error = Busy()
    error.again = again
    call = Flaky(*[error] * 9)
    with pytest.raises(Busy):
        await retrying(1, Busy)(call, "")
    assert call.calls == calls


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize("tries", [0, 2])
async def test_the_last_error_is_raised_after_the_last_try(tries: int) -> None:
    errors = [Busy(number) for number in range(9)]
    call = Flaky(*errors)
    with pytest.raises(Busy) as caught:
        await retrying(tries, Busy)(call, "")
    assert caught.value is errors[tries]
    assert call.calls == tries + 1


@pytest.mark.usefixtures("at_once")
async def test_other_errors_end_the_call_at_once() -> None:
    call = Flaky(ValueError("no"))
    with pytest.raises(ValueError, match="no"):
        await retrying(5, Busy)(call, "")
    assert call.calls == 1


async def test_waits_grow_and_are_jittered(waits: list[float]) -> None:
    policy: AsyncRetrying = retrying(8, Busy)
    await policy(Flaky(*[Busy() for _ in range(8)]), "")
    for number, seconds in enumerate(waits[:6]):
        assert 0.5 * 2**number <= seconds <= 0.5 * 2**number + 0.5
    assert 30.0 <= max(waits) <= 30.5
    assert len({round(seconds % 0.5, 6) for seconds in waits[:6]}) > 1


async def test_a_wish_is_honoured_where_it_is_longer(waits: list[float]) -> None:
    await retrying(2, Busy)(Flaky(Busy(20.0), Busy(0)), "")
    assert waits[0] == 20.0
    assert waits[1] >= 1.0


@pytest.mark.parametrize("wish", ["soon", float("nan"), float("inf"), -5.0])
async def test_a_senseless_wish_is_ignored(wish: object, waits: list[float]) -> None:
    await retrying(1, Busy)(Flaky(Busy(wish)), "")
    assert 0.5 <= waits[0] <= 1.0


@pytest.mark.usefixtures("at_once")
async def test_who_asks_for_hours_is_not_waited_for() -> None:
    call = Flaky(Busy(LONGEST_WAIT + 1))
    with pytest.raises(Busy):
        await retrying(5, Busy)(call, "")
    assert call.calls == 1


async def test_waiting_can_be_cancelled() -> None:
    call = Flaky(Busy(60.0))
    with anyio.move_on_after(0.01) as scope:
        await retrying(5, Busy)(call, "")
    assert scope.cancelled_caught
    assert call.calls == 1


def test_the_switch_is_restored() -> None:
    with pytest.raises(Busy), without_waiting():
        raise Busy
    assert retry._waiting
