import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from swe_scale.models.metrics import Load
from swe_scale.models.pace import Pace


def pace(most: int = 100, start: float | None = None) -> Pace:
    return Pace(most, float(most if start is None else start))


def load(running: int = 10, waiting: int = 0, kv: float | None = 0.5, preemptions: int = 0) -> Load:
    return Load(running, waiting, kv, preemptions)


def watched(limit: float, *loads: Load, in_flight: int | None = None, most: int = 256) -> Pace:
    made = pace(most, limit)
    for second, one in enumerate(loads):
        made.observe(float(second), int(made.limit) if in_flight is None else in_flight, one)
    return made


def test_refusals_together_count_once() -> None:
    made = pace(64)
    for _ in range(40):
        made.refused(10.0, 64)
    made.refused(10.9, 64)
    assert made.limit == 32
    made.refused(11.0, 32)
    assert made.limit == 16


def test_a_refusal_starts_from_what_was_in_flight() -> None:
    made = pace(256)
    made.refused(0.0, 20)
    assert made.limit == 10


def test_one_place_always_stays() -> None:
    made = pace(4)
    for second in range(50):
        made.refused(float(second), 1)
    assert made.limit == 1


def test_pauses_double_until_an_answer() -> None:
    made = pace()
    pauses = []
    for second in range(0, 1000, 100):
        made.refused(float(second), 10)
        pauses.append(made.held_until - second)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 30, 30, 30, 30]
    made.answered(1000.0, 1, 1.0)
    made.refused(1001.0, 1)
    assert made.held_until == 1001.5


def test_a_pause_lasts_as_long_as_the_server_wants() -> None:
    made = pace()
    made.refused(0.0, 10, 20.0)
    assert made.held_until == 20
    made.refused(0.1, 10, 60.0)
    assert made.held_until == 60.1
    # A wish that no call is tried again for is no reason to stop all.
    made.refused(0.2, 10, 3600.0)
    assert made.held_until == 60.1


def test_growth_is_one_per_answer_at_most_and_a_minute_for_all() -> None:
    made = pace(60, 1)
    made.answered(0.0, 1, 0.5)
    assert made.limit == 2
    # 60 places, a minute: one per second, however many answers there are.
    for number in range(100):
        made.answered(number / 10, int(made.limit), 0.5)
    assert made.limit == pytest.approx(2 + 9.9)
    for number in range(200):
        made.answered(10 + number, int(made.limit), 0.5)
    assert made.limit == 60


def test_nothing_grows_soon_after_a_refusal() -> None:
    made = pace(100)
    made.refused(0.0, 100)
    for second in range(1, 10):
        made.answered(float(second), 50, 1.0)
    assert made.limit == 50
    made.answered(10.0, 50, 1.0)
    assert made.limit == 51


def test_a_limit_that_nobody_meets_stays() -> None:
    made = pace(100, 20)
    for second in range(100):
        made.answered(float(second), 10, 1.0)
    assert made.limit == 20


def test_growth_stops_when_answers_have_become_far_slower() -> None:
    made = pace(1000, 10)
    for second in range(40):
        made.answered(float(second), 8, 2.0)
    assert made.limit == 10
    for second in range(40, 200):
        made.answered(float(second), int(made.limit), 30.0)
    stopped = made.limit
    assert stopped < 100
    for second in range(200, 1200):
        made.answered(float(second), int(made.limit), 30.0)
    # Longer replies become the new measure.
    assert made.limit > stopped


def test_growth_goes_on_where_replies_differ_in_length() -> None:
    made = pace(50, 10)
    for second in range(400):
        made.answered(float(second), int(made.limit), (0.5, 1.0, 2.0, 8.0, 30.0)[second * 7 % 5])
    assert made.limit == 50


def test_latency_is_no_reason_below_the_floor() -> None:
    made = pace(50, 1)
    for second in range(30):
        made.answered(float(second), 0, 0.1)
    for second in range(30, 60):
        made.answered(float(second), int(made.limit), 100.0)
    assert int(made.limit) == 8


@pytest.mark.parametrize(
    ("figures", "limit"),
    [
        (load(40, 0, 0.5), 44.0),
        (load(40, 2, 0.5), 44.0),  # came this moment
        (load(40, 3, 0.5), 40.0),
        (load(40, 0, 0.9), 40.0),
        (load(40, 0, 0.99), 40.0),
        (load(40, 1, 0.96), 34.0),
        (load(10, 30, 0.96), 20.0),
        (load(18, 22, 0.96), 22.5),
        (load(4, 0, None), 44.0),
    ],
)
def test_one_observation(figures: Load, limit: float) -> None:
    assert watched(40, figures).limit == limit


def test_preemption_in_a_full_cache_shrinks() -> None:
    assert watched(40, load(40, 0, 0.97, 7)).limit == 40
    assert watched(40, load(40, 0, 0.97, 7), load(40, 0, 0.97, 7)).limit == 40
    assert watched(40, load(40, 0, 0.97, 7), load(40, 0, 0.97, 9)).limit == 34
    # The server started again, and counts from nothing.
    assert watched(40, load(40, 0, 0.97, 7), load(40, 0, 0.97, 0)).limit == 40


def test_a_cut_is_judged_when_it_has_taken_effect() -> None:
    made = watched(40, load(40, 5, 0.99))
    for second in range(1, 9):
        made.observe(float(second), 40, load(40, 5, 0.99))
    assert made.limit == 34
    made.observe(9.0, 34, load(34, 5, 0.99))
    assert made.limit == pytest.approx(34 * 0.85)


def test_a_queue_that_stays_is_taken_back_down_to_what_runs() -> None:
    assert watched(256, *[load(64, 192)] * 4).limit == 256
    assert watched(256, *[load(64, 192)] * 5).limit == pytest.approx(230.4)
    assert watched(256, *[load(64, 192)] * 100).limit == 80
    # Others fill it: what we have is left to us.
    assert watched(20, *[load(64, 192)] * 100).limit == 20


def test_measurements_leave_two() -> None:
    assert watched(40, *[load(1, 9, 1.0, number) for number in range(100)]).limit == 2
    assert watched(1, *[load(1, 9, 1.0, number) for number in range(100)], most=1).limit == 1


def test_a_limit_finds_what_the_cache_holds() -> None:
    """40 requests fill the cache: what is more waits at the server, or drives others out."""
    made = pace(256)
    history = []
    for second in range(300):
        sent = int(made.limit)
        running = min(sent, 40)
        made.observe(float(second), sent, load(running, sent - running, running / 40))
        history.append(sent)
    assert all(34 <= limit <= 40 for limit in history[10:])


def test_measurements_stand_in_for_guesses_while_they_come() -> None:
    made = watched(40, load(40, 8, 0.9), most=100)
    for tenth in range(90):
        made.answered(tenth / 10, 40, 1.0)
    assert made.limit == 40
    for second in range(10, 20):
        made.answered(float(second), int(made.limit), 1.0)
    assert made.limit > 40


def test_a_refusal_counts_beside_measurements() -> None:
    made = watched(40, load(40))
    made.refused(0.5, 44)
    made.observe(1.0, 22, load(22))
    assert made.limit == 22


TIMES = st.floats(0, 1e6)
MOVES = st.one_of(
    st.tuples(st.just("refused"), st.one_of(st.none(), st.floats(0, 1e9))),
    st.tuples(st.just("answered"), st.floats(0, 1e5)),
    st.tuples(
        st.just("observed"),
        st.builds(
            Load,
            st.integers(0, 10**9),
            st.integers(0, 10**9),
            st.one_of(st.none(), st.floats(0, 1)),
            st.integers(0, 10**9),
        ),
    ),
)


@given(st.integers(1, 300), st.lists(st.tuples(TIMES, st.integers(0, 400), MOVES), max_size=60))
def test_the_limit_stays_within_its_bounds(
    most: int, story: list[tuple[float, int, tuple[str, object]]]
) -> None:
    """Whatever happens, and wherever the clock jumps."""
    made = pace(most)
    for now, in_flight, (move, value) in story:
        before = made.limit
        match value:
            case Load():
                made.observe(now, in_flight, value)
            case float() | None if move == "refused":
                made.refused(now, in_flight, value)
                assert made.limit <= before
            case float():
                made.answered(now, in_flight, value)
                assert before <= made.limit <= before + 1
        assert 1 <= made.limit <= most
        assert not math.isnan(made.held_until) and made.held_until <= 1e6 + 120
