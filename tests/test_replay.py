"""A replay sees what the run saw, draws fairly, asks nothing, and finds what is there and no more."""

import random
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

import pytest
from runs_kit import check_of, grade, issue, patch, solution, tree
from solving_kit import check_by

from swe_scale.analysis.recording import Recording
from swe_scale.analysis.replay import Label, Labels, Method, Plan, Point, replay_issue
from swe_scale.analysis.replay_figures import differences, figures
from swe_scale.analysis.simulation import Drawn, simulate
from swe_scale.errors import ExtensionError
from swe_scale.grades import patch_id
from swe_scale.policy import Move, Progress, find_policy
from swe_scale.policy.deepening import IterativeDeepening
from swe_scale.ranking import OWN_RULES, Evidence, Ranking, find_rule, rank
from swe_scale.records import Decision, Solution, Turn

ALL = Point()


def labels_of(number: int, right: Sequence[int] = (0,)) -> Labels:
    """Return labels by which some variants of an issue are resolved."""
    known = {patch_id(patch(number, variant)): Label(variant in right, variant != 1) for variant in range(3)}
    return lambda text: known.get(patch_id(text))


def method(rule: str = "votes", policy: str = "fixed") -> Method:
    """Return one of ours."""
    return Method(rule, policy, find_rule(rule), find_policy(policy))


def plan(*methods: Method, points: Sequence[Point] = (ALL,), repetitions: int = 20, seed: int = 0) -> Plan:
    """Return a plan."""
    return Plan(methods or (method(),), tuple(points), repetitions, seed)


def made(number: int, trajectories: int = 6, turns: int = 4) -> Solution:
    """Return a solution by chance."""
    return solution(number, trajectories, turns, random.Random(number))


def told(evidence: Evidence) -> object:
    return (
        evidence.candidates,
        evidence.checks,
        sorted(evidence.verdicts, key=lambda one: (one.check, one.candidate)),
    )


def test_all_of_it_is_what_the_run_saw() -> None:
    one = made(1)
    recording = Recording(one)
    evidence = recording.evidence([recording.cut(each, None) for each in one.trajectories])
    assert told(evidence) == told(Evidence(one.candidates, {}, one.checks, one.verdicts))
    assert evidence.forms == {each.candidate: each.form for each in one.ranking}
    assert (recording.lacks.cells, recording.lacks.forms) == (0, set())


def test_a_cut_one_has_what_it_had_then() -> None:
    one = made(2)
    recording = Recording(one)
    for each in one.trajectories:
        cut = recording.cut(each, 2)
        assert (cut.tree, cut.patch, cut.check) == (
            each.turns[1].tree,
            each.turns[1].patch,
            each.turns[1].check,
        )
        assert cut.usage.calls == 2 and each.usage.calls == 4
        assert not recording.cut(each, 1).patch, "the first turn writes the check"
        assert recording.cut(each, 9) == recording.cut(each, None) == recording.cut(each, 4)


def test_a_formatted_tree_stands_for_that_of_the_turn() -> None:
    one = made(3, 2, 2)
    first = one.trajectories[0]
    untidy = first.turns[-1].model_copy(update={"tree": "u" * 40, "patch": "untidy"})
    moved = first.model_copy(
        update={"tree": "u" * 40, "patch": "untidy", "turns": (*first.turns, untidy, untidy)}
    )
    told_so = one.model_copy(update={"trajectories": (moved,), "styled": {"u" * 40: first.tree}})
    for turns in (None, 3):
        cut = Recording(told_so).cut(moved, turns)
        assert (cut.tree, cut.patch) == (first.tree, first.patch)
    older = one.model_copy(update={"trajectories": (moved,)})
    assert Recording(older).cut(moved, None).tree == first.tree, "its author is on record"
    assert Recording(older).cut(moved, 3).tree == "u" * 40


def test_forms_that_are_not_recorded_are_told_by_tokens() -> None:
    one = made(1)
    bare = one.model_copy(update={"ranking": (), "forms": {}})
    recording = Recording(bare)
    evidence = recording.evidence([recording.cut(each, None) for each in one.trajectories])
    assert recording.lacks.forms == {each.id for each in one.candidates}
    assert len(set(evidence.forms.values())) == len(one.candidates)
    ranked = one.ranking[0]
    known = one.model_copy(update={"ranking": (ranked,)})
    other = next(each for each in one.candidates if each.id == ranked.candidate)
    twin = one.trajectories[0].model_copy(update={"tree": "t" * 40, "patch": other.patch, "index": 99})
    assert Recording(known).evidence([twin]).forms == {"t" * 40: ranked.form}, "equal tokens, equal form"


def test_cells_that_were_never_run_are_counted() -> None:
    one = made(1)
    half = one.model_copy(
        update={"verdicts": tuple(each for each in one.verdicts if each.candidate != one.candidates[0].id)}
    )
    recording = Recording(half)
    recording.evidence([recording.cut(each, None) for each in one.trajectories])
    assert (recording.lacks.cells, recording.lacks.wanted) == (6, 6 * len(one.candidates))
    unasked = one.model_copy(update={"verdicts": ()})
    lost = Recording(unasked)
    lost.evidence([lost.cut(each, None) for each in one.trajectories])
    assert lost.lacks.cells == lost.lacks.wanted > 0


def test_cells_of_turns_count_as_any() -> None:
    one = made(1)
    place = one.candidates[0].id
    moved = tuple(each for each in one.verdicts if each.candidate == place)
    split = one.model_copy(
        update={
            "verdicts": tuple(each for each in one.verdicts if each.candidate != place),
            "turn_verdicts": moved,
        }
    )
    ours, theirs = Recording(split), Recording(one)
    several = one.trajectories
    assert told(ours.evidence([ours.cut(each, None) for each in several])) == told(
        theirs.evidence([theirs.cut(each, None) for each in several])
    )


def test_an_older_record_has_no_check_at_a_cut() -> None:
    one = made(1)
    bare: tuple[Turn, ...] = tuple(
        turn.model_copy(update={"check": None}) for turn in one.trajectories[0].turns
    )
    recording = Recording(one)
    assert recording.cut(one.trajectories[0].model_copy(update={"turns": bare}), 2).check is None
    assert recording.lacks.checks == {1}
    whole = one.trajectories[1].model_copy(update={"turns": ()})
    assert recording.cut(whole, 2).patch == whole.patch and recording.lacks.whole == {2}


def test_one_sample_is_pass_at_one() -> None:
    one = made(1)
    right = fmean(each.tree == tree(1, 0) for each in one.trajectories)
    found = replay_issue(one, labels_of(1), plan(points=(Point(1),), repetitions=600))
    score = found.scores[Point(1), 0]
    assert score.leader == score.coverage == score.chance == pytest.approx(right, abs=0.06)
    assert score.trajectories == 1 and score.usd == pytest.approx(0.04)


@pytest.mark.parametrize("samples", [2, 3])
def test_draws_are_without_replacement_and_even(samples: int) -> None:
    one = made(4)
    trees = {each.index: each.tree for each in one.trajectories}
    covered = fmean(
        any(trees[index] == tree(4, 0) for index in drawn) for drawn in combinations(trees, samples)
    )
    found = replay_issue(one, labels_of(4), plan(points=(Point(samples),), repetitions=800))
    assert found.scores[Point(samples), 0].coverage == pytest.approx(covered, abs=0.06)


def test_a_seed_repeats_a_replay_and_another_does_not() -> None:
    points = (Point(1), Point(2, 2))
    first, again, other = (
        replay_issue(made(2), labels_of(2), plan(points=points, repetitions=7, seed=seed)).scores
        for seed in (1, 1, 2)
    )
    assert first == again != other


def test_a_planted_perfect_check_reaches_the_oracle() -> None:
    for number in range(6):
        found = replay_issue(made(number), labels_of(number), plan(points=(Point(3), ALL))).scores
        for score in found.values():
            assert score.leader == score.coverage


def test_all_of_a_few_is_no_certainty() -> None:
    issues = [replay_issue(made(number), labels_of(number), plan(points=(ALL,))) for number in range(3)]
    found = figures(issues, ALL, 0, 0).means["coverage"]
    assert found.value == 1.0 and 0.4 < found.interval[0] < 0.5


def shuffled(one: Solution, number: int, seed: int) -> Labels:
    """Return labels that have nothing to do with the candidates."""
    right = random.Random(seed * 1000 + number).randrange(3)
    return labels_of(number, (right,))


@pytest.mark.parametrize("rule", sorted(OWN_RULES.keys() - {"random"}))
def test_with_labels_by_chance_no_rule_beats_the_lot(rule: str) -> None:
    issues = [
        replay_issue(one, shuffled(one, number, 5), plan(method(rule), method("random"), points=(Point(4),)))
        for number, one in enumerate(made(number) for number in range(60))
    ]
    low, high = differences(issues, Point(4), 0)["leader"].interval
    assert low <= 0 <= high
    assert figures(issues, Point(4), 0, 0).gap.interval[0] <= 0


def test_the_rule_never_sees_a_label() -> None:
    seen: list[object] = []

    def spying(evidence: Evidence) -> Ranking:
        seen.append(evidence)
        return rank(evidence)

    asked: list[str] = []

    def labels(text: str) -> Label | None:
        asked.append(text)
        return Label(False, False)

    replay_issue(made(1), labels, plan(replace(method(), ranks=spying), repetitions=1))
    assert seen and all(isinstance(one, Evidence) for one in seen) and asked


def test_what_has_no_grade_is_left_out_and_counted() -> None:
    one = made(1)
    known = labels_of(1)

    def labels(text: str) -> Label | None:
        return None if patch_id(text) == patch_id(patch(1, 0)) else known(text)

    found = replay_issue(one, labels, plan(points=(Point(1), ALL), repetitions=40))
    with_it = sum(each.tree == tree(1, 0) for each in one.trajectories)
    assert with_it and (ALL, 0) not in found.scores
    assert found.scores[Point(1), 0].leader == 0.0 and 40 < found.unknown < 80
    assert figures([found], ALL, 0, 0).issues == 0


def test_an_abstention_resolves_nothing_but_its_leader_may() -> None:
    one = made(1, 1)
    alone = one.model_copy(update={"verdicts": ()})
    score = replay_issue(alone, labels_of(1, (0, 1, 2)), plan()).scores[ALL, 0]
    assert (score.resolved, score.leader, score.abstained, score.coverage) == (0.0, 1.0, 1.0, 1.0)


def test_the_official_label_is_told_apart() -> None:
    found = [replay_issue(made(number), labels_of(number, ()), plan()) for number in range(8)]
    shown = figures(found, ALL, 0, 0)
    assert shown.means["leader"].value == 0.0 and shown.means["official"].value > 0.0


def test_adaptive_policies_cost_less_where_trajectories_agree() -> None:
    several = [made(number, 10) for number in range(8)]
    issues = [
        replay_issue(one, labels_of(number), plan(method(policy="until-agreed"), method()))
        for number, one in enumerate(several)
    ]
    less = differences(issues, ALL, 0)
    assert less["trajectories"].value < -1 and less["usd"].value == pytest.approx(
        0.04 * less["trajectories"].value
    )
    assert figures(issues, ALL, 1, 0).means["trajectories"].value == 10


class Deep(IterativeDeepening):
    """Never sure, and in small steps."""

    def __init__(self) -> None:
        super().__init__(first=1, sure=2.0)


def test_trajectories_that_are_set_aside_cost_what_they_had_and_may_go_on() -> None:
    short = replace(method(), policy="short", decides=IterativeDeepening(first=2, sure=-1.0))
    deep = replace(method(), policy="deep", decides=Deep())
    one = made(5)
    several = plan(short, deep, method(), points=(ALL, Point(None, 2)), repetitions=4)
    scores = replay_issue(one, labels_of(5, (0, 1, 2)), several).scores
    assert scores[ALL, 0].usd == pytest.approx(scores[ALL, 2].usd / 2), "two of four turns"
    assert scores[ALL, 1] == scores[ALL, 2], "in the end all have gone all the way"
    assert scores[Point(None, 2), 0] == scores[Point(None, 2), 1] == scores[Point(None, 2), 2]


class Endless:
    """A policy that never stops."""

    def next(self, progress: Progress) -> Move | None:
        """Return the next move."""
        if progress.started < progress.planned:
            return Move("start", "")
        return None if progress.finished < progress.started else Move("check", "")


def test_a_policy_that_never_stops_is_stopped() -> None:
    one = made(1)
    recording = Recording(one)
    with pytest.raises(ExtensionError, match="never stops"):
        simulate(Endless(), Drawn(one.trajectories), recording.evidence, recording.cut, 4)


def test_those_that_learnt_come_with_the_whole_only() -> None:
    one = made(1)
    learnt = one.trajectories[-1].model_copy(update={"shown": (one.candidates[0].id,)})
    forked = one.trajectories[-2].model_copy(update={"began": one.candidates[0].id})
    told_so = one.model_copy(
        update={
            "trajectories": (*one.trajectories[:-2], forked, learnt),
            "decisions": (Decision(number=1, action="refine", reason="", trajectory=1),),
        }
    )
    recording = Recording(told_so)
    assert [each.index for each in recording.first] == [2, 3, 4]
    assert [each.index for each in recording.late] == [1, 5, 6]
    found = replay_issue(
        told_so, labels_of(1, (0, 1, 2)), plan(points=(ALL, Point(3), Point(9), Point(None, 2)))
    )
    counts = [found.scores[point, 0].trajectories for point in (ALL, Point(3), Point(9), Point(None, 2))]
    assert counts == [6, 3, 3, 3] and found.short == {9} and found.late == 3


def test_selection_s_checks_are_no_votes() -> None:
    one = made(1)
    told_by_selection = check_by(None, "exit(0)").model_copy(update={"kind": "distinguishing"})
    more = one.model_copy(update={"checks": (*one.checks, told_by_selection)})
    recording = Recording(more)
    evidence = recording.evidence([recording.cut(each, None) for each in one.trajectories])
    assert told_by_selection.id not in {each.id for each in evidence.checks}


def test_grades_of_the_kit_are_read_as_labels() -> None:
    assert grade(0, 0).patch == patch_id(patch(0, 0)) and grade(0, 0).instance == issue(0).id
    assert check_of(1, 2).author == 2
