"""The decision record: everything is in it, and nothing in it steers a terminal."""

import io
import json

import pytest
from rich.console import Console
from solving_kit import candidate, check_by, issue, made, verdict

from swe_scale.conclusion import Made, conclude
from swe_scale.diversity import diversity
from swe_scale.events import printable
from swe_scale.ranking import Evidence, rank
from swe_scale.records import (
    BASE,
    Check,
    Crossed,
    Decision,
    Execution,
    Opinion,
    Scores,
    Solution,
    Usage,
    Verdict,
)
from swe_scale.report import document, show
from swe_scale.selection import Choice

A, B = candidate("a" * 40, [1], "alpha"), candidate("b" * 40, [2], "beta [red]gamma[/red]")
K1, K2 = check_by(1), check_by(2)
SUITE = Check.of("tests/test_m.py", "regression", language="sh", foreign=True)


def solved(*, proposed: bool = True, choice: Choice | None = None) -> Solution:
    verdicts = [verdict(BASE, one, "fail") for one in (K1, K2)] if proposed else [verdict(BASE, K1, "pass")]
    if proposed:
        verdicts += [verdict(A.id, one, "pass") for one in (K1, K2)]
        verdicts += [verdict(B.id, K1, "timeout"), verdict(B.id, K2, "error")]
    for one, broken in ((A, ()), (B, ("test_m::test_x",))):
        run = Execution(exit_code=1, output="x")
        verdicts.append(
            Verdict(candidate=one.id, check=SUITE.id, outcome="pass", broken=broken, execution=run)
        )
    evidence = Evidence((A, B), {A.id: "f", B.id: "g"}, (K1, K2, SUITE), tuple(verdicts))
    if not proposed:
        evidence = Evidence((A,), {A.id: "f"}, (K1, SUITE), tuple(verdicts))
    trajectories = (made(1, A.id, A.patch, K1), made(2, B.id, B.patch, K2))
    decisions = (Decision(number=1, action="stop", reason="enough"),)
    solution = conclude(issue(), Made(trajectories, evidence, decisions), rank(evidence), choice)
    usage = Usage(calls=7, prompt_tokens=12_345, cached_tokens=100, completion_tokens=678, usd=0.0123)
    return solution.model_copy(update={"usage": usage, "seconds": {"search": 1.25}})


def printed(solution: Solution, *, terminal: bool = False) -> str:
    out = io.StringIO()
    show(solution, Console(file=out, width=160, force_terminal=terminal, color_system=None))
    return out.getvalue()


def test_a_proposal_with_its_evidence() -> None:
    text = printed(solved())
    assert "Proposed: aaaa" in text and "+alpha" in text
    assert "an estimate that is not calibrated" in text
    assert "reproduces" in text and "✓" in text and "⏱" in text
    assert "1 broken in 1 file" in text and "kept, 1 file" in text
    assert "lost: breaks 1 of the repository's tests" in text
    assert "7 calls, 12,345 prompt tokens (100 cached), 678 completion tokens, 0.0123 USD" in text
    assert "search 1." in text and "#1" in text and "#2" in text


def test_how_much_the_candidates_differ() -> None:
    solution = solved()
    text = " ".join(printed(solution).split())
    assert "Diversity: 2 trees, 2 forms, 1 set of files, 2 behaviours; mean overlap of changed lines" in text
    assert "by strategy" not in text
    several = [one.model_copy(update={"strategy": f"s{one.index}"}) for one in solution.trajectories]
    told = Evidence(solution.candidates, {A.id: "f", B.id: "g"}, (), ())
    mixed = solution.model_copy(update={"diversity": diversity(several, told)})
    assert "s1 1 of 1, 1 form of its own; s2 1 of 1" in " ".join(printed(mixed).split())


def test_what_was_left_out_and_why() -> None:
    some = Crossed(run=3, of=4, tested=1, why="the time was over")
    shown = printed(solved().model_copy(update={"crossed": some}))
    assert "3 of 4 cells run, the repository's tests on 1 of " in shown and "the time was over" in shown
    assert "cells run" not in printed(solved())


def test_an_abstention_with_its_reason() -> None:
    text = printed(solved(proposed=False))
    assert "No patch is proposed: the best candidate is supported by nobody but its own author" in text
    assert "passes: no vote" in text and "Proposed" not in text


def test_without_any_candidate() -> None:
    nothing = Evidence((), {}, (), ())
    solution = conclude(issue(), Made((), nothing, ()), rank(nothing), None)
    text = printed(solution)
    assert "no trajectory brought a candidate" in text and "Candidates" not in text


HOSTILE = "\x1b[2J\x1b]0;title\x07 [bold]x[/bold] \u202e \r"


def test_what_comes_from_outside_steers_no_terminal() -> None:
    shown = candidate("a" * 40, [1], f"alpha {HOSTILE}")
    solution = solved(choice=Choice(A.id, f"chosen: {HOSTILE}"))
    solution = solution.model_copy(update={"patch": shown.patch})
    for terminal in (False, True):
        text = printed(solution, terminal=terminal)
        assert "\x1b[2J" not in text and "\x07" not in text and "\u202e" not in text
        assert "\x1b]0;" not in text
        assert "[bold]x[/bold]" in text


def test_markup_of_a_patch_is_shown_as_it_is() -> None:
    solution = solved().model_copy(update={"patch": B.patch})
    assert "beta [red]gamma[/red]" in printed(solution)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain\ttext\n", "plain\ttext\n"),
        ("naïve 数 😀", "naïve 数 😀"),
        ("a\x1b[2Jb\r\x7f\x9b", "a�[2Jb���"),
        ("a\u202eb\ud800", "a�b�"),
    ],
)
def test_printable(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_the_document_is_the_contract() -> None:
    found = document(solved())
    assert json.loads(json.dumps(found)) == found
    assert set(found) == {
        "issue", "outcome", "patch", "candidate", "confidence", "reason", "candidates", "checks", "verdicts",
        "ranking", "decisions", "trajectories", "usage", "stages", "seconds", "diversity", "crossed",
        "opinions", "scores", "reproduction", "words",
    }  # fmt: skip
    first = found["trajectories"][0]
    assert first["turns"] == 0 and first["check"] == K1.id and "patch" not in first
    assert document(solved(proposed=False))["patch"] is None


def test_what_judges_and_a_verifier_said_is_told() -> None:
    names = (A.id, B.id)
    said = tuple(Opinion(judge="m\x1b", finalists=names, chosen=one) for one in (A.id, None, A.id))
    scores = Scores(by="command x", values={A.id: 1.0}, fault="no usable score for 1")
    told = " ".join(printed(solved().model_copy(update={"opinions": said, "scores": scores})).split())
    assert f"Verdicts on finalists: 2 × {A.id[:8]}, 1 × none of them (by m\ufffd)" in told
    assert "Scores: of 1 of 2 candidates, by command x: no usable score for 1" in told
    assert "Verdicts on finalists" not in printed(solved()) and "Scores:" not in printed(solved())
