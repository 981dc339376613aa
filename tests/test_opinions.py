"""What judges and verifiers say is weighed: it counts as far as they can be trusted, and has no last word."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from solving_kit import candidate, check_by, verdict

from swe_scale.ranking import Evidence, believed, find_rule
from swe_scale.ranking.latent import Belief, Judges, scored, weighed
from swe_scale.records import BASE, Opinion

NAMES = ("a", "b", "c", "d")
latent = find_rule("latent")


def belief(*groups: str, seed: int = 1) -> Belief:
    """Return a belief in which each group is right in four of ten cases, apart from the others."""
    cases = np.random.default_rng(seed).random((4000, len(groups))) < 0.4
    right = np.full(len(groups), 0.4)
    none = float((~cases.any(axis=1)).mean())
    names = tuple((one,) for one in groups)
    return Belief(names, (1,) * len(groups), right, none, 0.5, 0.03, 4, cases, np.zeros_like(cases))


def says(chosen: str | None, *finalists: str, judge: str = "m", checks: tuple[str, ...] = ()) -> Opinion:
    return Opinion(judge=judge, finalists=finalists or NAMES[:2], chosen=chosen, checks=checks)


def rights(found: Belief) -> dict[str, float]:
    return {group[0]: float(right) for group, right in zip(found.groups, found.right, strict=True)}


BEFORE = belief(*NAMES)


def test_nothing_said_changes_nothing() -> None:
    assert weighed(BEFORE, ()) is BEFORE and scored(BEFORE, {}) is BEFORE
    assert weighed(BEFORE, [says("x", "x", "y")]) is BEFORE, "of nobody that is known"
    nobody = Belief((), (), np.zeros(0), 1.0, 0, 0, 0, *[np.zeros((1, 0), dtype=np.bool_)] * 2)
    assert weighed(nobody, [says("a")]) is nobody and scored(nobody, {"a": 1.0}) is nobody


def test_a_judge_that_is_known_to_guess_changes_nothing() -> None:
    guessing = Judges(rates=((0.5,), (1.0,)))
    found = weighed(BEFORE, [says("a"), says("a"), says(None)], judges=guessing)
    assert rights(found) == pytest.approx(rights(BEFORE))
    assert found.none == pytest.approx(BEFORE.none)


def test_over_all_that_a_guessing_judge_may_say_nothing_changes_on_average() -> None:
    # Of finalists that are alike: each is named as often as the other.
    found = [rights(weighed(BEFORE, [says(name)])) for name in ("a", "b")]
    assert np.mean([one["a"] for one in found]) == pytest.approx(0.4, abs=0.02)
    assert found[0]["a"] > 0.47 > 0.33 > found[0]["b"]


def test_the_more_verdicts_agree_the_more_they_say_but_one_judge_never_says_it_all() -> None:
    chances = [rights(weighed(BEFORE, [says("a")] * count))["a"] for count in (0, 1, 2, 3, 10, 30)]
    assert chances == sorted(chances) and len(set(chances)) == 6
    assert chances[-1] < 0.9, "it may be drawn to it for another reason"
    several = [says("a", judge=f"judge {number}") for number in range(10)]
    assert rights(weighed(BEFORE, several))["a"] > chances[4] + 0.1


def test_one_verdict_on_one_right_and_one_wrong_is_right_with_seventy_percent() -> None:
    cases = np.array([[True, False], [False, True]] * 50)
    even = Belief(
        (("a",), ("b",)), (1, 1), np.array([0.5, 0.5]), 0.0, 0.5, 0.03, 4, cases, np.zeros_like(cases)
    )
    assert rights(weighed(even, [says("a")]))["a"] == pytest.approx(0.70, abs=0.005)


def test_judges_each_have_an_accuracy_of_their_own() -> None:
    one = rights(weighed(BEFORE, [says("a")] * 3))["a"]
    several = rights(weighed(BEFORE, [says("a", judge=name) for name in "xyz"]))["a"]
    assert several > one + 0.02
    torn = rights(weighed(BEFORE, [says("a", judge="x"), says("b", judge="y")]))
    assert torn["a"] == pytest.approx(torn["b"], abs=0.01)


def test_a_verdict_of_none_makes_all_finalists_doubtful_and_no_others() -> None:
    found = weighed(BEFORE, [says(None)])
    told = rights(found)
    assert max(told["a"], told["b"]) < 0.3
    assert told["c"] == pytest.approx(0.4, abs=0.02)
    assert found.none > BEFORE.none


def test_who_was_not_compared_stays_as_it_was_and_the_alike_stay_alike() -> None:
    told = rights(weighed(BEFORE, [says("a", "a", "b", "c")]))
    assert told["b"] == told["c"] < 0.4 < told["a"]
    assert told["d"] == pytest.approx(0.4, abs=0.02)


@pytest.mark.parametrize("order", list(itertools.permutations(NAMES[:3])))
def test_neither_order_nor_names_matter(order: tuple[str, ...]) -> None:
    opinions = [says("a", "a", "b", "c"), says("b", "c", "b", "a", judge="n"), says(None, "a", "b", "c")]
    wanted = rights(weighed(BEFORE, opinions))
    shown = [one.model_copy(update={"finalists": order}) for one in opinions[::-1]]
    assert rights(weighed(BEFORE, shown)) == pytest.approx(wanted)
    renamed = [one.model_copy(update={"judge": f"z{one.judge}"}) for one in opinions]
    assert rights(weighed(BEFORE, renamed)) == pytest.approx(wanted)


def test_who_chose_by_a_check_that_counts_itself_counts_less() -> None:
    alone = rights(weighed(BEFORE, [says("a", checks=("k",))]))["a"]
    echo = rights(weighed(BEFORE, [says("a", checks=("k",))], {"k"}))["a"]
    assert 0.4 < echo < alone == rights(weighed(BEFORE, [says("a")]))["a"]


def test_cases_are_equally_probable_again() -> None:
    found = weighed(BEFORE, [says("a")] * 3)
    assert found.cases.shape == BEFORE.cases.shape
    assert found.cases.mean(axis=0).tolist() == pytest.approx(list(rights(found).values()), abs=0.03)
    assert len(found.contest(0, 3, 0.08)) <= len(BEFORE.contest(0, 3, 0.08))


def test_a_verifier_that_knows_nothing_changes_nothing_on_average() -> None:
    few = belief("a", "b", "c", seed=3)
    orders = list(itertools.permutations((0.1, 0.5, 0.9)))
    found = [scored(few, dict(zip("abc", order, strict=True))) for order in orders]
    # By the likelihood of each order, all of which are equally probable to who knows nothing.
    for name in "abc":
        chances = [rights(one)[name] for one in found]
        assert float(np.mean(chances)) == pytest.approx(0.4, abs=0.01)
    assert np.mean([one.none for one in found]) == pytest.approx(few.none, abs=0.01)
    silent = (np.array([0.0]), np.array([1.0]))
    exact = scored(few, {"a": 3.0, "b": 2.0, "c": 1.0}, silent)
    assert rights(exact) == pytest.approx(rights(few)) and exact.none == pytest.approx(few.none)


def test_scores_say_who_is_right_and_not_how_many() -> None:
    told = rights(found := scored(BEFORE, {"a": 9.0, "b": 5.0, "c": 1.0, "d": -4.0}))
    assert told["a"] > told["b"] > told["c"] > told["d"]
    assert found.none == pytest.approx(BEFORE.none, abs=0.005)


def test_only_the_order_of_scores_counts_and_equal_ones_say_nothing() -> None:
    plain = {"a": 9.0, "b": 5.0, "c": 1.0, "d": -4.0}
    wanted = rights(scored(BEFORE, plain))
    for factor, power in ((1e300, 1), (1.0, 3), (1e-300, 1)):
        stretched = {name: factor * score**power for name, score in plain.items()}
        assert rights(scored(BEFORE, stretched)) == wanted
    assert rights(scored(BEFORE, dict.fromkeys(NAMES, 0.5))) == pytest.approx(rights(BEFORE))
    assert scored(BEFORE, {"a": 1.0}) is BEFORE, "one alone has no order"
    partly = rights(scored(BEFORE, {"a": 1.0, "b": 0.0}))
    assert partly["a"] > 0.4 > partly["b"] and partly["c"] == pytest.approx(0.4, abs=0.02)


def test_a_hundred_scores() -> None:
    many = belief(*(f"{number:02}" for number in range(100)))
    told = rights(scored(many, {name: float(name) for (name,) in many.groups}))
    assert told["99"] > 0.45 and told["00"] < 0.35 and all(0 <= one <= 1 for one in told.values())


def level(*opinions: Opinion, **scores: float) -> Evidence:
    """Return evidence of two candidates that checks don't tell apart."""
    two = (candidate("a", [1], "alpha"), candidate("b", [2], "beta gamma"))
    checks = (check_by(3), check_by(4))
    verdicts = [verdict(BASE, check, "fail") for check in checks]
    verdicts += [verdict(one.id, check, "pass") for one in two for check in checks]
    return Evidence(two, {"a": "a", "b": "b"}, checks, tuple(verdicts), opinions, scores)


def test_the_rule_weighs_what_judges_and_verifiers_say() -> None:
    plain = latent(level())
    assert plain.weighed and not find_rule("votes")(level()).weighed
    other = next(name for name in "ab" if name != plain.ranked[0].candidate)
    judged = latent(level(says(other)))
    assert judged.ranked[0].candidate == other and judged.ranked[0].posterior > plain.ranked[0].posterior
    assert "chosen in 1 of 1 verdicts of judges" in judged.ranked[0].reasons
    best = latent(level(**{other: 2.0, plain.ranked[0].candidate: 1.0}))
    assert best.ranked[0].candidate == other and "scored 1 of 2 by the verifier" in best.ranked[0].reasons
    assert believed(level(says(None))).none > believed(level()).none


def test_what_was_caught_forging_stays_last_whatever_they_say() -> None:
    told = level(*[says("a")] * 9, a=9.0, b=1.0)
    forged = told.verdicts[-1].model_copy(update={"candidate": "a", "flags": ("forged",)})
    found = latent(replace(told, verdicts=(*told.verdicts, forged)))
    assert found.ranked[-1].candidate == "a" and found.ranked[-1].posterior == 0.0


def test_the_rule_by_scores_alone() -> None:
    rule = find_rule("scored")
    assert [one.candidate for one in rule(level(b=3.0, a=-1.0)).ranked] == ["b", "a"]
    assert rule(level(b=3.0)).ranked[1].reasons[0] == "no score"
    usual = [one.candidate for one in find_rule("votes")(level()).ranked]
    assert [one.candidate for one in rule(level()).ranked] == usual
    assert [one.candidate for one in rule(level(a=1.0, b=1.0)).ranked] == usual


def test_an_opinion_names_one_of_its_finalists() -> None:
    with pytest.raises(ValueError, match="none of the finalists"):
        Opinion(judge="m", finalists=("a", "b"), chosen="c")
