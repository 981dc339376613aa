"""Notes of earlier attempts: the best of each kind, what failed, bounded, and nobody's name."""

import pytest
from solving_kit import candidate, check_by, made, ran, verdict

from swe_scale.notes import ATTEMPTS, Earlier, best, noted
from swe_scale.ranking import Evidence, rank
from swe_scale.records import (
    BASE,
    Candidate,
    Check,
    Outcome,
    Sampling,
    Trajectory,
    TrajectoryOutcome,
    Verdict,
)

A, B = candidate("a", [1], "alpha"), candidate("b", [2], "beta gamma")
FIRST, SECOND = check_by(1, "# first\n"), check_by(2, "# second\n")


def said(name: str, check: Check, outcome: Outcome, output: str) -> Verdict:
    return verdict(name, check, outcome).model_copy(update={"execution": ran(42, output)})


VERDICTS = (
    verdict(BASE, FIRST, "fail"), verdict(BASE, SECOND, "fail"),
    verdict("a", FIRST, "pass"), said("a", SECOND, "pass", ""),
    said("b", FIRST, "fail", "expected 0.0, got None"), verdict("b", SECOND, "pass"),
)  # fmt: skip


def ended(index: int, outcome: TrajectoryOutcome) -> Trajectory:
    return made(index, "base", "").model_copy(update={"outcome": outcome})


def earlier(
    *candidates: Candidate,
    verdicts: tuple[Verdict, ...] = VERDICTS,
    checks: tuple[Check, ...] = (FIRST, SECOND),
    others: tuple[Trajectory, ...] = (),
) -> Earlier:
    evidence = Evidence(candidates, {one.id: one.id for one in candidates}, checks, verdicts)
    several = [made(one.authors[0], one.id, one.patch) for one in candidates]
    return Earlier(evidence, rank(evidence), (*several, *others))


def test_the_best_comes_first_with_what_it_fails() -> None:
    found = noted(earlier(B, A), 4000)
    assert found.told.index("+alpha") < found.told.index("+beta gamma")
    better, worse = found.told.split("## Attempt 2")
    assert "Of 1 check that others wrote and that fail on the untouched code, it fails 0." in better
    assert "it fails 1." in worse and "expected 0.0, got None" in worse
    assert "Its own check fails on the untouched code and passes on this change." in worse
    assert (set(found.shown), found.tree, found.check) == ({"a", "b"}, None, None)


def test_of_several_runs_one_is_shown_that_fails() -> None:
    runs = [said("b", FIRST, "pass", "all is well"), said("b", FIRST, "infra", "no box")]
    runs += [said("b", FIRST, "fail", f"got {number}") for number in (1, 2)]
    repeats = tuple(one.model_copy(update={"repeat": number}) for number, one in enumerate(runs))
    others = tuple(one for one in VERDICTS if (one.candidate, one.check) != ("b", FIRST.id))
    told = noted(earlier(B, A, verdicts=(*others, *repeats)), 4000).told
    assert "it fails 1." in told and "got 1" in told
    assert "all is well" not in told and "no box" not in told


@pytest.mark.parametrize(
    ("base", "here", "told"),
    [
        ("fail", "pass", "- Its own check fails on the untouched code and passes on this change.\n"),
        ("error", "timeout", "- Its own check breaks on the untouched code and breaks on this change.\n"),
        (None, "pass", "- Its own check passes on this change.\n"),
        ("infra", "fail", "- Its own check fails on this change.\n"),
        ("pass", None, "- Its own check passes on the untouched code.\n"),
        ("fail", "infra", "- Its own check fails on the untouched code.\n"),
        (None, None, ""),
        ("infra", "infra", ""),
    ],
)
def test_a_check_that_was_not_run_says_nothing(base: Outcome | None, here: Outcome | None, told: str) -> None:
    cells = tuple(verdict(name, FIRST, said) for name, said in ((BASE, base), ("a", here)) if said)
    text = noted(earlier(A, verdicts=cells, checks=(FIRST,)), 4000).told
    assert told in text and ("Its own check" in text) == bool(told)
    assert "```\n\n- " in text


def test_what_the_repository_s_tests_say_is_told() -> None:
    tests = tuple(f"t.py::test_{number}\nwith a line" for number in range(20))
    broken = verdict("a", FIRST, "pass").model_copy(update={"broken": tests})
    text = noted(earlier(A, verdicts=(verdict(BASE, FIRST, "fail"), broken)), 4000).told
    assert "It breaks tests of the repository (12 more):" in text and "t.py::test_0 with a line" in text


def test_how_the_rest_ended_is_told_if_it_says_something() -> None:
    ends = (
        ended(3, "turns"),
        ended(4, "malformed"),
        ended(5, "malformed"),
        ended(6, "budget"),
        ended(7, "failed"),
    )
    text = noted(earlier(A, others=ends), 4000).told
    assert text.endswith(
        "Others came to no change that could be judged: 2 never kept the format, 1 ran out of replies."
    )
    alone = noted(earlier(others=ends), 4000)
    assert "All of them came to no change" in alone.told and alone.shown == ()
    assert noted(earlier(others=ends[3:]), 4000).told == "" == best(earlier(others=ends[3:]), 4000).told


def test_nobody_s_name_is_told() -> None:
    named = made(7919, "a", A.patch).model_copy(
        update={"strategy": "zebra", "model": "giraffe", "sampling": Sampling(seed=60317)}
    )
    one = A.model_copy(update={"authors": (7919,)})
    known = Earlier(earlier(one).evidence, earlier(one).ranking, [named])
    for text in (noted(known, 4000).told, best(known, 4000).told):
        assert text and not [word for word in ("zebra", "giraffe", "7919", "60317") if word in text]


@pytest.mark.parametrize("tokens", [800, 2000, 8000])
def test_notes_are_bounded_whatever_was_made(tokens: int) -> None:
    several = [candidate(f"c{number}", [number], f"word{number} " * 20_000) for number in range(1, 8)]
    checks = tuple(check_by(number, f"# {number}\n" + "x" * 90_000) for number in range(1, 8))
    loud = tuple(
        said(one.id, check, "fail", "y" * 50_000).model_copy(update={"broken": ("z" * 9000,) * 3})
        for one in several
        for check in checks
    )
    base = tuple(verdict(BASE, check, "fail") for check in checks)
    known = earlier(*several, verdicts=base + loud, checks=checks)
    for found in (noted(known, tokens), best(known, tokens)):
        assert len(found.told.encode()) <= 3 * tokens + 100
    assert len(noted(known, tokens).shown) == ATTEMPTS
    assert noted(known, tokens) == noted(known, tokens)


def test_the_best_comes_with_the_check_that_says_something() -> None:
    assert best(earlier(A, B), 4000).check == FIRST
    useless = tuple(one for one in VERDICTS if (one.candidate, one.check) != (BASE, FIRST.id))
    assert best(earlier(A, B, verdicts=(*useless, verdict(BASE, FIRST, "pass"))), 4000).check == SECOND
    none = best(earlier(A, verdicts=(verdict(BASE, FIRST, "pass"),), checks=(FIRST,)), 4000)
    assert none.check is None and "write one" in none.told and none.tree == "a"
    assert best(earlier(A, B), 4000).shown == ("a",)


def test_of_one_form_one_is_told_and_all_are_known() -> None:
    twin = candidate("c", [3], "alpha")
    evidence = Evidence((A, B, twin), {"a": "f", "b": "g", "c": "f"}, (FIRST, SECOND), VERDICTS)
    found = noted(Earlier(evidence, rank(evidence), ()), 4000)
    assert found.told.count("## Attempt") == 2 and set(found.shown) == {"a", "b", "c"}
