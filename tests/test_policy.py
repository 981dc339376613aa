"""Policies decide by the evidence; another package's are held to what can be carried out."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import pytest
from solving_kit import (
    CHECK,
    DONE,
    RIGHT,
    Spoken,
    candidate,
    check_by,
    edit,
    open_desk,
    verdict,
)

from swe_scale.errors import ExtensionError, UsageError
from swe_scale.policy import Fixed, Move, Progress, find_policy
from swe_scale.policy.adaptive import Adaptive
from swe_scale.policy.agreed import UntilAgreed, probability_ahead
from swe_scale.policy.deepening import IterativeDeepening
from swe_scale.policy.finding import ForeignPolicy
from swe_scale.policy.gains import Gains
from swe_scale.ranking import Evidence
from swe_scale.ranking.latent import Prior
from swe_scale.records import BASE, Completion, Outcome, Request

ALSO = "    if not values:\n        return 0.0\n    return sum(values) / len(values)"
WRONG = "    return sum(values) / max(len(values), 2)"


def evidence(*clusters: int, red: bool = False) -> Evidence:
    """Return candidates of so many trajectories each, and a check by each first author."""
    names, authors = "abcdef"[: len(clusters)], iter(range(1, 100))
    several = [
        candidate(name, [next(authors) for _ in range(count)], name * 3)
        for name, count in zip(names, clusters, strict=True)
    ]
    checks = tuple(check_by(one.authors[0]) for one in several)
    said: Outcome = "fail" if red else "pass"
    cells = [verdict(BASE, check, "fail") for check in checks]
    cells += [verdict(one.id, check, said) for one in several for check in checks]
    return Evidence(tuple(several), {one.id: one.id for one in several}, checks, tuple(cells))


def test_the_probability_of_being_ahead() -> None:
    # The upper half of a Beta(a + 1, b + 1) distribution.
    assert probability_ahead(2, 0) == 0.875 and probability_ahead(2, 1) == 0.6875
    assert probability_ahead(1, 1) == 0.5 and probability_ahead(4, 1) == pytest.approx(0.890625)


@pytest.mark.parametrize(
    ("progress", "action"),
    [
        (Progress(10, 0, 0, 0), "start"),
        (Progress(10, 2, 2, 0), "start"),
        (Progress(10, 3, 1, 0), None),
        (Progress(10, 3, 3, 0), "check"),
        (Progress(10, 3, 3, 3, evidence=evidence(3)), "stop"),
        (Progress(10, 3, 3, 3, evidence=evidence(2)), "stop"),
        (Progress(10, 3, 3, 3, evidence=evidence(2, 1)), "start"),
        (Progress(10, 3, 3, 3, evidence=evidence(1)), "start"),
        (Progress(10, 3, 3, 3, evidence=evidence(3, red=True)), "start"),
        (Progress(10, 3, 3, 3), "start"),
        (Progress(10, 4, 3, 3, evidence=evidence(2, 1)), "start"),
        (Progress(10, 5, 4, 3, evidence=evidence(2, 1)), None),
        (Progress(10, 5, 5, 3, evidence=evidence(2, 1)), "check"),
        (Progress(10, 5, 5, 5, evidence=evidence(4, 1)), "stop"),
        (Progress(4, 4, 4, 3, evidence=evidence(2, 1)), "check"),
        (Progress(4, 4, 4, 4, evidence=evidence(2, 2)), "stop"),
        (Progress(4, 4, 4, 4, ("notes",), 2, evidence(2, 2)), "refine"),
        (Progress(4, 4, 4, 4, ("notes",), 1, evidence(4)), "stop"),
        (Progress(0, 0, 0, 0), "stop"),
    ],
)
def test_until_agreed(progress: Progress, action: str | None) -> None:
    move = UntilAgreed().next(progress)
    assert (move.action if move else None) == action


def test_it_says_why_it_stops() -> None:
    move = UntilAgreed().next(Progress(10, 5, 5, 5, evidence=evidence(4, 1)))
    assert move is not None and move.reason == (
        "4 trajectories made the leading change and 1 the next one: it is ahead with probability 0.89, and "
        "passes 2 of 2 checks"
    )


def judged(count: int, *clusters: int, red: bool = False, **more: Any) -> Progress:
    """Return where ten were planned, so many of them are judged, of eight replies at most, none under way."""
    return Progress(10, count, count, count, evidence=evidence(*clusters, red=red), turns=8, **more)


@pytest.mark.parametrize(
    ("progress", "move"),
    [
        (Progress(10, 2, 2, 0, turns=8), ("start", 3)),
        (Progress(10, 2, 0, 0, turns=2), ("start", None)),
        (Progress(10, 3, 0, 0, turns=8), None),
        (Progress(10, 3, 1, 0, turns=8), ("check", None)),
        (Progress(10, 3, 1, 1, turns=8), ("start", 3)),
        (Progress(10, 4, 1, 1, turns=8), None),
        (judged(3, 1, 1, 1, red=True), ("start", 3)),
        (judged(9, 9), ("stop", None)),
        (judged(10, 10), ("stop", None)),
        (replace(judged(4, 2, 2, red=True), planned=4, late=("notes",)), ("refine", 3)),
        (Progress(0, 0, 0, 0), ("stop", None)),
    ],
)
def test_adaptive(progress: Progress, move: tuple[str, int | None] | None) -> None:
    found = Adaptive().next(progress)
    assert (found and (found.action, found.turns)) == move


def test_it_goes_deeper_where_breadth_brings_little() -> None:
    had = dict.fromkeys(range(1, 7), 3)
    rarely = Prior(successes=0.2, failures=4.0, mended=0.2)
    so_far = judged(6, 1, 1, 1, 1, 1, 1, aside=had, had=had)
    moves = [
        Adaptive(worth=0.0).next(replace(so_far, evidence=replace(told, prior=prior)))
        for told in [evidence(1, 1, 1, 1, 1, 1)]
        for prior in (Prior(mended=0.02), rarely)
    ]
    assert [move and (move.action, move.turns) for move in moves] == [("start", 3), ("extend", 6)]


def test_what_went_on_in_vain_speaks_for_a_hopeless_issue() -> None:
    def gain(replies: int) -> float:
        return Gains.of(judged(6, had=dict.fromkeys(range(1, 7), replies)), 3).of_start()

    assert gain(2) == gain(3) > gain(5) > gain(8) > 0


def test_who_agrees_while_checks_are_red_is_not_taken_for_right() -> None:
    red, green = judged(5, 5, red=True), judged(5, 5)
    moves = [Adaptive(worth=0.004).next(one) for one in (red, green)]
    assert [move and move.action for move in moves] == ["start", "stop"]


def test_one_that_takes_long_is_not_waited_for_once_it_can_not_matter() -> None:
    sure = replace(judged(9, 9), started=10, finished=9, checked=9)
    doubtful = replace(judged(3, 1, 1, 1), started=4, planned=4)
    moves = [Adaptive().next(one) for one in (sure, doubtful)]
    assert moves[0] is not None and moves[0].action == "stop" and moves[1] is None


def test_what_is_gained_falls_with_agreement_and_with_failure() -> None:
    def gain(count: int, *clusters: int) -> float:
        return Gains.of(judged(count, *clusters), 3).of_start()

    assert gain(3, 1, 1, 1) > gain(3, 3) > gain(8, 8) > 0
    assert gain(3) > gain(10) > gain(40) > 0, "nobody has brought anything: most likely nobody will"
    assert gain(12, 2) < gain(4, 2)


def test_what_is_under_way_is_gained_already() -> None:
    alone = Gains.of(judged(3, 1, 1, 1), 3)
    beside = Gains.of(replace(judged(3, 1, 1, 1), started=6), 3)
    assert alone.coming == 0 < beside.coming and alone.of_start() > beside.of_start() > 0


def test_a_right_one_can_not_be_mended() -> None:
    gains = Gains.of(judged(6, 5, 1), 3)
    assert 0 < gains.of_replies(6, 3) < gains.of_replies(1, 3), (
        "where the leader is wrong, another may be right"
    )
    assert gains.of_replies(7, 3) == gains.of_start(), "one without a candidate"
    assert gains.of_replies(6, 6) > gains.of_replies(6, 3)


def test_it_says_what_more_would_bring() -> None:
    move = Adaptive(worth=1.0).next(judged(3, 2, 1))
    assert move is not None and move.action == "stop"
    assert "another reply would bring a right patch in its place with 0.0" in move.reason


def test_objectives() -> None:
    usual, cheap, soon = (Adaptive.aiming_at(one) for one in ("resolved", "cost", "latency"))
    assert cheap.worth > usual.worth and cheap.width <= usual.width
    moves = [one.next(Progress(10, 3, 0, 0, turns=8)) for one in (usual, soon)]
    assert moves[0] is None and moves[1] is not None and (moves[1].action, moves[1].turns) == ("start", None)
    assert find_policy("adaptive", "cost") == cheap
    with pytest.raises(UsageError, match="the policy 'fixed' has one aim"):
        find_policy("fixed", "cost")


KNOWN = replace(evidence(5, 5), prior=Prior(hopeless=0.0, successes=3.0))
"""Of issues on which most are right."""


@pytest.mark.parametrize(
    ("progress", "move"),
    [
        (Progress(2, 1, 1, 0, turns=8), ("start", None, 3)),
        (Progress(2, 1, 1, 0, turns=2), ("start", None, 2)),
        (Progress(2, 2, 1, 0, turns=8), None),
        (Progress(2, 2, 2, 0, turns=8), ("check", None, None)),
        (Progress(2, 2, 2, 2, turns=8, aside={1: 3, 2: 3}), ("extend", 1, 6)),
        (Progress(2, 2, 1, 1, turns=8, aside={2: 6}), ("extend", 2, 8)),
        (Progress(2, 2, 0, 0, turns=8), None),
        (replace(judged(10, 5, 5), aside={2: 6}), ("extend", 2, 8)),
        (replace(judged(10, 5, 5), aside={2: 6}, evidence=KNOWN), ("stop", None, None)),
        (Progress(2, 2, 2, 2, turns=8), ("stop", None, None)),
    ],
)
def test_iterative_deepening(progress: Progress, move: tuple[str, int | None, int | None] | None) -> None:
    found = IterativeDeepening().next(progress)
    assert (found and (found.action, found.trajectory, found.turns)) == move


def test_found_by_name() -> None:
    assert isinstance(find_policy("fixed"), Fixed) and isinstance(find_policy("until-agreed"), UntilAgreed)
    with pytest.raises(UsageError, match=r"no policy 'best'; known are: fixed, adaptive"):
        find_policy("best")


class Told:
    """A policy that decides what it is told."""

    def __init__(self, move: object) -> None:
        self.move = move

    def next(self, progress: Progress) -> Move | None:
        """Return the move."""
        if isinstance(self.move, Exception):
            raise self.move
        return self.move  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("move", "progress", "said"),
    [
        (None, Progress(2, 1, 1, 0), "waits though nothing is under way"),
        ("stop", Progress(2, 1, 1, 0), "'stop' is no move"),
        (Move("stop", 3), Progress(2, 1, 1, 0), "is no move"),  # type: ignore[arg-type]
        (Move("start", ""), Progress(2, 2, 1, 0), "all 2 trajectories have been started"),
        (Move("check", ""), Progress(2, 1, 1, 1), "nothing has finished since the last check"),
        (Move("refine", ""), Progress(2, 3, 1, 0, ("notes",)), "none that waits"),
        (Move("refine", "", turns=9), Progress(2, 1, 1, 0, ("notes",), turns=8), "9 is no number of replies"),
        (Move("fork", ""), Progress(1, 2, 1, 0, ("notes",)), "none that waits"),
        (Move("select", ""), Progress(1, 1, 1, 0), "'select' is no action of a policy"),
        (Move("extend", "", 1), Progress(2, 1, 1, 1, turns=8), "1 was not set aside"),
        (Move("extend", "", 2), Progress(2, 2, 2, 2, turns=8, aside={1: 3}), "2 was not set aside"),
        (Move("extend", "", 1, 3), Progress(2, 2, 2, 2, turns=8, aside={1: 3}), "1 has had 3 replies"),
        (Move("start", "", turns=9), Progress(2, 1, 1, 0, turns=8), "9 is no number of replies"),
        (Move("start", "", turns=0), Progress(2, 1, 1, 0, turns=8), "of which there may be 8"),
        (Move([1], ""), Progress(1, 1, 1, 0), "is no action"),  # type: ignore[arg-type]
        (ValueError("no\nidea"), Progress(1, 1, 1, 0), "failed: ValueError: no idea"),
    ],
)
def test_a_foreign_policy_that_decides_nonsense_is_named(move: object, progress: Progress, said: str) -> None:
    with pytest.raises(ExtensionError, match=said) as raised:
        ForeignPolicy("theirs", Told(move)).next(progress)
    assert "the policy 'theirs'" in str(raised.value)


@pytest.mark.parametrize("move", [None, Move("stop", "x"), Move("start", "x")])
def test_a_foreign_policy_that_decides_sense_is_followed(move: Move | None) -> None:
    assert ForeignPolicy("theirs", Told(move)).next(Progress(2, 1, 0, 0)) == move


def replies(bodies: Sequence[str]) -> dict[str, str]:
    checks = (CHECK.replace("resolved", f"fine {place}") for place in range(len(bodies)))
    return {
        f"trajectory/{index:02}/turn/01": check + edit(body) + DONE
        for index, (check, body) in enumerate(zip(checks, bodies, strict=True), start=1)
    }


@pytest.mark.anyio
async def test_a_search_ends_when_its_trajectories_agree(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Spoken(replies([RIGHT, WRONG, ALSO, RIGHT, RIGHT, RIGHT]))) as desk:
        search = desk.search(*["revise"] * 6)
        search.policy = UntilAgreed()
        await search.run()
    actions = [one.action for one in search.decisions]
    assert actions == ["start"] * 3 + ["check"] + ["start"] * 2 + ["check", "stop"]
    assert [one.finished for one in search.decisions if one.action == "check"] == [(1, 2, 3), (1, 2, 3, 4, 5)]
    assert sorted(search.trajectories) == [1, 2, 3, 4, 5]
    assert search.decisions[-1].reason.startswith("3 trajectories made the leading change and 1 the next one")


@pytest.mark.anyio
async def test_whatever_kills_it_an_adaptive_search_decides_the_same(tmp_path: Path) -> None:
    whole = replies([RIGHT, WRONG, ALSO, RIGHT, RIGHT, RIGHT])
    (tmp_path / "a").mkdir()
    async with open_desk(tmp_path / "a", Spoken(whole)) as desk:
        calm = desk.search(*["revise"] * 6)
        calm.policy = UntilAgreed()
        await calm.run()
    (tmp_path / "b").mkdir()
    asked: list[str] = []
    for cut in (1, 2, 1, 99):

        class Dying(Spoken):
            async def complete(self, request: Request, most: int = cut) -> Completion:
                if len(self.requests) >= most:
                    raise RuntimeError("killed")
                return await super().complete(request)

        model = Dying(whole)
        async with open_desk(tmp_path / "b", model) as desk:
            search = desk.search(*["revise"] * 6)
            search.policy = UntilAgreed()
            try:
                await search.run()
            except BaseExceptionGroup as group:
                assert group.subgroup(RuntimeError)  # noqa: PT017
        asked += [request.step for request in model.requests]
    assert search.decisions == calm.decisions and search.trajectory_list() == calm.trajectory_list()
    assert sorted(asked) == [f"pkg-1/trajectory/{index:02}/turn/01" for index in range(1, 6)]


class Hasty:
    """Checks whenever a trajectory has finished, and stops at the second check: who is first counts."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move."""
        if progress.started < progress.planned:
            return Move("start", "at once")
        if progress.checked == 2:
            return Move("stop", "enough")
        return Move("check", "now") if progress.checked < progress.finished else None


@pytest.mark.anyio
async def test_what_was_decided_on_an_order_is_repeated_in_another(tmp_path: Path) -> None:
    checked = anyio.Event()

    class Racing(Spoken):
        """Trajectory 3 is first, 1 comes after the first check, 2 never ends."""

        async def complete(self, request: Request) -> Completion:
            if "trajectory/02" in request.step:
                await anyio.sleep_forever()
            if "trajectory/01" in request.step:
                await checked.wait()
            return await super().complete(request)

    found = []
    for kind in (Racing, Spoken):
        async with open_desk(tmp_path, kind(replies([RIGHT, WRONG, ALSO]))) as desk:
            desk.setting.events.listeners.append(
                lambda event: checked.set() if event.text.startswith("check: ") else None
            )
            search = desk.search(*["revise"] * 3)
            search.policy = Hasty()
            await search.run()
            ends = {index: one.outcome for index, one in search.trajectories.items()}
            found.append((search.decisions, ends, search.evidence().candidates))
    assert [one.finished for one in found[0][0] if one.action == "check"] == [(3,), (1, 3)]
    assert found[0][1].keys() == {1, 2, 3}
    assert found[0][1][2] == "cancelled", "what was under way at the end is on record as that"
    assert found[1][0] == found[0][0] and found[1][2] == found[0][2], "though another would be first now"


@pytest.mark.anyio
async def test_history_that_no_longer_holds_is_not_repeated(tmp_path: Path) -> None:
    whole = replies([RIGHT, RIGHT, RIGHT, WRONG, WRONG])
    lacking = {step: text for step, text in whole.items() if "/02/" not in step and "/03/" not in step}
    async with open_desk(tmp_path, Spoken(lacking)) as desk:
        first = desk.search(*["revise"] * 5)
        first.policy = UntilAgreed()
        await first.run()
    assert len(first.trajectories) == 5, "two were lost to the endpoint, so nobody agreed"
    async with open_desk(tmp_path, Spoken(whole)) as desk:
        again = desk.search(*["revise"] * 5)
        again.policy = UntilAgreed()
        await again.run()
    assert sorted(again.trajectories) == [1, 2, 3] and again.decisions[-1].action == "stop"
