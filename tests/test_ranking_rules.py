"""Each rule ranks by what it says, by that alone, and another package's is looked at before it counts."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, get_args, get_type_hints

import pytest
from pydantic import BaseModel
from solving_kit import candidate, check_by, verdict

from swe_scale.errors import ExtensionError, UsageError
from swe_scale.flags import CHEATS
from swe_scale.ranking import OWN_RULES, Evidence, Ranking, find_rule, ordered, rank
from swe_scale.ranking.finding import ForeignRule
from swe_scale.ranking.others import codet, majority, medoid, smallest
from swe_scale.ranking.others import random as by_lot
from swe_scale.records import BASE, Candidate, Check, Outcome, Ranked, Verdict


def evidence(
    candidates: Sequence[Candidate],
    said: Mapping[Check, str] | Sequence[tuple[Check, str]] = (),
    forms: Mapping[str, str] | None = None,
) -> Evidence:
    """Return evidence in which each check passes on the candidates that are named, of one letter each."""
    cells: list[Verdict] = []
    for check, passed in dict(said).items():
        cells.append(verdict(BASE, check, "fail"))
        for one in candidates:
            outcome: Outcome = "pass" if one.id in passed else "fail"
            cells.append(verdict(one.id, check, outcome))
    named = forms or {one.id: one.id for one in candidates}
    return Evidence(tuple(candidates), named, tuple(check for check, _ in dict(said).items()), tuple(cells))


def order(ranking: Ranking) -> str:
    return "".join(one.candidate for one in ranking.ranked)


A, B, C = candidate("a", [1], "x = 1"), candidate("b", [2], "y = 2"), candidate("c", [3], "z = 3 + 4 + 5")
K1, K2, K3, K4 = (check_by(author) for author in (1, 2, 3, 4))


def test_the_default_is_unchanged() -> None:
    assert find_rule("votes") is rank and next(iter(OWN_RULES)) == "votes"


def test_the_majority_of_normal_forms() -> None:
    told = evidence([A, B, C], {K1: "a", K2: "a"}, {"a": "one", "b": "two", "c": "two"})
    found = majority(told)
    assert set(order(found)[:2]) == {"b", "c"} and order(found)[2] == "a"
    assert found.ranked[0].reasons[0] == "the normal form of 2 trajectories"
    assert order(rank(told))[0] != "a" or order(found) != order(rank(told))


def test_of_equal_majorities_the_most_alike() -> None:
    near = [
        candidate("p", [1], "one two three"),
        candidate("q", [2], "one two four"),
        candidate("r", [3], "no"),
    ]
    assert order(majority(evidence(near)))[-1] == "r"


def test_the_medoid_counts_twins_as_likeness() -> None:
    many, lone = candidate("m", [1, 2, 3], "one"), candidate("n", [4], "two")
    assert order(medoid(evidence([many, lone]))) == "mn"
    near = [
        candidate("p", [1], "one two three"),
        candidate("q", [2], "one two four"),
        candidate("r", [3], "no"),
    ]
    assert order(medoid(evidence(near)))[-1] == "r"
    assert medoid(evidence([lone])).ranked[0].reasons[0] == "overlap of 0.00 with the others"


def test_the_smallest_change() -> None:
    found = smallest(evidence([C, A], {K1: "c", K2: "c", K3: "c"}))
    assert order(found) == "ac" and found.ranked[0].reasons[0].startswith("changes ")


def test_codet_multiplies_a_group_by_the_checks_that_it_passes() -> None:
    five = [candidate(name, [place], name * 3) for place, name in enumerate("abcde", start=1)]
    # a and b pass two checks together (2 × 2), c alone three (1 × 3), d and e one (2 × 1).
    told = evidence(five, {K1: "abc", K2: "abc", K3: "c", K4: "de"})
    found = codet(told)
    assert (
        set(order(found)[:2]) == {"a", "b"} and order(found)[2] == "c" and set(order(found)[3:]) == set("de")
    )
    assert found.ranked[0].reasons[0] == "2 trajectories pass the same 2 checks"


def test_codet_counts_no_check_that_passes_on_the_untouched_code() -> None:
    idle = [verdict(BASE, K1, "pass"), verdict("a", K1, "pass"), verdict("b", K1, "fail")]
    told = Evidence((A, B), {"a": "a", "b": "b"}, (K1,), tuple(idle))
    assert {one.reasons[0] for one in codet(told).ranked} == {"2 trajectories pass the same 0 checks"}


def test_the_lot_is_the_same_for_the_same_and_fair_to_trajectories() -> None:
    first = 0
    for place in range(400):
        both = [candidate(f"m{place}", [1, 2, 3], "one"), candidate(f"n{place}", [4], "two")]
        found = by_lot(evidence(both))
        assert found == by_lot(evidence(both))
        first += found.ranked[0].candidate.startswith("m")
    assert 270 <= first <= 330, "three of four trajectories chose it"


@pytest.mark.parametrize("name", sorted(OWN_RULES))
def test_every_rule_ranks_each_candidate_once_and_forgers_last(name: str) -> None:
    chance, rule = random.Random(name), find_rule(name)
    assert rule(Evidence((), {}, (), ())) == Ranking((), (), frozenset())
    for _ in range(20):
        several = [candidate(one, [place], f"{one} {place}") for place, one in enumerate("abcd", start=1)]
        told = evidence(several, {check: "".join(chance.sample("abcd", 2)) for check in (K1, K2, K3)})
        forged = verdict("a", K1, "error").model_copy(update={"flags": (sorted(CHEATS)[0],)})
        told = Evidence(told.candidates, told.forms, told.checks, (*told.verdicts, forged))
        found = rule(told)
        assert sorted(order(found)) == list("abcd") and order(found)[-1] == "a"
        assert found.contested[0] == found.ranked[0].candidate and "a" not in found.supported
        shuffled = Evidence(told.candidates, told.forms, told.checks, told.verdicts[::-1])
        assert rule(shuffled) == found


def reached(kind: Any, seen: set[Any]) -> set[Any]:
    """Return every type that a value of this one can lead to."""
    if kind not in seen:
        seen.add(kind)
        inner = list(get_args(kind))
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            inner += [field.annotation for field in kind.model_fields.values()]
        elif hasattr(kind, "__dataclass_fields__"):
            hints = get_type_hints(kind)
            inner += [hints[field.name] for field in fields(kind)]
        for one in inner:
            reached(one, seen)
    return seen


def test_a_rule_is_blind_to_labels() -> None:
    told = {one.__name__: one.__module__ for one in reached(Evidence, set()) if isinstance(one, type)}
    ours = {name for name, module in told.items() if module.startswith("swe_scale")}
    assert ours == {"Evidence", "Candidate", "Check", "Verdict", "Execution", "Opinion", "Prior"}


def test_an_unknown_rule() -> None:
    with pytest.raises(
        UsageError, match=r"no rule 'best'; known are: votes, latent, raw, foreign, gated, cautious"
    ):
        find_rule("best")


def test_a_score_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not a number"):
        ordered(evidence([A]), lambda *_: float("nan"), lambda *_: "")


RANKED = rank(evidence([A, B])).ranked


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "it is NoneType, not Ranking"),
        (Ranking((), (), frozenset()), "2 candidates, each once, were to be ranked, but 0 places are given"),
        (Ranking((RANKED[0], RANKED[0]), ("a",), frozenset()), "2 candidates, each once"),
        (Ranking(("a", "b"), ("a",), frozenset()), "a place is no Ranked"),  # type: ignore[arg-type]
        (Ranking(RANKED, (), frozenset()), "the finalists are none"),
        (Ranking(RANKED, ("z",), frozenset()), "the finalists are none"),
        (Ranking(RANKED, ("a",), frozenset({"z"})), "what it supports is none"),
        (Ranking(RANKED, ("a",), None), "TypeError"),  # type: ignore[arg-type]
        (Ranking(7, ("a",), frozenset()), "TypeError"),  # type: ignore[arg-type]
    ],
)
def test_a_foreign_rule_that_gives_nonsense_is_named(given: Any, said: str) -> None:
    with pytest.raises(ExtensionError, match=said) as raised:
        ForeignRule("theirs", lambda _: given)(evidence([A, B]))
    assert "the rule 'theirs'" in str(raised.value)


def test_a_foreign_rule_that_raises_is_named() -> None:
    def rule(told: Evidence) -> Ranking:
        raise KeyError(f"no {told.candidates[0].id}\n" * 100)

    with pytest.raises(ExtensionError, match="the rule 'theirs' failed: KeyError") as raised:
        ForeignRule("theirs", rule)(evidence([A]))
    assert len(str(raised.value)) < 400 and "\n" not in str(raised.value)
    assert ForeignRule("theirs", rule)(evidence([])) == Ranking((), (), frozenset())


def test_a_foreign_rule_that_ranks_is_taken() -> None:
    def rule(told: Evidence) -> Ranking:
        def score(one: Candidate, known: Ranked) -> float:
            return -len(one.patch)

        return ordered(told, score, lambda one, _: f"{len(one.patch)} characters")

    assert order(ForeignRule("short", rule)(evidence([C, A, B]))) == "abc"
