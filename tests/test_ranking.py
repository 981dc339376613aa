"""The ranking depends on the evidence alone: on no order, no name, no check that says nothing."""

import itertools
import random
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from solving_kit import candidate, check_by, verdict

from swe_scale.flags import BLIND, CHEATS
from swe_scale.ranking import FINALISTS, Evidence, Outcomes, Ranking, authors_of, confidence, rank
from swe_scale.records import BASE, Candidate, Check, Execution, Outcome, Verdict

OUTCOMES: tuple[Outcome, ...] = ("pass", "fail", "error", "timeout", "infra")


def evidence(
    candidates: Sequence[Candidate],
    checks: Sequence[Check] = (),
    verdicts: Sequence[Verdict] = (),
    forms: Mapping[str, str] | None = None,
) -> Evidence:
    return Evidence(
        tuple(candidates), forms or {one.id: one.id for one in candidates}, tuple(checks), tuple(verdicts)
    )


def passing(*names: str) -> dict[str, Outcome]:
    return dict.fromkeys(names, "pass")


def voting(check: Check, **said: Outcome) -> list[Verdict]:
    """Return the verdicts of a check that fails on the untouched code, twice."""
    base = [verdict(BASE, check, "fail", repeat) for repeat in (0, 1)]
    return base + [verdict(name, check, outcome) for name, outcome in said.items()]


def order(ranking: Ranking) -> list[str]:
    return [one.candidate for one in ranking.ranked]


A, B, C = (
    candidate("a", [1], "alpha one"),
    candidate("b", [2], "beta two"),
    candidate("c", [3], "gamma three"),
)
K1, K2, K3 = (check_by(author) for author in (1, 2, 3))


def test_without_candidates_there_is_no_ranking() -> None:
    assert rank(evidence([])) == Ranking((), (), frozenset())


def test_votes_decide() -> None:
    found = rank(
        evidence([A, B, C], [K1, K2, K3], [
            *voting(K1, a="pass", b="pass", c="fail"),
            *voting(K2, a="fail", b="pass", c="fail"),
            *voting(K3, a="fail", b="pass", c="pass"),
        ])
    )  # fmt: skip
    assert order(found)[0] == "b"
    leader = found.ranked[0]
    assert (leader.votes, leader.of, leader.posterior) == (2, 2, 0.75)
    assert found.contested == ("b",)
    assert "2 of 2 reproduction votes" in leader.reasons


@pytest.mark.parametrize("said", ["pass", "error", "timeout"])
def test_a_check_that_does_not_fail_on_the_untouched_code_has_no_vote(said: Outcome) -> None:
    for base in ([said], [said, "fail"], ["fail", said]):
        verdicts = [verdict(BASE, K3, outcome, i) for i, outcome in enumerate(base)]
        verdicts += [verdict("a", K3, "fail"), verdict("b", K3, "pass")]
        found = rank(evidence([A, B], [K3], verdicts))
        assert [one.of for one in found.ranked] == [0, 0]
        assert not found.supported


def test_a_check_that_was_not_run_on_the_untouched_code_has_no_vote() -> None:
    found = rank(evidence([A, B], [K3], [verdict("a", K3, "fail"), verdict("b", K3, "pass")]))
    assert [one.of for one in found.ranked] == [0, 0]


@pytest.mark.parametrize("said", OUTCOMES)
def test_a_check_that_says_the_same_of_all_tells_nothing(said: Outcome) -> None:
    found = rank(evidence([A, B, C], [K1], voting(K1, a=said, b=said, c=said)))
    assert [one.of for one in found.ranked] == [0, 0, 0]
    assert order(found) == order(rank(evidence([A, B, C]))) or said == "pass"


def test_checks_that_fail_everywhere_leave_the_choice_to_the_patches() -> None:
    likes = [
        candidate("x", [1], "one two three four five"),
        candidate("y", [2], "one two three four six"),
        candidate("z", [3], "quite another thing"),
    ]
    said = [one for check in (K1, K2, K3) for one in voting(check, x="fail", y="error", z="timeout")]
    assert order(rank(evidence(likes, [K1, K2, K3], said)))[-1] == "z"
    assert order(rank(evidence(likes, [K1, K2, K3], said))) == order(rank(evidence(likes)))


def test_infrastructure_faults_never_vote() -> None:
    found = rank(evidence([A, B], [K3], voting(K3, a="pass", b="infra")))
    assert [(one.votes, one.of) for one in found.ranked] == [(0, 0), (0, 0)]
    apart = rank(evidence([A, B, C], [check_by(9)], voting(check_by(9), a="pass", b="infra", c="fail")))
    assert {one.candidate: (one.votes, one.of) for one in apart.ranked} == {
        "a": (1, 1), "b": (0, 0), "c": (0, 1),
    }  # fmt: skip
    assert order(apart) == ["a", "b", "c"]


def test_a_check_by_nobody_speaks_for_a_patch_and_against_another() -> None:
    given = [check_by(None, f"# {number}\n") for number in range(2)]
    said = [one for check in given for one in voting(check, a="pass", b="fail")]
    ranking = rank(evidence([A, B], given, said))
    assert order(ranking) == ["a", "b"] and "a" in ranking.supported and "b" not in ranking.supported
    assert [one.posterior for one in ranking.ranked] == [0.75, 0.25]
    assert "2 given checks for it, 0 against" in ranking.ranked[0].reasons
    alone = rank(evidence([A], given[:1], voting(given[0], a="pass")))
    assert alone.supported == {"a"} and "1 given check for it, 0 against" in alone.ranked[0].reasons


def test_the_own_check_of_an_only_author_does_not_vote() -> None:
    found = rank(evidence([A, B], [K1], voting(K1, a="pass", b="fail")))
    by_name = {one.candidate: one for one in found.ranked}
    assert (by_name["a"].votes, by_name["a"].of) == (0, 0)
    assert (by_name["b"].votes, by_name["b"].of) == (0, 0), "nobody else's patch passes it"
    assert "a" not in found.supported and "no other trajectory speaks for it" in by_name["a"].reasons


def test_an_equal_script_of_another_author_votes() -> None:
    shared = [Check.of("same\n", "reproduction", author=author) for author in (1, 2)]
    assert authors_of(shared) == {shared[0].id: frozenset({1, 2})}
    found = rank(evidence([A, B], shared, voting(shared[0], a="pass", b="fail")))
    assert (found.ranked[0].candidate, found.ranked[0].votes) == ("a", 1)
    assert found.supported == {"a"}


def test_a_patch_that_several_wrote_is_voted_for_by_their_checks() -> None:
    both = candidate("ab", [1, 2])
    found = rank(evidence([both, C], [K1], voting(K1, ab="pass", c="fail")))
    assert order(found)[0] == "ab" and found.ranked[0].votes == 1 and "ab" in found.supported


@pytest.mark.parametrize(
    ("runs", "said", "differ"),
    [
        (("pass", "timeout", "infra"), "timeout", True),
        (("pass", "fail", "pass"), "pass", True),
        (("pass", "fail", "error", "timeout", "pass"), "fail", True),
        (("pass", "infra"), "pass", False),
        (("infra", "infra"), "infra", False),
        (("error", "timeout"), "error", False),
    ],
)
def test_of_repeats_what_most_say_counts_and_without_a_majority_the_worst(
    runs: tuple[Outcome, ...], said: Outcome, differ: bool
) -> None:
    outcomes = Outcomes([verdict("a", K1, one, number) for number, one in enumerate(runs)])
    assert outcomes.of("a", K1.id) == said and outcomes.of("b", K1.id) is None
    assert outcomes.differ("a", K1.id) is differ and not outcomes.differ("b", K1.id)


def broken(name: str, *tests: str) -> Verdict:
    run = Execution(exit_code=1, output="")
    outcome: Outcome = "fail" if tests else "pass"
    return Verdict(candidate=name, check="t", outcome=outcome, broken=tests, execution=run)


def test_a_check_that_only_its_own_author_satisfies_beats_no_majority() -> None:
    many = candidate("good", range(2, 11), "alpha one")
    lone = candidate("bad", [1], "beta two")
    for said in ("fail", "error", "timeout"):
        found = rank(evidence([many, lone], [K1], voting(K1, bad="pass", good=said)))
        assert order(found) == ["good", "bad"] and "good" in found.supported


def test_votes_outweigh_broken_tests_but_the_matter_is_contested() -> None:
    said = [*voting(K3, a="pass", b="fail"), *voting(K1, b="pass", a="pass"), broken("a", "x"), broken("b")]
    found = rank(evidence([A, B], [K3, K1], said))
    assert order(found) == ["a", "b"] and found.contested == ("a", "b")
    assert found.ranked[0].broken == 1 and "breaks 1 of the repository's tests" in found.ranked[0].reasons
    assert found.ranked[0].posterior == confidence(1, 0, 1) == 0.3333


def test_of_equal_votes_kept_tests_decide() -> None:
    said = [*voting(K3, a="pass", b="pass"), broken("a", "x"), broken("b")]
    found = rank(evidence([A, B], [K3], said))
    assert order(found) == ["b", "a"] and found.contested == ("b",)


def test_a_test_that_most_trajectories_break_is_held_against_nobody() -> None:
    said = [*voting(K3, a="pass", b="pass", c="fail"), *(broken(name, "old") for name in "abc")]
    found = rank(evidence([A, B, C, candidate("d", [4], "delta")], [K3], [*said, *voting(K3, d="pass")]))
    assert set(found.contested) >= {"a", "b", "d"}, "keeping old behaviour doesn't win alone"
    by_name = {one.candidate: one for one in found.ranked}
    assert (by_name["a"].broken, by_name["a"].excused) == (1, 1)
    assert by_name["a"].posterior < by_name["d"].posterior


def test_a_lost_sandbox_on_the_untouched_code_vetoes_no_check() -> None:
    base = [verdict(BASE, K3, "fail", 0), verdict(BASE, K3, "infra", 1)]
    assert Outcomes(base).reproduces(K3.id)
    assert not Outcomes(base[1:]).reproduces(K3.id)


def test_a_test_that_it_alone_keeps_supports_a_candidate() -> None:
    found = rank(evidence([A, B, C], (), [broken(name, "x", "y") for name in "abc"]))
    assert found.supported == frozenset()
    found = rank(evidence([A, B, C], (), [broken("a"), broken("b", "x", "y"), broken("c", "y")]))
    assert found.supported == {"a"}
    assert not rank(evidence([A], (), [broken("a")])).supported


def test_the_majority_by_normal_form_decides_a_tie() -> None:
    twins = [candidate("p", [1], "p one"), candidate("q", [2], "q two"), candidate("r", [3], "r three")]
    found = rank(evidence(twins, forms={"p": "one", "q": "two", "r": "two"}))
    assert set(order(found)[:2]) == {"q", "r"}
    assert found.ranked[0].similar == 1 and len(found.contested) == 1
    assert found.supported == {"q", "r"}


def test_the_medoid_decides_the_last_tie() -> None:
    words = ["one two three four", "one two three five", "one two six five", "nothing alike here"]
    several = [candidate(name, [i], text) for i, (name, text) in enumerate(zip("wxyz", words, strict=True))]
    assert order(rank(evidence(several)))[0] == "x"
    assert order(rank(evidence(several)))[-1] == "z"


def test_similar_patches_support_each_other() -> None:
    near = [candidate("x", [1], "a b c d e f g h i"), candidate("y", [2], "a b c d e f g h j")]
    assert rank(evidence([*near, C])).supported == {"x", "y"}


def test_patches_without_changed_lines_are_not_similar() -> None:
    moved = [
        Candidate(id=name, patch=f"diff --git a/{name} b/2{name}\nrename from {name}\nrename to 2{name}\n")
        for name in "xy"
    ]
    assert not rank(evidence(moved)).supported


def test_what_may_be_proposed_comes_before_what_may_not() -> None:
    """One check that only its author's own patch and another pass doesn't speak for the author."""
    for one, other in itertools.permutations("ab"):
        mine, theirs = candidate(one, [1], "x y"), candidate(other, [2], "z w")
        found = rank(evidence([mine, theirs], [K1], voting(K1, **passing(one, other))))
        assert order(found) == [other, one]


def test_at_most_three_finalists_one_per_normal_form() -> None:
    many = [candidate(f"c{i}", [i], f"word{i}") for i in range(1, 7)]
    outside = check_by(9)
    said = voting(outside, **passing("c1", "c2", "c3", "c4", "c5"), c6="fail")
    found = rank(evidence(many, [outside], said))
    assert len(found.contested) == FINALISTS == 3 and "c6" not in found.contested
    assert found.contested[0] == found.ranked[0].candidate
    forms = {one.id: "same" if one.id in ("c1", "c2") else one.id for one in many}
    twins = rank(evidence(many, [outside], said, forms))
    assert {"c1", "c2"} - set(twins.contested)


def test_what_lost_votes_is_no_finalist() -> None:
    found = rank(evidence([A, B, C], [check_by(9)], voting(check_by(9), a="pass", b="pass", c="fail")))
    assert set(found.contested) == {"a", "b"}


@pytest.mark.parametrize(
    ("backers", "opponents", "broken", "value"),
    [(0, 0, 0, 0.5), (1, 0, 0, 0.6667), (0, 1, 0, 0.3333), (3, 0, 0, 0.8), (3, 1, 2, 0.3333)],
)
def test_confidence(backers: int, opponents: int, broken: int, value: float) -> None:
    assert confidence(backers, opponents, broken) == value


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    texts = st.lists(st.sampled_from(["x", "y", "z", "1", "+"]), max_size=6).map(" ".join)
    count = draw(st.integers(1, 5))
    candidates = [
        candidate(f"t{i}", sorted(draw(st.sets(st.integers(1, 6), max_size=3))), draw(texts))
        for i in range(count)
    ]
    checks = [
        Check.of(f"{i}", "reproduction", author=draw(st.none() | st.integers(1, 6)))
        for i in range(draw(st.integers(0, 4)))
    ]
    verdicts = [
        verdict(place, check, draw(st.sampled_from(OUTCOMES)), repeat)
        for check in checks
        for place, repeats in [(BASE, 2), *((one.id, 1) for one in candidates)]
        for repeat in range(repeats)
        if draw(st.booleans()) or draw(st.booleans())
    ]
    verdicts += [broken(one.id, *draw(st.sets(st.sampled_from("pqr")))) for one in candidates]
    forms = {one.id: draw(st.sampled_from(["f", "g", "h"])) for one in candidates}
    return evidence(candidates, checks, verdicts, forms)


@settings(max_examples=150, deadline=None)
@given(evidences(), st.randoms(use_true_random=False))
def test_no_order_matters(given: Evidence, chance: random.Random) -> None:
    def shuffled(values: Sequence[object]) -> tuple[object, ...]:
        return tuple(chance.sample(values, len(values)))

    other = Evidence(
        shuffled(given.candidates),  # type: ignore[arg-type]
        dict(shuffled(list(given.forms.items()))),  # type: ignore[arg-type]
        shuffled(given.checks),  # type: ignore[arg-type]
        shuffled(given.verdicts),  # type: ignore[arg-type]
    )
    assert rank(other) == rank(given)


@settings(max_examples=150, deadline=None)
@given(evidences(), st.permutations(range(1, 7)))
def test_no_number_of_a_trajectory_matters(given: Evidence, places: list[int]) -> None:
    """Who wrote it is never looked at, only whether it was the same one."""

    def moved(author: int) -> int:
        return places[author - 1]

    candidates = [
        one.model_copy(update={"authors": tuple(sorted(map(moved, one.authors)))}) for one in given.candidates
    ]
    checks = [
        one if one.author is None else one.model_copy(update={"author": moved(one.author)})
        for one in given.checks
    ]
    found = rank(evidence(candidates, checks, given.verdicts, given.forms))
    wanted = rank(given)
    assert (order(found), found.contested, found.supported) == (
        order(wanted), wanted.contested, wanted.supported,
    )  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(evidences())
def test_what_a_ranking_promises(given: Evidence) -> None:
    found = rank(given)
    assert sorted(order(found)) == sorted(one.id for one in given.candidates)
    assert 1 <= len(found.contested) <= FINALISTS
    assert found.contested[0] == found.ranked[0].candidate
    assert set(found.contested[1:]) <= found.supported
    assert all(0 <= one.posterior <= 1 and 0 <= one.votes <= one.of for one in found.ranked)


def test_a_check_that_sees_no_missing_code_has_no_vote() -> None:
    blind = verdict("b", K1, "error").model_copy(update={"flags": (BLIND,)})
    said = [*voting(K1, a="pass"), blind]
    assert Outcomes(voting(K1, a="pass")).reproduces(K1.id) and not Outcomes(said).reproduces(K1.id)
    found = rank(evidence([A, B], [K1], said))
    assert {one.of for one in found.ranked} == {0} and not any(one.votes for one in found.ranked)


@pytest.mark.parametrize("flag", sorted(CHEATS))
def test_who_was_caught_comes_last_and_is_not_proposed(flag: str) -> None:
    caught = verdict("a", K2, "error").model_copy(update={"flags": (flag,)})
    said = [*voting(K2, b="fail", c="fail"), *voting(K3, a="pass", b="pass", c="fail")]
    before, after = (
        rank(evidence([A, B, C], [K2, K3], said)),
        rank(evidence([A, B, C], [K2, K3], [*said, caught])),
    )
    assert "a" in before.supported and order(before)[-1] != "a"
    assert "a" not in after.supported and order(after)[-1] == "a"
