"""The adaptive policy chooses among all that can be done: a start, a fork, a refine, a check, or nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from solving_kit import candidate, check_by, verdict

from swe_scale.policy import Fixed, Move, Planned, Progress
from swe_scale.policy.adaptive import Adaptive
from swe_scale.policy.cascade import Cascade
from swe_scale.policy.gains import Gains
from swe_scale.policy.telling import Told
from swe_scale.ranking import Evidence, Prior, believed
from swe_scale.records import BASE

EASY = Prior(hopeless=0.01, successes=5.0, failures=0.5)
RARELY = Prior(successes=0.2, failures=4.0, mended=0.2)
NONE = Evidence((), {}, (), ())


def evidence(sizes: Sequence[int], said: Mapping[int, str], prior: Prior | None = None) -> Evidence:
    """Return changes of so many trajectories each, numbered from 1, and what checks say of them.

    Args:
        sizes: trajectories by change.
        said: by author of a check, P or F for each change.
        prior: what is known before.
    """
    authors = iter(range(1, 100))
    several = [
        candidate(f"{n:040x}", [next(authors) for _ in range(size)], f"way {n}")
        for n, size in enumerate(sizes)
    ]
    checks = {author: check_by(author) for author in said}
    cells = [verdict(BASE, check, "fail") for check in checks.values()]
    cells += [
        verdict(one.id, checks[author], "pass" if told[place] == "P" else "fail")
        for author, told in said.items()
        for place, one in enumerate(several)
    ]
    forms = {one.id: one.id for one in several}
    return Evidence(tuple(several), forms, tuple(checks.values()), tuple(cells), prior=prior)


CONTESTED = evidence((1, 1), {1: "PP", 2: "PP", 5: "PP", 6: "PP", 7: "PF", 8: "FP"}, EASY)
SURE = evidence((5,), dict.fromkeys(range(1, 6), "P"), EASY)
RED = evidence((1,) * 4, {1: "PFFF", 2: "FPFF", 3: "FFPF", 4: "FFFP"})


def judged(
    known: Evidence,
    *more: Planned,
    had: int = 3,
    patches: int = 4,
    begun: Sequence[Planned] = (),
    turns: int = 8,
) -> Progress:
    """Return where all that was started has been judged, and some wait.

    Args:
        known: what is known; its trajectories had so many replies.
        more: those that wait beside others that bring patches.
        had: replies of each, none of them set aside.
        patches: how many of those others wait.
        begun: those that were started beside the authors of candidates.
        turns: replies that a trajectory may have.
    """
    authors = sorted({author for one in known.candidates for author in one.authors})
    started = (*(Planned(index) for index in authors), *begun)
    indices = tuple(one.index for one in started)
    others = tuple(Planned(index) for index in range(50, 50 + patches))
    plan = sorted((*started, *others, *more), key=lambda one: one.late)
    late = tuple(one.start for one in plan if one.late)
    count = len(started)
    return Progress(
        len(plan) - len(late), count, count, count, late, len(known.candidates), known,
        turns=turns, had=dict.fromkeys(indices, had), begun=indices, plan=tuple(plan),
    )  # fmt: skip


DRAFT = Planned(30, writes="check")
FORK, REFINE = Planned(31, "best"), Planned(32, "notes")


def moved(progress: Progress, policy: Adaptive | None = None) -> tuple[str, int | None, int | None]:
    move = (policy or Adaptive()).next(progress)
    assert move is not None
    return move.action, move.trajectory, move.turns


def test_of_a_contested_pair_a_check_tells_more_than_another_patch() -> None:
    policy = Adaptive(pilot=2, worth=0.0025)
    assert moved(judged(CONTESTED, DRAFT), policy) == ("start", 30, None), "whole: it ends by itself"
    assert moved(judged(CONTESTED), policy) == ("start", 50, 3)
    move = policy.next(judged(CONTESTED, DRAFT))
    gains = Gains.of(judged(CONTESTED, DRAFT), 3)
    assert move is not None and f"by {gains.of_check():.3f} that the one proposed is right" in move.reason
    assert f"{gains.of_check() / 2:.3f} a reply; another patch brings 0.0" in move.reason


def test_one_check_at_a_time_is_worth_more_than_two() -> None:
    alone = judged(CONTESTED, DRAFT)
    beside = replace(judged(CONTESTED, DRAFT, Planned(33, writes="check")), started=3, begun=(1, 2, 33))
    one, two = Gains.of(alone, 3), Gains.of(beside, 3)
    assert (one.checks, one.drafting, two.checks, two.drafting) == (0, 0, 1, 1)
    assert one.of_check() > two.of_check() > 0 and one.of_drafts() == 0 < two.of_drafts()
    assert two.of_start() == one.of_start(), "who writes a check is no attempt at a patch"


def test_a_sure_leader_ends_it_whatever_waits() -> None:
    assert moved(judged(SURE, DRAFT, FORK, REFINE))[0] == "stop"


def test_why_it_ends_is_told_by_what_is_left_out() -> None:
    left_out, nothing_left = (Adaptive().next(judged(SURE, *more, patches=0)) for more in ([DRAFT], []))
    assert left_out is not None and "less than is worth it" in left_out.reason
    assert (
        nothing_left is not None and nothing_left.reason == "every candidate has been crossed with the checks"
    )


def test_a_hopeless_issue_ends_it_whatever_waits() -> None:
    progress = judged(NONE, DRAFT, FORK, REFINE, begun=[Planned(index) for index in range(1, 25)], had=8)
    assert moved(progress)[0] == "stop"


def test_where_all_is_red_and_replies_were_in_vain_it_begins_anew() -> None:
    assert moved(judged(RED, DRAFT, FORK, REFINE, had=8)) == ("refine", 32, 3), "it knows what failed"
    assert moved(judged(RED, DRAFT, FORK, had=8)) == ("start", 50, 3)


def test_a_leader_is_gone_on_from_where_a_new_one_is_rarely_right() -> None:
    progress = judged(replace(RED, prior=RARELY), FORK, REFINE)
    assert moved(progress, Adaptive(worth=0.001)) == ("fork", 31, 3)
    gains = Gains.of(progress, 3)
    assert gains.of_fork(3) > gains.of_refine() > gains.of_start() > 0


def test_nothing_is_gone_on_from_before_there_is_any() -> None:
    nothing = judged(NONE, FORK, begun=[Planned(1), Planned(2), Planned(3)], patches=0)
    assert Gains.of(nothing, 3).of_fork(3) == 0.0
    move = Adaptive().next(nothing)
    assert move is not None and move.action == "refine" and "there is none to go on from" in move.reason


def test_who_goes_on_from_the_leader_is_no_draw_of_his_own() -> None:
    known = evidence((1, 1, 1, 1), {1: "PFFF", 2: "FPFF", 3: "FFPF"})
    as_fork = judged(known)
    plan = tuple(replace(one, start="best") if one.index == 4 else one for one in as_fork.plan)
    fork, draw = Gains.of(replace(as_fork, plan=plan), 3), Gains.of(as_fork, 3)
    assert (fork.right + fork.wrong).tolist() == [3] * len(fork.right) != (draw.right + draw.wrong).tolist()
    assert fork.of_start() > draw.of_start()


def test_for_latency_a_fork_under_way_holds_no_other_one_up() -> None:
    known = judged(replace(RED, prior=replace(RARELY, hopeless=0.0)), FORK, Planned(33, "best"), patches=0)
    begun = replace(known, started=known.started + 1, begun=(*known.begun, FORK.index))
    assert moved(begun, Adaptive.aiming_at("latency")) == ("fork", 33, None)


def test_a_fork_that_has_changed_nothing_goes_on_as_one() -> None:
    progress = judged(RED, begun=[Planned(9, "best")])
    gains = Gains.of(progress, 3)
    assert gains.of_replies(9, 3) == gains.of_fork(3) != gains.of_start()


def test_checks_are_not_taken_for_attempts_that_failed() -> None:
    drafts = [Planned(index, writes="check") for index in (7, 8)]
    with_them, without = judged(CONTESTED, begun=drafts), judged(CONTESTED)
    assert Gains.of(with_them, 3).of_start() == Gains.of(without, 3).of_start()
    attempts = judged(CONTESTED, begun=[Planned(7), Planned(8)])
    assert Gains.of(attempts, 3).of_start() < Gains.of(without, 3).of_start()


def test_a_check_changes_nothing_where_there_is_one_change_or_none() -> None:
    for known in (SURE, NONE, evidence((1,), {1: "P"})):
        assert Told.by(believed(known)).rise(believed(known)) == 0.0


def test_a_check_is_worth_what_it_can_turn() -> None:
    belief = believed(CONTESTED)
    valid, usual, bad = (Told(share, 0.0, 0.6, 0.0) for share in (1.0, 0.5, 0.0))
    assert valid.rise(belief) > usual.rise(belief) > bad.rise(belief) == 0.0
    told = belief.cases[:, 0] != belief.cases[:, 1]
    most = float(belief.cases.any(axis=1).mean() - belief.cases.mean(axis=0).max())
    plain = replace(belief, subtle=np.zeros_like(belief.subtle))
    perfect = Told(1.0, 0.0, 1.0, 0.0)
    assert perfect.rise(plain) == pytest.approx(most), "it tells all there is to tell"
    assert 0 < perfect.rise(belief) < most, "what checks hardly see, this one doesn't either"
    assert 0 < most <= told.mean()
    assert Told(1.0, 0.0, 0.6, 0.5).rise(belief) == pytest.approx(0.0, abs=1e-9), "each run is by lot"


def test_without_checks_a_further_one_is_taken_to_be_as_usual() -> None:
    bare = believed(evidence((1, 1), {}))
    assert bare.valid == 0.0 and 0.3 < Told.by(bare).valid < 0.7


def test_patches_come_first_and_checks_when_they_tell_something() -> None:
    plan = (DRAFT, Planned(1), Planned(2))
    begun: tuple[int, ...] = ()
    for expected in (1, 2):
        move = Adaptive().next(Progress(3, len(begun), 0, 0, turns=8, begun=begun, plan=plan))
        assert move is not None and (move.action, move.trajectory) == ("start", expected)
        begun = (*begun, expected)
    assert Adaptive().next(Progress(3, 2, 0, 0, turns=8, begun=begun, plan=plan)) is None


def test_where_no_patch_is_planned_one_check_comes_first() -> None:
    plan = tuple(Planned(index, writes="check") for index in (1, 2, 3))
    move = Adaptive().next(Progress(3, 0, 0, 0, turns=8, plan=plan))
    assert move is not None and (move.action, move.trajectory) == ("start", 1)
    assert Adaptive().next(Progress(3, 1, 0, 0, turns=8, begun=(1,), plan=plan)) is None
    hurried = Adaptive.aiming_at("latency").next(Progress(3, 1, 0, 0, turns=8, begun=(1,), plan=plan))
    assert hurried is not None and hurried.trajectory == 2


def test_a_check_under_way_is_waited_for_while_it_can_tell_something() -> None:
    begun = replace(judged(CONTESTED, DRAFT, patches=0), started=3, begun=(1, 2, 30))
    assert Adaptive().next(begun) is None
    sure = replace(judged(SURE, DRAFT, patches=0), started=6, begun=(1, 2, 3, 4, 5, 30))
    assert Adaptive().next(sure) == Move("stop", Adaptive().next(sure).reason)  # type: ignore[union-attr]


def test_others_take_the_plan_in_its_order_whatever_it_holds() -> None:
    plan = (DRAFT, Planned(1), FORK)
    fixed = Fixed().next(Progress(2, 0, 0, 0, ("best",), plan=plan))
    assert fixed is not None and (fixed.action, fixed.trajectory) == ("start", None)
    cascade = Cascade(Adaptive(), ((1, 30), (2,)))
    found = cascade.next(Progress(3, 0, 0, 0, ("best",), turns=8, plan=(*plan, Planned(2))))
    assert found is not None and found.trajectory == 1, "the check of the first model isn't its first"
