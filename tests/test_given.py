"""What a selection begins with: nothing in it says who made what."""

from swe_scale.given import STRATEGY, Given, GivenPatch
from swe_scale.judging import candidates_of
from swe_scale.ranking import Evidence
from swe_scale.records import Candidate, Check, Verdict

PATCH = "diff --git a/m.py b/m.py\n--- a/m.py\n+++ b/m.py\n@@ -1 +1 @@\n-old\n+{}\n"
A = GivenPatch(tree="a" * 40, patch=PATCH.format("a"), sources=3)
B = GivenPatch(tree="b" * 40, patch=PATCH.format("b"))


def test_no_record_of_it_has_a_field_for_a_name_a_label_or_the_answer() -> None:
    assert set(GivenPatch.model_fields) == {"tree", "patch", "sources"}
    assert set(Given.model_fields) == {"patches", "checks", "tests", "left_out"}
    assert set(Candidate.model_fields) == {"id", "patch", "authors", "shown"}
    assert set(Check.model_fields) == {"id", "script", "kind", "author", "language", "foreign"}
    assert set(Verdict.model_fields) == {
        "candidate", "check", "repeat", "outcome", "flags", "broken", "execution"
    }  # fmt: skip
    assert set(Evidence.__dataclass_fields__) == {
        "candidates", "forms", "checks", "verdicts", "opinions", "scores", "prior", "reach"
    }  # fmt: skip


def test_each_source_is_a_trajectory_that_ended_and_no_name_is_in_it() -> None:
    every = Given(patches=(A, B)).trajectories(3)
    assert [(one.index, one.tree) for one in every] == [(3, A.tree), (4, A.tree), (5, A.tree), (6, B.tree)]
    assert {(one.strategy, one.model, one.check, one.outcome) for one in every} == {
        (STRATEGY, "", None, "done")
    }
    found = candidates_of(every, "c" * 40)
    assert [(one.id, one.authors) for one in found] == [(A.tree, (3, 4, 5)), (B.tree, (6,))]


def test_it_is_told_how_many_are_judged_and_why_others_are_not() -> None:
    assert Given(patches=(A, B)).told == "4 patches are given, 4 to be judged, 2 of them different"
    left = Given(patches=(A, B), left_out={"changing nothing": 2, "that don't apply": 1})
    assert left.told.startswith("7 patches are given, 4 to be judged")
    assert left.told.endswith("; left out: 2 changing nothing, 1 that don't apply")
    assert Given(patches=(B,)).told == "1 patch is given, 1 to be judged, and nothing to be chosen among"
