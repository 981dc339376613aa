"""What is proposed, what isn't, and that the reason is said."""

from dataclasses import replace

import pytest
from solving_kit import candidate, check_by, issue, made, verdict

from swe_scale.conclusion import Made, conclude
from swe_scale.errors import ModelError
from swe_scale.ranking import Evidence, find_rule, rank
from swe_scale.records import BASE, Check, Decision, Solution, Trajectory, TrajectoryOutcome
from swe_scale.selection import Choice

A, B = candidate("a", [1], "alpha"), candidate("b", [2], "beta gamma")
K2 = check_by(2)


def evidence(*authors: int) -> Evidence:
    """Two candidates, and a check by each author that both pass."""
    checks = tuple(check_by(author) for author in authors)
    verdicts = tuple(
        one
        for check in checks
        for one in (verdict(BASE, check, "fail"), verdict("a", check, "pass"), verdict("b", check, "pass"))
    )
    return Evidence((A, B), {"a": "f", "b": "g"}, checks, verdicts)


def concluded(evidence: Evidence, choice: Choice | None = None) -> Solution:
    trajectories = tuple(made(one.authors[0], one.id, one.patch) for one in evidence.candidates)
    decisions = (Decision(number=1, action="stop", reason="enough"),)
    return conclude(issue(), Made(trajectories, evidence, decisions), rank(evidence), choice)


def test_the_leader_is_proposed() -> None:
    solution = concluded(evidence(2))
    assert (solution.outcome, solution.candidate, solution.patch) == ("proposed", "a", A.patch)
    assert solution.confidence == 0.6667
    assert solution.reason == "no check tells the candidates apart; 1 other trajectory for it, 0 against"
    assert solution.decisions[0].reason == "enough" and len(solution.trajectories) == 2


def test_the_selections_choice_is_proposed_with_its_evidence() -> None:
    told = Check.of("told\n", "distinguishing")
    choice = Choice("b", "the selection chose it: cleaner", [told], [verdict("b", told, "pass")])
    solution = concluded(evidence(1, 2), choice)
    assert solution.candidate == "b" and solution.reason.endswith("the selection chose it: cleaner")
    assert told in solution.checks and solution.verdicts[-1].check == told.id


def test_a_check_that_was_there_and_is_written_again_stands_there_once() -> None:
    told = evidence(2)
    again = Choice("b", "chosen", list(told.checks) * 2, list(told.verdicts) * 2)
    found = concluded(told, again)
    assert (found.checks, found.verdicts) == (told.checks, told.verdicts)
    new = Check.of("new", "distinguishing")
    found = concluded(told, Choice("b", "chosen", [new, new], [verdict("b", new, "pass")] * 2))
    assert found.checks == (*told.checks, new) and len(found.verdicts) == len(told.verdicts) + 1


def test_what_only_its_author_supports_is_not_proposed() -> None:
    solution = concluded(evidence())
    assert (solution.outcome, solution.patch, solution.candidate) == ("abstained", None, None)
    assert "supported by nobody but its own author" in solution.reason
    assert solution.candidates == (A, B) and 0 < solution.confidence <= 0.5
    chosen = concluded(evidence(2), Choice("b", "chosen"))
    assert chosen.outcome == "abstained"


def doubted(told: Evidence, least: float) -> Solution:
    authors = [(author, one) for one in told.candidates for author in one.authors]
    trajectories = tuple(made(author, one.id, one.patch) for author, one in authors)
    return conclude(issue(), Made(trajectories, told, ()), find_rule("latent")(told), None, least)


def test_what_is_too_doubtful_is_not_proposed_and_what_would_help_is_said() -> None:
    told = evidence(1, 2)
    sure = doubted(told, 0.0).confidence
    assert 0.4 < sure < 0.9
    assert doubted(told, sure).outcome == "proposed"
    solution = doubted(told, 0.95)
    assert (solution.outcome, solution.patch, solution.confidence) == ("abstained", None, sure)
    assert f"confidence in the best candidate is {sure:.2f}, and 0.95 is asked" in solution.reason
    assert "any of 2 may be right: a check on which they differ would tell" in solution.reason
    alone = doubted(replace(told, candidates=(A,)), 0.95)
    assert "more trajectories that come to the same change" in alone.reason


def test_checks_that_would_help_are_named() -> None:
    twice = Evidence((candidate("a", [1, 2], "alpha"),), {"a": "f"}, (), ())
    assert "no check fails on the untouched code" in doubted(twice, 0.99).reason
    unmet = Evidence(
        twice.candidates, twice.forms, (K2,), (verdict(BASE, K2, "fail"), verdict("a", K2, "fail"))
    )
    assert "no candidate passes any of the 1 checks" in doubted(unmet, 0.99).reason


def ended(*outcomes: TrajectoryOutcome) -> tuple[Trajectory, ...]:
    return tuple(
        made(index, "base", "").model_copy(update={"outcome": outcome, "error": "the endpoint is gone"})
        for index, outcome in enumerate(outcomes, start=1)
    )


NOTHING = Evidence((), {}, (), ())


def test_where_nothing_was_found_it_says_how_each_ended() -> None:
    ends = ended("done", "malformed", "malformed", "budget", "failed")
    solution = conclude(issue(), Made(ends, NOTHING, ()), rank(NOTHING), None)
    assert solution.outcome == "abstained" and solution.confidence == 0
    assert solution.reason == (
        "no trajectory brought a candidate: 1 ran out of budget, "
        "1 ended without a change to more than tests, "
        "1 failed, or lost the endpoint or the sandbox, 2 never kept the format"
    )


def test_where_no_trajectory_was_started_it_says_so() -> None:
    solution = conclude(issue(), Made((), NOTHING, ()), rank(NOTHING), None)
    assert solution.reason == "no trajectory brought a candidate: none was started"


def test_where_every_trajectory_failed_the_fault_is_raised() -> None:
    with pytest.raises(ModelError, match="the endpoint is gone"):
        conclude(issue(), Made(ended("failed", "failed"), NOTHING, ()), rank(NOTHING), None)
