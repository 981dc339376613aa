"""Trajectories that can't change the answer are not waited for; what they had is on record."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import CHECK, DONE, RIGHT, Desk, Spoken, candidate, check_by, edit, open_desk, verdict

from swe_scale.policy import Fixed, Progress
from swe_scale.policy.adaptive import Adaptive
from swe_scale.policy.agreed import UntilAgreed
from swe_scale.policy.stragglers import Stragglers, stands
from swe_scale.ranking import OWN_RULES, Evidence, Prior, Ranking, rank
from swe_scale.records import BASE, Completion, Outcome, Request
from swe_scale.search import Search

WRONG = "    return sum(values) / max(len(values), 2)"


def evidence(agree: int, differ: int = 0, checks: int = 0, rivals: int = 0) -> Evidence:
    """Return a candidate by so many trajectories, others by one each, and checks that it alone passes."""
    several = [candidate("a" * 40, range(1, agree + 1), "one way")]
    several += [candidate(f"{n:040x}", [agree + n], f"other {n} {'x' * n}") for n in range(1, differ + 1)]
    written = tuple(check_by(n) for n in range(1, checks + rivals + 1))
    cells = []
    for number, check in enumerate(written):
        for one in (BASE, *(each.id for each in several)):
            first = one == several[0].id
            said: Outcome = "pass" if one != BASE and first == (number < checks) else "fail"
            cells.append(verdict(one, check, said))
    return Evidence(tuple(several), {one.id: one.id for one in several}, written, tuple(cells))


@pytest.mark.parametrize(
    ("found", "left", "safe"),
    [
        (evidence(5, 1, checks=5), 1, True),
        (evidence(5, 1, checks=5), 6, False),
        (evidence(2, 1), 2, False),
        (evidence(2, 2, checks=1, rivals=1), 1, False),
        (evidence(1, 1), 1, False),
        (Evidence((), {}, (), ()), 1, False),
    ],
)
def test_a_leader_that_nothing_can_overtake(found: Evidence, left: int, safe: bool) -> None:
    assert stands(found, rank, left) == safe


@pytest.mark.parametrize("name", sorted(OWN_RULES))
def test_what_is_supposed_of_others_fits_every_rule(name: str) -> None:
    assert not stands(evidence(1, 1), OWN_RULES[name], 3)


SAFE = evidence(5, 1, checks=5)


def test_what_is_known_otherwise_counts_in_what_is_supposed() -> None:
    known, asked = replace(SAFE, prior=Prior(hopeless=0.9)), list[Evidence]()

    def rule(evidence: Evidence) -> Ranking:
        asked.append(evidence)
        return rank(evidence)

    assert stands(known, rule, 1)
    assert len(asked) > 2 and all(one.prior == known.prior for one in asked)


@pytest.mark.parametrize(
    ("progress", "action"),
    [
        (Progress(8, 7, 6, 6, evidence=SAFE), "start"),
        (Progress(7, 7, 3, 0), None),
        (Progress(7, 7, 6, 5, evidence=SAFE), "check"),
        (Progress(7, 7, 6, 6, evidence=SAFE), "stop"),
        (Progress(7, 7, 6, 6, evidence=evidence(3, 3)), None),
        (Progress(7, 7, 6, 6), None),
        (Progress(7, 7, 6, 6, ("notes",), 2, SAFE), None),
        (Progress(2, 2, 1, 1, evidence=evidence(1)), None),
        (Progress(7, 7, 7, 6, evidence=SAFE), "check"),
    ],
)
def test_only_the_last_ones_and_only_where_nothing_follows(progress: Progress, action: str | None) -> None:
    move = Stragglers(Fixed(), rank).next(progress)
    assert (move.action if move else None) == action


def test_a_wave_does_not_wait_for_its_slowest() -> None:
    waits = Progress(10, 7, 6, 6, evidence=SAFE)
    assert UntilAgreed().next(waits) is None
    move = Stragglers(UntilAgreed(), rank).next(waits)
    assert move is not None and move.action == "stop"
    assert (
        "whatever comes of 1 trajectory under way" in move.reason and "ahead with probability" in move.reason
    )
    doubtful = Progress(10, 7, 6, 6, evidence=evidence(3, 3))
    assert Stragglers(UntilAgreed(), rank).next(doubtful) is None


def test_the_adaptive_policy_needs_no_bound() -> None:
    sure, open_still = evidence(4, checks=4), evidence(1, 1)
    assert not stands(evidence(4, 1, checks=4), rank, 4)
    move = Stragglers(Adaptive(), rank).next(Progress(5, 5, 4, 4, evidence=sure))
    assert move is not None and move.action == "stop"
    assert Stragglers(Adaptive(), rank).next(Progress(3, 3, 2, 2, evidence=open_still)) is None


@pytest.mark.parametrize(
    ("seconds", "waited", "stops"),
    [
        ((20.0, 30.0, 40.0), (100.0,), True),
        ((20.0, 30.0, 40.0), (80.0,), False),
        ((0.01, 0.02), (1.0,), False),
        ((20.0, 30.0, 40.0, 30.0), (100.0, 10.0), False),
        ((), (), False),
    ],
)
def test_where_time_counts_far_slower_ones_are_given_up(
    seconds: Sequence[float], waited: Sequence[float], stops: bool
) -> None:
    progress = Progress(
        9, 9, 6, 6, evidence=evidence(3, 3), seconds=tuple(seconds), waited=tuple(waited),
    )  # fmt: skip
    progress = replace(progress, planned=8, started=8 if len(waited) > 1 else 7)
    progress = replace(progress, planned=progress.started)
    assert Stragglers(Fixed(), rank).next(progress) is None
    move = Stragglers(Fixed(), rank, slow=True).next(progress)
    assert (move is not None and move.action == "stop") == stops


def writes(number: int, body: str) -> dict[str, str]:
    texts = (CHECK.replace("print(", f"print({number}, "), edit(body), DONE)
    return {f"trajectory/{number:02}/turn/{turn:02}": text for turn, text in enumerate(texts, start=1)}


REPLIES = {step: text for number in range(1, 6) for step, text in writes(number, RIGHT).items()}


class Hanging(Spoken):
    """Never says the second reply of the fifth trajectory."""

    async def complete(self, request: Request) -> Completion:
        if request.step.endswith("trajectory/05/turn/02"):
            self.requests.append(request)
            await anyio.sleep_forever()
        return await super().complete(request)


def impatient(desk: Desk, *, slow: bool = False) -> Search:
    search = desk.search(*["revise"] * 5)
    search.policy, search.look = Stragglers(Fixed(), rank, slow=slow), 0.1 if slow else search.look
    return search


@pytest.mark.anyio
async def test_what_was_cancelled_is_on_record_with_what_it_had(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Hanging(REPLIES)) as desk:
        search = impatient(desk)
        with anyio.fail_after(60):
            await search.run()
        last = search.trajectory_list()[-1]
        assert [one.outcome for one in search.trajectory_list()] == ["done"] * 4 + ["cancelled"]
        assert (last.index, len(last.turns), last.usage.calls) == (5, 1, 1)
        assert last.check is not None and "the leader stays in front" in last.error
        assert search.decisions[-1].action == "stop" and search.decisions[-1].finished == (1, 2, 3, 4)
        booked = desk.setting.ledger.spent
        known = sum(one.usage.calls for one in search.trajectory_list())
        assert booked.calls == known + 1, "the call that was dropped is booked at its bound"
        assert booked.prompt_tokens > 100 * known
        ranking = rank(search.evidence())
    async with open_desk(tmp_path, Hanging(REPLIES)) as desk:
        again = impatient(desk)
        with anyio.fail_after(60):
            await again.run()
        assert again.decisions == search.decisions and rank(again.evidence()) == ranking
        steps = {request.step for request in desk.model.requests}
        assert steps <= {"pkg-1/trajectory/05/turn/02"}, "nothing is paid for twice"
    async with open_desk(tmp_path, Spoken(REPLIES)) as desk:
        patient = desk.search(*["revise"] * 5)
        patient.method = "patient"
        await patient.run()
        assert [one.outcome for one in patient.trajectory_list()] == ["done"] * 5, "it could go on"


@pytest.mark.anyio
async def test_a_slow_one_is_given_up_though_it_could_matter(tmp_path: Path) -> None:
    bodies = (RIGHT, WRONG, RIGHT, WRONG, RIGHT)
    replies = {step: text for n, body in enumerate(bodies, start=1) for step, text in writes(n, body).items()}
    async with open_desk(tmp_path, Hanging(replies)) as desk:
        search = impatient(desk, slow=True)
        with anyio.fail_after(120):
            await search.run()
        last = search.trajectory_list()[-1]
        assert last.outcome == "cancelled" and len(search.evidence().candidates) == 2
