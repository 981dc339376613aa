"""The posterior follows the evidence: checks count as far as they can be trusted, and doubt is stated."""

import random
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from solving_kit import candidate, check_by, verdict

from swe_scale.config import PriorConfig
from swe_scale.flags import BLIND, CHEATS
from swe_scale.ranking import Evidence, Ranking, believed, find_rule
from swe_scale.ranking.latent import Prior, believe, matrix_of
from swe_scale.records import BASE, Candidate, Check, Outcome, Verdict

sys.path.insert(0, str(Path(__file__).parent.parent / "evaluation" / "experiments"))

from coin_evidence import evidence_of
from coin_world import NULL, REGIMES, World

latent = find_rule("latent")


def evidence(
    candidates: Sequence[Candidate], checks: Sequence[Check] = (), verdicts: Sequence[Verdict] = ()
) -> Evidence:
    return Evidence(tuple(candidates), {one.id: one.id for one in candidates}, tuple(checks), tuple(verdicts))


def crossed(rows: Sequence[str], base: str = "") -> Evidence:
    """Return evidence of rows such as `.x.`: candidates × checks of the same authors, `.` passes."""
    candidates = [candidate(f"{number:02}", [number], f"word{number}") for number in range(len(rows))]
    checks = [check_by(number) for number in range(len(rows[0]) if rows else 0)]
    said: dict[str, Outcome] = {".": "pass", "x": "fail", "e": "error", "?": "infra", "t": "timeout"}
    verdicts = [
        verdict(one.id, check, said[sign])
        for one, row in zip(candidates, rows, strict=True)
        for check, sign in zip(checks, row, strict=True)
    ]
    verdicts += [
        verdict(BASE, check, said[sign])
        for check, sign in zip(checks, base or "x" * len(checks), strict=True)
    ]
    return evidence(candidates, checks, verdicts)


def best(ranking: Ranking) -> str:
    return ranking.ranked[0].candidate


def test_no_candidate() -> None:
    assert latent(evidence([])) == Ranking((), (), frozenset())
    assert believe(matrix_of(evidence([]))).none == 1.0


def test_one_candidate_without_any_check_is_as_likely_right_as_any() -> None:
    [one] = latent(evidence([candidate("a", [1])])).ranked
    assert one.posterior == pytest.approx(0.42, abs=0.03)


def test_checks_that_agree_with_each_other_are_believed() -> None:
    # The first four pass each other's checks; the others are failed by them, each in his own way.
    rows = ["....xx", "....xx", "....xx", "....xx", "xxxx.x", "xxxxx."]
    ranking = latent(crossed(rows))
    assert best(ranking) in {"00", "01", "02", "03"}
    sure = {one.candidate: one.posterior for one in ranking.ranked}
    assert min(sure[name] for name in ("00", "01", "02", "03")) > 0.35
    assert max(sure["04"], sure["05"]) < 0.1
    assert ranking.contested == (best(ranking),), "who is right together needs no contest"


def test_checks_that_say_the_same_of_everybody_change_little() -> None:
    silent = latent(crossed(["..."] * 3, base="..."))
    broken = latent(crossed(["eee"] * 3, base="eee"))
    without = latent(evidence([candidate(f"{number:02}", [number], f"word{number}") for number in range(3)]))
    for one in (silent, broken):
        assert one.ranked[0].posterior == pytest.approx(without.ranked[0].posterior, abs=0.2)
        assert one.ranked[0].posterior - one.ranked[-1].posterior < 0.05


def test_the_change_that_most_trajectories_made_comes_first_where_no_check_speaks() -> None:
    alone = [candidate("a", [1], "one"), candidate("b", [2], "two"), candidate("c", [3, 4, 5], "three")]
    ranking = latent(evidence(alone))
    assert best(ranking) == "c"
    assert ranking.ranked[0].posterior > ranking.ranked[1].posterior


def test_equal_evidence_is_equal_probability_and_then_the_default_order() -> None:
    ranking = latent(crossed(["....", "....", "xxxx", "xxxx"]))
    first, second = ranking.ranked[:2]
    assert first.posterior == second.posterior
    assert {first.candidate, second.candidate} == {"00", "01"}


def test_nobody_is_right_where_all_fail_what_others_want() -> None:
    # Every check passes on its author alone.
    rows = ["".join("." if one == other else "x" for other in range(6)) for one in range(6)]
    belief = believe(matrix_of(crossed(rows)))
    agreed = believe(matrix_of(crossed(["......"] * 6)))
    assert belief.none > 0.45 > 0.3 > agreed.none
    assert belief.right.sum() < agreed.right.sum()


def test_faults_of_the_machine_and_blind_checks_say_nothing() -> None:
    rows = ["....", "..x.", "....", ".x.."]
    told = crossed(rows)
    lost = replace(told, verdicts=tuple(one.model_copy(update={"outcome": "infra"}) for one in told.verdicts))
    blind = replace(
        told,
        verdicts=tuple(
            one.model_copy(update={"flags": (BLIND,)}) if one.candidate == BASE else one
            for one in told.verdicts
        ),
    )
    nothing = latent(evidence(told.candidates, told.checks))
    assert [one.posterior for one in latent(lost).ranked] == [one.posterior for one in nothing.ranked]
    assert matrix_of(blind).checks == ()


def test_a_check_that_nobody_passes_says_nothing() -> None:
    told = crossed(["..", "..", ".."])
    broken = Check.of("import lost", "reproduction")
    fails = tuple(verdict(name, broken, "fail") for name in (BASE, *(one.id for one in told.candidates)))
    more = replace(told, checks=(*told.checks, broken), verdicts=(*told.verdicts, *fails))
    assert [one.posterior for one in latent(more).ranked] == [one.posterior for one in latent(told).ranked]


def test_who_was_caught_comes_last() -> None:
    told = crossed(["....", "....", "...x", "xxxx"])
    forged = tuple(
        one.model_copy(update={"flags": (next(iter(CHEATS)),)}) if one.candidate == "00" else one
        for one in told.verdicts
    )
    ranking = latent(replace(told, verdicts=forged))
    assert ranking.ranked[-1].candidate == "00" and ranking.ranked[-1].posterior == 0.0
    assert "00" not in ranking.contested
    forger = replace(told, candidates=told.candidates[:1], verdicts=forged)
    assert believed(forger).right.max() < 0.01, "nor does a policy take it for right"


def test_who_passes_every_check_may_be_wrong_in_a_way_that_checks_hardly_see() -> None:
    ranking = latent(crossed(["........", *["xxxxxxxx"] * 7]))
    assert best(ranking) == "00"
    assert 0.5 < ranking.ranked[0].posterior < 0.9


def test_who_fails_checks_that_others_pass_is_no_likelier_right_than_these() -> None:
    rows = [
        "..........", ".x.xxx..x.", "x.xxx.....", "..........", "xx.x.x.x..",
        "..........", "..........", "x...x.....", "x...x.....", ".x.xx.x...",
    ]  # fmt: skip
    ranking = latent(crossed(rows, base="xxx.xxxx.x"))
    assert best(ranking) in {"00", "03", "05", "06"}


def test_a_change_that_its_own_authors_checks_reject_is_not_carried_by_their_number() -> None:
    # Three made the same change, and each wrote a check that it fails, and that the fourth one's passes.
    told = crossed(["....", "xxxx", "xxxx", "xxxx"])
    same = replace(told, forms={"00": "00"} | dict.fromkeys(("01", "02", "03"), "same"))
    assert best(latent(same)) == "00"
    broken = replace(
        same,
        verdicts=tuple(
            one if one.check == told.checks[0].id else one.model_copy(update={"outcome": "fail"})
            for one in same.verdicts
        ),
    )
    assert matrix_of(same).disowned == (0, 3) and matrix_of(broken).disowned == (0, 0)


def test_tests_of_the_repository_count() -> None:
    told = crossed(["..", ".."])
    check = Check.of("tests/test_a.py", "regression")
    kept, lost = verdict("00", check, "pass"), verdict("01", check, "fail")
    lost = lost.model_copy(update={"broken": ("test_a",)})
    ranking = latent(replace(told, checks=(*told.checks, check), verdicts=(*told.verdicts, kept, lost)))
    assert best(ranking) == "00"
    assert ranking.ranked[0].posterior > ranking.ranked[1].posterior + 0.05


def test_who_breaks_something_else_does_not_drag_those_along_who_resolve_the_issue_as_it_does() -> None:
    told = crossed(["...x", "...x", "...x", "xxx."])
    check = Check.of("tests/test_a.py", "regression")
    kept = [verdict(one.id, check, "pass") for one in told.candidates]
    lost = verdict("02", check, "fail").model_copy(update={"broken": ("test_a",)})

    def posterior(tests: Sequence[Verdict]) -> dict[str, float]:
        several = replace(told, checks=(*told.checks, check), verdicts=(*told.verdicts, *tests))
        return {one.candidate: one.posterior for one in latent(several).ranked}

    before, after = posterior(kept), posterior([*kept[:2], lost, kept[3]])
    assert after["02"] < before["02"] / 2
    assert after["00"] == after["01"] > after["03"]
    # Less is known of what their kind keeps, and no more.
    assert after["00"] > 0.75 * before["00"]
    believed_so = believed(replace(told, checks=(*told.checks, check), verdicts=(*told.verdicts, lost)))
    share = believed_so.cases[:, believed_so.groups.index(("02",))].mean()
    assert abs(share - believed_so.of("02")) < 0.05, "what is said of cases is what is said of groups"


def test_patches_that_differ_only_in_failing_their_own_checks_are_not_alike() -> None:
    candidates = [candidate(name, [2 * number, 2 * number + 1]) for number, name in enumerate("ab")]
    checks = [check_by(author) for author in range(4)]
    fails = {("a", 0), ("a", 1)}
    verdicts = [
        verdict(name, check, "fail" if name == BASE or (name, number) in fails else "pass")
        for name in (BASE, "a", "b")
        for number, check in enumerate(checks)
    ]
    found = believed(evidence(candidates, checks, verdicts))
    assert found.of("a") < found.of("b")


def test_neither_the_order_of_the_files_nor_the_numbers_of_the_trajectories_matter() -> None:
    told = evidence_of(World(REGIMES["middle"], 3).issue(8))
    # Two trajectories wrote the same script.
    twin = told.checks[2].model_copy(update={"author": told.checks[5].author})
    told = replace(told, checks=(*told.checks[:5], twin, *told.checks[6:]))
    wanted = [(one.candidate, one.posterior) for one in latent(told).ranked]
    chance = random.Random(4)
    for _ in range(5):
        numbers = list(range(100, 108))
        chance.shuffle(numbers)
        renamed = dict(zip(range(1, 9), numbers, strict=True))
        candidates = [
            one.model_copy(update={"authors": tuple(renamed[author] for author in one.authors)})
            for one in told.candidates
        ]
        checks = [one.model_copy(update={"author": renamed[one.author or 0]}) for one in told.checks]
        verdicts = list(told.verdicts)
        for several in (candidates, checks, verdicts):
            chance.shuffle(several)
        found = latent(Evidence(tuple(candidates), told.forms, tuple(checks), tuple(verdicts)))
        assert [(one.candidate, one.posterior) for one in found.ranked] == wanted


def test_probabilities_hold_in_a_coin_world() -> None:
    world = World(REGIMES["middle"], 21)
    sure, right = [], []
    for _ in range(120):
        drawn = world.issue(8)
        ranking = latent(evidence_of(drawn))
        sure.append(ranking.ranked[0].posterior)
        right.append(bool(drawn.right[int(best(ranking), 16) - 1]))
    brier = float(np.mean((np.array(sure) - right) ** 2))
    rate = float(np.mean(right))
    assert brier < 0.75 * rate * (1 - rate)
    assert abs(float(np.mean(sure)) - rate) < 0.12


def test_where_checks_have_nothing_to_do_with_it_nothing_is_gained() -> None:
    world = World(NULL["null"], 22)
    gain = []
    for _ in range(150):
        drawn = world.issue(8)
        leader = int(best(latent(evidence_of(drawn))), 16) - 1
        gain.append(float(drawn.right[leader]) - float(drawn.right.mean()))
    assert abs(float(np.mean(gain))) < 3 * float(np.std(gain)) / len(gain) ** 0.5


def test_a_prior_of_earlier_runs_moves_the_probability() -> None:
    matrix = matrix_of(crossed(["...", "..x", ".x."]))
    weak, strong = (believe(matrix, prior=Prior(hopeless)) for hopeless in (0.8, 0.05))
    assert weak.right.max() < strong.right.max()
    assert weak.none > strong.none


def test_thousands_of_candidates() -> None:
    many = [candidate(f"{number:05}", [number], f"word{number}") for number in range(3000)]
    checks = [check_by(number) for number in range(60)]
    verdicts = [verdict(BASE, check, "fail") for check in checks]
    verdicts += [verdict(one.id, check, "pass") for one in many[:5] for check in checks]
    ranking = latent(evidence(many, checks, verdicts))
    assert len(ranking.ranked) == 3000
    assert best(ranking) in {one.id for one in many[:5]}


def test_of_repeats_most_count_and_all_of_them_as_one() -> None:
    told = crossed(["..x", "x.x", "xx."])
    opposite: dict[Outcome, Outcome] = {"pass": "fail", "fail": "pass"}

    def run(one: Verdict, number: int) -> Verdict:
        outcome = opposite[one.outcome] if number % 3 == 1 and one.candidate != BASE else one.outcome
        return one.model_copy(update={"repeat": number, "outcome": outcome})

    repeats = tuple(run(one, number) for one in told.verdicts for number in range(300))
    assert latent(replace(told, verdicts=repeats)) == latent(told)


def test_hundreds_of_patches_of_one_form_do_not_overflow() -> None:
    few = crossed(["..x", "x.x", "xx."])
    many = [
        one.model_copy(update={"id": f"{one.id}-{number}"}) for one in few.candidates for number in range(400)
    ]
    forms = {one.id: one.id.split("-")[0] for one in many}
    told = [
        one.model_copy(update={"candidate": f"{one.candidate}-{number}" if one.candidate != BASE else BASE})
        for one in few.verdicts
        for number in range(400)
    ]
    ranking = latent(Evidence(tuple(many), forms, few.checks, tuple(told)))
    assert all(0 <= one.posterior <= 1 for one in ranking.ranked)


def test_the_reason_says_what_became_of_checks_that_tell_nothing() -> None:
    def reason(checks: Sequence[str]) -> str:
        several = [Check.of(text, "reproduction") for text in checks]
        two = [candidate("a", [1]), candidate("b", [2])]
        fails = [verdict(name, one, "fail") for one in several for name in (BASE, "a", "b")]
        return latent(evidence(two, several, fails)).ranked[0].reasons[0]

    assert "no check of others was run on it, agreement alone speaks" in reason(())
    assert "no patch passes the one check of others that was run on it" in reason(["x"])
    assert "no patch passes any of the 2 checks of others" in reason(["x", "y"])
    twins = replace(crossed(["..", ".."]), forms={"00": "one", "01": "one"})
    for one in latent(twins).ranked:
        assert "no check of others was run on it" in one.reasons[0], "of those who made the same change"
    missed = replace(crossed([".."]), reach={(check_by(1).id, "00"): "misses"})
    assert "no check of others was run on it" in latent(missed).ranked[0].reasons[0], "it passes, for nothing"
    told = crossed(["..", "xx"])
    given = Check.of("given", "reproduction")
    said = [verdict(name, given, "pass" if name == "00" else "fail") for name in ("00", "01", BASE)]
    alone = evidence(told.candidates, [given], said)
    assert "if the one check states what is right with a probability of" in latent(alone).ranked[0].reasons[0]


def test_what_is_known_before_counts() -> None:
    alone = Evidence((candidate("a", [1]),), {"a": "a"}, (), ())
    told = [
        latent(replace(alone, prior=prior)).ranked[0].posterior
        for prior in (
            None,
            Prior.of(PriorConfig(hopeless=0.3, successes=0.9, failures=0.6)),
            Prior(hopeless=0.9),
        )
    ]
    assert told[0] == told[1] > told[2] > 0
    assert Prior.of(None) is None
