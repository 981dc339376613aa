"""The figures of a run, beside the same counted by hand or over all subsets."""

import itertools
import json
import sqlite3
import tracemalloc
from pathlib import Path
from statistics import fmean

import pytest
from runs_kit import grade, issue, recorded_run, replace_solution

from swe_scale.analysis.facts import facts_of, short_repo
from swe_scale.analysis.runs import open_run
from swe_scale.analysis.subsets import chosen_of, evidence_of, sizes_of
from swe_scale.analysis.summarise import summarise
from swe_scale.analysis.summary import Summary
from swe_scale.errors import StoreError
from swe_scale.grades import FILE, Grade, lines_of
from swe_scale.ranking import find_rule
from swe_scale.records import Completion, Execution, Reached, Scores, Solution


def summary(folder: Path) -> Summary:
    with open_run(folder) as run:
        return summarise(run)


def solutions(folder: Path) -> list[Solution]:
    with open_run(folder) as run:
        return list(run.solutions())


def right(patch: str, way: str = "hardened") -> bool:
    """Say what the kit's grades do: variant 0 is resolved, 2 only to the letter."""
    return patch.endswith("+ 0\n") or (way == "official" and patch.endswith("+ 2\n"))


@pytest.mark.parametrize("way", ["official", "hardened"])
def test_scores_are_what_is_counted_by_hand(tmp_path: Path, way: str) -> None:
    folder = recorded_run(tmp_path / "r", issues=24, seed=3)
    found, made = getattr(summary(folder), way), solutions(folder)
    proposed = [one.patch for one in made if one.patch is not None]
    resolved = sum(right(one, way) for one in proposed)
    assert 0 < len(proposed) < len(made)
    assert (found.resolved.count, found.resolved.of) == (resolved, 24)
    assert (found.precision.count, found.precision.of) == (resolved, len(proposed))
    assert (found.ungraded, found.infra, found.known) == (0, 0, 23)
    finals = [[right(one.patch, way) for one in solution.trajectories] for solution in made]
    covered = [any(one) for one in finals]
    assert (found.coverage.count, found.coverage.of) == (sum(covered), 23)
    with_patch = [[one for one in solution.trajectories if one.patch] for solution in made]
    random = fmean(fmean(right(one.patch, way) for one in ones) if ones else 0.0 for ones in with_patch)
    assert found.random.value == pytest.approx(random)
    assert found.efficiency.value == pytest.approx(resolved / sum(covered))
    gap = (resolved / 23 - random) / (sum(covered) / 23 - random)
    assert found.gap.value == pytest.approx(gap)
    assert found.gap.low <= gap <= found.gap.high and found.random.low < random < found.random.high
    for size in range(1, 5):
        exact = fmean(
            fmean(any(drawn) for drawn in itertools.combinations(labels, size)) for labels in finals
        )
        assert found.pass_at[size - 1].figure.value == pytest.approx(exact)


def test_the_heat_map_is_coverage_over_all_subsets_of_cut_trajectories(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=8, trajectories=3, turns=3)
    found, made = summary(folder).hardened, solutions(folder)
    assert found is not None
    cells = {(one.turns, one.samples): one.coverage for one in found.heat}
    assert len(cells) == 9
    for (turns, samples), coverage in cells.items():
        labels = [[right(one.turns[turns - 1].patch) for one in each.trajectories] for each in made]
        exact = fmean(fmean(map(any, itertools.combinations(ones, samples))) for ones in labels)
        assert coverage == pytest.approx(exact)
    assert [one.figure.value for one in found.by_turns] == pytest.approx(
        [cells[turns, 3] for turns in (1, 2, 3)]
    )
    assert cells[3, 3] == found.coverage.value


def test_turns_without_grades_are_no_figures(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=8, trajectories=2, turns=3)
    wanted = {(one.issue, other.patch) for one in solutions(folder) for other in one.candidates}
    with open_run(folder) as run:
        kept = [one for key in wanted if (one := run.grade(*key)) is not None]
    (folder / FILE).write_text("".join(lines_of(kept)))
    notes = summary(folder).notes
    assert any("no grades, so little is said of turns" in one and one.endswith("--turns") for one in notes)
    found = summary(folder).hardened
    assert found is not None and found.known == 7
    told = {one.turns: one.coverage for one in found.heat if one.samples == 2}
    assert told[2] is None and told[3] == found.coverage.value
    assert 3 in [one.at for one in found.by_turns] and 2 not in [one.at for one in found.by_turns]


def changed(grades: list[Grade], ruling: str | None) -> str:
    """Return a file in which the second is left out, or ruled otherwise."""
    if ruling is None:
        return "".join(lines_of([grades[0], *grades[2:]]))
    odd = grades[1].official.model_copy(update={"ruling": ruling})
    return "".join(
        lines_of([grades[0], grades[1].model_copy(update={"official": odd, "hardened": odd}), *grades[2:]])
    )


@pytest.mark.parametrize("ruling", [None, "infra"])
def test_what_has_no_ruling_is_apart_and_said(tmp_path: Path, ruling: str | None) -> None:
    folder = recorded_run(tmp_path / "r", issues=6)
    first = next(one for one in solutions(folder) if one.patch is not None)
    with open_run(folder) as run:
        graded = run.grade(first.issue, first.patch)
        others = [one for one in run.grades.values() if one != graded]
    assert graded is not None
    (folder / FILE).write_text(changed([others[0], graded, *others[1:]], ruling))
    found = summary(folder)
    assert found.hardened is not None
    assert (found.hardened.ungraded, found.hardened.infra) == ((1, 0) if ruling is None else (0, 1))
    assert found.hardened.resolved.of == 5 and found.hardened.known == 4
    said = "have no grade and are left out" if ruling is None else "the machine failed"
    assert any(said in note for note in found.notes)
    assert any(note.endswith("--candidates") for note in found.notes)
    outcome = next(one for one in found.outcomes if one.issue == first.issue)
    assert outcome.hardened == (ruling or "") and outcome.covered is None


def test_without_grades_the_rest_is_there_and_the_command_is_named(tmp_path: Path) -> None:
    found = summary(recorded_run(tmp_path / "r", graded=False))
    assert found.official is None and found.hardened is None and found.calibration is None
    assert found.frontier == () and found.graded == 0 and found.costs.total.calls == 60
    assert any("nothing is graded" in note and "swe-scale grade" in note for note in found.notes)
    assert all(one.hardened is None for one in found.repositories)


def test_grades_of_other_issues_are_said_and_not_used(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=4)
    (folder / FILE).write_text("".join(lines_of([grade(90, 0), grade(91, 0)])))
    found = summary(folder)
    assert found.hardened is not None and found.hardened.resolved.count == 0
    assert found.hardened.ungraded == found.counts.proposed
    assert any("grades of 2 other issues are not used" in note for note in found.notes)


def test_what_became_of_issues_and_what_it_cost(tmp_path: Path) -> None:
    found = summary(recorded_run(tmp_path / "r", issues=24, seed=3))
    counts = found.counts
    assert (counts.issues, counts.finished, counts.failed, counts.unstarted) == (24, 23, 1, 0)
    assert counts.proposed + counts.abstained == 23
    assert [one.text for one in found.failures] == ["the endpoint failed: connection refused"]
    [reason] = found.abstentions
    assert len(reason.issues) == counts.abstained > 0
    assert [stage.name for stage in found.costs.stages] == ["trajectory"]
    total = found.costs.total
    assert (total.calls, total.prompt_tokens, total.cached_tokens) == (23 * 12, 276_000, 110_400)
    assert found.costs.usd_per_issue == pytest.approx(2.76 / 24)
    assert found.hardened is not None
    assert found.costs.usd_per_resolved == pytest.approx(2.76 / found.hardened.resolved.count)
    assert sum(one.issues for one in found.repositories) == 24
    assert {one.name for one in found.difficulties} == {"<15 min fix", "1-4 hours"}
    assert [point.samples for point in found.frontier] == [1, 2, 3, 4]
    assert [point.usd for point in found.frontier] == pytest.approx([0.03, 0.06, 0.09, 0.12])
    assert found.times.issue is not None and found.times.issue.median == 13.0
    assert found.times.stages["search"].total == pytest.approx(12.5 * 23)
    assert json.loads(found.model_dump_json())["hardened"]["resolved"]["of"] == 24
    assert Summary.model_validate_json(found.model_dump_json()) == found


def test_with_all_trajectories_the_recorded_ranking_counts(tmp_path: Path) -> None:
    for one in solutions(recorded_run(tmp_path / "r", issues=12)):
        chosen = chosen_of(one, (2, 4, 9), 5, find_rule("latent"))
        assert chosen[4] == chosen[9] == (one.candidate,)
        assert chosen == chosen_of(one, (2, 4, 9), 5, find_rule("latent")) and len(chosen[2]) == 5
        kept = evidence_of(one, {1, 3})
        assert {author for each in kept.candidates for author in each.authors} <= {1, 3}
        assert {each.author for each in kept.checks} == {1, 3}


def test_with_fewer_trajectories_scores_and_reach_count_as_they_did(tmp_path: Path) -> None:
    one = next(each for each in solutions(recorded_run(tmp_path / "r")) if len(each.candidates) > 1)
    names, check = [each.id for each in one.candidates], one.checks[0].id
    scores = Scores(by="command v", values={name: float(place) for place, name in enumerate(names)})
    missed = Reached(check=check, candidate=names[0], reach="misses")
    kept = evidence_of(one.model_copy(update={"scores": scores, "reached": (missed,)}), {1, 3})
    assert kept.scores == {each.id: scores.values[each.id] for each in kept.candidates}
    assert kept.reach == {(check, names[0]): "misses"}


def test_sizes_double_where_there_are_many_issues() -> None:
    assert sizes_of(5, 100) == (1, 2, 3, 4, 5)
    assert sizes_of(10, 500) == (1, 2, 4, 8, 10) and sizes_of(8, 500) == (1, 2, 4, 8)
    assert sizes_of(1, 500) == (1,) and sizes_of(0, 500) == ()


def test_a_repository_is_named_by_its_last_parts() -> None:
    assert short_repo("https://github.com/acme/parser.git") == "acme/parser"
    assert short_repo("/data/acme__parser/") == "data/acme__parser"


def test_one_issue_is_in_memory_at_a_time(tmp_path: Path) -> None:
    def peak(issues: int) -> int:
        folder = recorded_run(tmp_path / str(issues), issues, trajectories=6, turns=4)
        with open_run(folder) as run:
            tracemalloc.start()
            try:
                assert len(list(facts_of(run))) == issues
                return tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()

    peak(10)  # What is kept whatever the number of issues, such as combinations of assumptions, is there.
    # A solution of these takes some hundred kB.
    assert (peak(40) - peak(10)) / 30 < 20_000


def test_damage_is_named(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r")
    with sqlite3.connect(folder / "run.sqlite") as connection:
        connection.execute("UPDATE steps SET value = '{' WHERE path LIKE '%/solution'")
    with pytest.raises(StoreError, match=r"run\.sqlite can't be read"):
        summary(folder)
    assert issue(0).id


def test_signs_of_a_leaked_answer_are_found(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=3)
    assert summary(folder).findings == ()
    one = solutions(folder)[0]
    looked = (
        one.trajectories[0]
        .turns[0]
        .model_copy(
            update={
                "action": "bash",
                "completion": Completion(text=f"```bash\ngit show {'ab12' * 10}\n```\n"),
                "edited": Execution(exit_code=0, output=f"commit {'ab12' * 10}\n\n    Fix\n"),
            }
        )
    )
    first = one.trajectories[0].model_copy(update={"strategy": "agent", "turns": (looked,)})
    replace_solution(folder, one.model_copy(update={"trajectories": (first, *one.trajectories[1:])}))
    found = summary(folder)
    assert [(sign.issue, sign.trajectory, sign.turn, sign.kind) for sign in found.findings] == [
        (one.issue, 1, 1, "commit")
    ]
    assert [sign.severity for sign in found.findings] == ["certain"]
