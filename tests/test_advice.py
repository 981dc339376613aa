"""Advice says what is known, with its doubt, and no more: curves, best numbers, levers, pools."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from statistics import fmean

import numpy as np
import pytest
import runs_kit
from runs_kit import COMMIT, config, grade, issue, recorded_run, replace_solution, tree

from swe_scale.analysis.advice import Part, advise
from swe_scale.analysis.advice.advise import figures_of
from swe_scale.analysis.advice.curves import Table
from swe_scale.analysis.advice.document import Figures, Lever
from swe_scale.analysis.advice.pooling import Tried, configuration
from swe_scale.analysis.advice.tried import Attempt, Cells, half_of, turns_of
from swe_scale.analysis.advice.verdicts import best_of
from swe_scale.analysis.recording import Recording
from swe_scale.analysis.replay import Score
from swe_scale.analysis.runs import open_run
from swe_scale.config import OpenAIEndpoint, RunConfig
from swe_scale.errors import UsageError
from swe_scale.grades import FILE, Judged, lines_of
from swe_scale.ranking import Prior
from swe_scale.records import Decision, Solution, Usage
from swe_scale.scaling import accepted
from swe_scale.statistics import pass_at_k

SAMPLES = 8


def score(resolved: float, coverage: float, samples: int = SAMPLES, abstained: float = 0.0) -> Score:
    """Return a score; each sample costs a cent and a thousand tokens."""
    return Score(
        resolved=resolved, official=resolved, leader=resolved, coverage=coverage, chance=coverage,
        abstained=abstained, trajectories=float(samples), tokens=1000.0 * samples, usd=0.01 * samples,
    )  # fmt: skip


Chosen = Callable[[int, int], float]
"""From the right samples of eight, and how many are drawn, to the share that is resolved."""


def tried(right: int, chosen: Chosen, place: int = 0) -> Tried:
    """Return an issue with eight samples, of which some are right."""
    scores = {
        size: score(chosen(right, size), pass_at_k(SAMPLES, right, size), size)
        for size in range(1, SAMPLES + 1)
    }
    attempt = Attempt(
        samples=SAMPLES, late=0, right=right, turned={}, proposed=None, scores=scores, by_turns={},
        lacking=0.0, halved=scores[SAMPLES], cells=Cells(1, 2, 3, 4), stopped=SAMPLES, longest=2, uncut=0,
        words=(f"words {place}",),
    )  # fmt: skip
    return Tried("made", SAMPLES, attempt, {"trajectory": Usage(prompt_tokens=8000, usd=0.08)})


def table_of(counts: Sequence[int], chosen: Chosen) -> Table:
    return Table([[tried(right, chosen, place)] for place, right in enumerate(counts)])


def covered(right: int, size: int) -> float:
    """Choose without fault."""
    return pass_at_k(SAMPLES, right, size)


def counts_of(issues: int, hopeless: float = 0.27, seed: int = 0) -> list[int]:
    """Return how many of eight samples came out right, with some issues out of reach."""
    chance = np.random.default_rng(seed)
    rates = np.where(chance.random(issues) < hopeless, 0.0, chance.beta(0.9, 0.52, issues))
    return [int(one) for one in chance.binomial(SAMPLES, rates)]


def until_passed(right: int, size: int) -> float:
    return float(accepted(np.array([right / SAMPLES]), 0.3, size).right)


@pytest.mark.parametrize("costs", [0.0, 0.2, 1.0, 3.0])
def test_the_best_number_of_samples_is_that_of_the_closed_form(costs: float) -> None:
    counts = counts_of(150)
    rates = np.array(counts) / SAMPLES
    sizes = range(1, SAMPLES + 1)
    found = [accepted(rates, 0.3, size) for size in sizes]
    worth = [float(one.right - costs * one.wrong) for one in found]

    def issue_of(right: int) -> Tried:
        made = tried(right, until_passed)
        scores = {
            size: replace(one, abstained=float((1 - right / SAMPLES) * 0.7) ** size)
            for size, one in made.attempt.scores.items()
        }
        return replace(made, attempt=replace(made.attempt, scores=scores))

    best = best_of(Table([[issue_of(right)] for right in counts]), costs)
    assert best is not None and best.samples == max(sizes, key=lambda size: worth[size - 1])
    assert best.samples in best.level and best.worth == "utility"
    if costs == 3.0:
        assert best.samples == 1 and "More do harm: with 8 it is -" in best.words


def test_choosing_without_fault_resolves_what_is_covered() -> None:
    found = figures_of(table_of(counts_of(120), covered), crossed=False, wrong_costs=None)
    for one in found.by_samples:
        assert one.resolved is not None and one.efficiency is not None
        assert one.resolved.value == pytest.approx(one.coverage.value)
        assert one.efficiency.value == pytest.approx(1.0)
    assert lever(found, "selection").gain.value == pytest.approx(0.0)
    assert found.paid.endswith("they paid.")
    for look in found.ahead:
        kept = next(one for one in look.scenarios if one.name == "kept")
        assert kept.resolved.value == pytest.approx(look.zero_inflated.value, abs=0.02)


def test_a_rule_that_sees_nothing_has_its_gap_told_and_no_more_samples_advised() -> None:
    found = figures_of(
        table_of(counts_of(300), lambda right, size: right / SAMPLES), crossed=False, wrong_costs=1.0
    )
    selection, samples = lever(found, "selection"), lever(found, "samples")
    gap = found.by_samples[-1].coverage.value - found.by_samples[0].coverage.value
    assert selection.kind == "at most" and selection.gain.value == pytest.approx(gap)
    assert found.levers[0] == selection and samples.gain.low <= 0.0
    assert "look there first" in found.verdict
    assert found.paid.endswith("whether they paid can't be told.")
    kept, trend, verifier = (one.resolved.value for one in found.ahead[0].scenarios)
    now = found.by_samples[0].coverage.value
    assert verifier == pytest.approx(now, abs=0.01), "as one that takes the first"
    assert trend < kept
    assert found.best is not None and found.best.level == tuple(range(1, SAMPLES + 1))


def lever(found: Figures, name: str) -> Lever:
    return next(one for one in found.levers if one.name == name)


def with_turns(right: int, before: int, stopped: int) -> Tried:
    """Return an issue in which fewer samples were right after the first of two turns."""
    made = tried(right, covered)
    cuts = {1: (before, 4), 2: (right, SAMPLES)}
    by_turns = {
        turns: score(float(count > 0), float(count > 0), cost) for turns, (count, cost) in cuts.items()
    }
    return replace(
        made,
        attempt=replace(
            made.attempt, turned={1: before, 2: right}, by_turns=by_turns, stopped=stopped, longest=2
        ),
    )


def test_turns_that_pay_more_than_samples_are_told() -> None:
    # The second turn makes the first right sample on every issue; all eight samples are right then.
    issues = [[with_turns(SAMPLES, 0, stopped=SAMPLES)] for _ in range(40)]
    found = figures_of(Table(issues), crossed=True, wrong_costs=None)
    turns = lever(found, "turns")
    assert turns.gain.value == 1.0 and turns.cost is not None and turns.cost.usd == pytest.approx(0.04)
    assert turns.rate.value == pytest.approx(0.25), "a turn of all costs as much as four samples"
    assert "100 % of them ran out of replies" in turns.words
    assert found.levers[0] == turns and found.verdict.startswith(
        "The next unit of compute goes to one more turn of each sample."
    )
    assert [one.resolved.value for one in found.by_turns if one.resolved] == [0.0, 1.0]
    assert found.unfit == "every sample is right: there is nothing left to cover" and not found.ahead


def test_nobody_who_ended_goes_on() -> None:
    issues = [[with_turns(4, 0, stopped=0)] for _ in range(12)]
    turns = lever(figures_of(Table(issues), crossed=True, wrong_costs=None), "turns")
    assert turns.rate.value == turns.rate.high == 0.0 and "No sample ran out of replies" in turns.words


def test_turns_that_were_not_crossed_show_coverage_alone() -> None:
    issues = [[with_turns(4, 2, stopped=3)] for _ in range(12)]
    found = figures_of(Table(issues), crossed=False, wrong_costs=None)
    assert all(one.resolved is None and one.coverage is not None for one in found.by_turns)
    assert "covered, which is more than is resolved" in lever(found, "turns").words


def test_what_the_second_half_of_the_checks_brought() -> None:
    def issue_of(place: int) -> list[Tried]:
        made = tried(4, covered, place)
        halved = score(float(place % 2), 1.0)
        return [replace(made, attempt=replace(made.attempt, halved=halved))]

    found = figures_of(Table([issue_of(place) for place in range(20)]), crossed=False, wrong_costs=None)
    checks = lever(found, "checks")
    assert checks.gain.value == pytest.approx(0.5) and checks.gain.low > 0.2 and checks.cost is None
    assert found.checks.pass_wrong is not None and found.checks.pass_wrong.value == 0.5
    assert found.checks.pass_right is not None and found.checks.pass_right.value == 0.75


def test_too_few_issues_are_weighed_against_nothing() -> None:
    found = figures_of(table_of([3, 0, 8, 5], covered), crossed=False, wrong_costs=None)
    assert not found.levers and found.best is None
    assert found.verdict == "With 4 graded issues nothing can be weighed against anything."
    alone = figures_of(table_of([3], covered), crossed=False, wrong_costs=2.0)
    assert (alone.by_samples[0].coverage.low, alone.by_samples[0].coverage.high) == (0.0, 1.0)


def test_ahead_both_laws_and_a_range_with_the_truth_inside() -> None:
    found = figures_of(table_of(counts_of(500, seed=3), covered), crossed=False, wrong_costs=None)
    assert [one.samples for one in found.ahead] == [16, 32, 80]
    far = found.ahead[-1]
    steps = np.arange(80)
    truth = 0.73 * (1 - np.prod((0.52 + steps) / (1.42 + steps)))
    assert far.zero_inflated.low < truth < far.zero_inflated.high < 0.9
    assert far.power_law.low > truth, "it promises too much"
    assert far.cost.usd == pytest.approx(0.8)
    first, second = (one.held_out for one in found.laws)
    assert first is not None and second is not None and second.low > 0 > first.low
    assert "Trust the zero-inflated law." in found.trust


def test_turns_beyond_a_few_double() -> None:
    assert turns_of(3) == (1, 2, 3) and turns_of(40) == (1, 2, 4, 8, 16, 32, 40) and turns_of(0) == ()


# Real run folders.


def part_of(*folders: Path, wrong_costs: float | None = None) -> Part:
    [found] = advise(folders, wrong_costs).parts
    return found


def solutions(folder: Path) -> list[Solution]:
    with open_run(folder) as run:
        return list(run.solutions())


def test_a_run_is_as_it_is_recorded(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=26, trajectories=4, turns=3)
    found = part_of(folder)
    assert (found.runs, found.issues, found.finished, found.samples) == (("r",), 25, 25, 4)
    assert found.strategies == {"revise": 4} and found.models == ("scripted",) and found.rule == "latent"
    assert found.figures is not None and found.guesses is None
    made = solutions(folder)
    for one in found.figures.by_samples:
        drawn = [
            fmean(any(part) for part in combinations(rights(each, number), one.samples))
            for number, each in enumerate(made)
        ]
        assert one.coverage.value == pytest.approx(fmean(drawn))
        assert one.resolved is not None and one.resolved.value <= one.coverage.value + 1e-9
        assert one.cost.usd == pytest.approx(0.03 * one.samples)
    last = found.figures.by_samples[-1]
    assert last.resolved is not None and last.wrong is not None
    assert last.resolved.value == pytest.approx(last.coverage.value), "the kit's checks are perfect"
    assert found.figures.checks.pass_wrong is not None and found.figures.checks.pass_wrong.value == 0.0
    assert [one.turns for one in found.figures.by_turns] == [1, 2, 3]
    assert found.figures.by_turns[0].coverage is not None and found.figures.by_turns[0].coverage.value == 0.0
    assert found.figures.by_turns[-1].coverage == last.coverage
    assert len(found.figures.laws) == 2 and found.figures.laws[0].held_out is None
    assert any("--record-turns" in one for one in found.notes)
    assert "1 issue without a solution left out." in found.notes


def rights(one: Solution, number: int) -> list[bool]:
    return [each.tree == tree(number, 0) for each in one.trajectories]


def test_the_run_s_own_rule_and_bound_are_replayed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sure = config().model_copy(update={"rule": "latent", "min_confidence": 1.0, "record_turns": True})
    monkeypatch.setattr(runs_kit, "config", lambda *_: sure)
    found = part_of(recorded_run(tmp_path / "r", issues=7, trajectories=3, turns=2), wrong_costs=1.0)
    assert found.rule == "latent" and found.figures is not None
    assert all(one.resolved and one.resolved.value == 0.0 for one in found.figures.by_samples)
    assert all(one.utility and one.utility.value == 0.0 for one in found.figures.by_samples)
    assert all(one.resolved is not None for one in found.figures.by_turns)


def test_runs_of_one_configuration_are_pooled_by_issue(tmp_path: Path) -> None:
    first = recorded_run(tmp_path / "one", issues=9, trajectories=3, turns=4)
    second = recorded_run(tmp_path / "two", issues=7, trajectories=2, turns=4, seed=1)
    found = advise([first, second])
    [part] = found.parts
    assert found.notes == ("one and two have the same configuration: pooled by issue.",)
    assert (part.runs, part.strategies, part.finished, part.samples) == (("one", "two"), {"revise": 5}, 8, 5)
    assert part.figures is not None
    pairs = dict(enumerate(solutions(second)))
    single = [
        fmean([*rights(one, number), *(rights(pairs[number], number) if number in pairs else [])])
        for number, one in enumerate(solutions(first))
    ]
    assert part.figures.by_samples[0].coverage.value == pytest.approx(fmean(single))
    told = [one.resolved is not None for one in part.figures.by_samples]
    assert told == [True, True, True, False, False], "no run chose from more than three"


def test_a_copy_counts_once(tmp_path: Path) -> None:
    first = recorded_run(tmp_path / "one", issues=7, trajectories=3, turns=2)
    copy = recorded_run(tmp_path / "copy", issues=7, trajectories=3, turns=2)
    both, alone = part_of(first, copy), part_of(first)
    assert both.figures == alone.figures
    assert any(one.startswith("6 issues of one run stand in another") for one in both.notes)
    (copy / FILE).unlink()
    assert part_of(copy, first).figures == alone.figures, "a graded one counts, in any order"


def test_other_configurations_stand_beside_and_are_never_mixed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = recorded_run(tmp_path / "one", issues=7, trajectories=3, turns=2)
    settings = config(3, 2)
    other = OpenAIEndpoint(base_url="http://localhost:1/v1", model="larger")
    changed = settings.model_copy(update={"models": {"trajectory": (other,)}, "rule": "majority"})
    monkeypatch.setattr(runs_kit, "config", lambda *_: changed)
    second = recorded_run(tmp_path / "two", issues=7, trajectories=3, turns=2, seed=1)
    found = advise([first, second])
    assert [one.runs for one in found.parts] == [("one",), ("two",)]
    assert [one.models for one in found.parts] == [("scripted",), ("larger",)]
    [said] = found.notes
    assert said.startswith("one and two differ in models and rule: shown one beside the other")
    assert found.parts[0].figures == part_of(first).figures


def test_seeds_and_numbers_make_no_other_configuration() -> None:
    def told(**changed: object) -> object:
        return configuration(RunConfig.model_validate(config().model_dump() | changed))

    assert told() == told(strategies={"revise": 9})
    assert told(sampling={"trajectory": {"seed": 4}}) == told(sampling={"trajectory": {"seed": 5}})
    assert told(strategies={"revise": 2, "agent": 4}) == told(strategies={"agent": 2, "revise": 1})
    for changed in ({"strategies": {"agent": 4}}, {"turns": 9}, {"rule": "votes"}, {"policy": "adaptive"}):
        assert told(**changed) != told()
    assert told(sampling={"trajectory": {"temperature": (0.1,)}}) != told(
        sampling={"trajectory": {"seed": 1}}
    )


def test_without_grades_there_are_estimates_and_how_to_know(tmp_path: Path) -> None:
    found = part_of(recorded_run(tmp_path / "r", issues=7, trajectories=3, turns=2, graded=False))
    assert found.figures is None and found.issues == 0 and found.guesses is not None
    assert (found.guesses.rule, found.guesses.issues) == ("latent", 6)
    assert [one.samples for one in found.guesses.points] == [1, 2, 3]
    alone = found.guesses.points[0]
    assert alone.agreement == 1.0 and alone.expected == 0.0, "nobody else speaks for a lone sample"
    assert all(0 <= one.expected <= 1 and 0 <= one.probable <= 1 for one in found.guesses.points)
    assert any(one.startswith("Nothing is graded") and "swe-scale grade" in one for one in found.notes)


def test_grades_of_some_issues_and_of_others_nobody_asked(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=9, trajectories=3, turns=2)
    some = [grade(number, variant) for number in (0, 1, 2) for variant in (-1, 0, 1, 2)]
    foreign = some[1].model_copy(update={"instance": "nobody__nothing-1"})
    (folder / FILE).write_text("".join(lines_of([*some, foreign])), encoding="utf-8")
    found = part_of(folder)
    assert (found.issues, found.finished) == (3, 8)
    assert any(one.startswith("5 issues left out: a candidate has no grade") for one in found.notes)
    assert any("Grades of 1 issue that a run doesn't have" in one for one in found.notes)
    (folder / FILE).write_text("".join(lines_of([foreign])), encoding="utf-8")
    none = part_of(folder)
    assert none.figures is None and none.guesses is not None
    assert any(one.startswith("No issue has all of its candidates graded") for one in none.notes)


def test_official_verdicts_count_where_nobody_asked_for_others(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=7, trajectories=3, turns=2)
    unasked = Judged(ruling="infra", reason="only the official verdict was asked for")
    official = [
        grade(number, variant).model_copy(update={"hardened": unasked})
        for number in range(7)
        for variant in (-1, 0, 1, 2)
    ]
    (folder / FILE).write_text("".join(lines_of(official)), encoding="utf-8")
    found = part_of(folder)
    assert found.way == "official" and found.issues == 6
    assert any("official verdicts" in one for one in found.notes)


def test_those_that_learnt_are_no_samples_and_nothing_but_those_says_nothing(tmp_path: Path) -> None:
    folder = recorded_run(tmp_path / "r", issues=2, trajectories=3, turns=2)
    [one] = solutions(folder)
    decided = (Decision(number=1, action="refine", reason="", trajectory=3),)
    replace_solution(folder, one.model_copy(update={"decisions": decided}))
    found = part_of(folder)
    assert found.samples == 2 and any("1 trajectory learnt from others" in note for note in found.notes)
    replace_solution(folder, one.model_copy(update={"trajectories": one.trajectories[:2]}))
    fewer = part_of(folder)
    assert any("On 1 issue fewer samples were made than asked for (3)" in note for note in fewer.notes)
    replace_solution(folder, one.model_copy(update={"trajectories": ()}))
    with pytest.raises(UsageError, match="has no trajectories that began with the issue alone"):
        advise([folder])


def test_an_issue_of_the_same_name_at_another_commit_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = recorded_run(tmp_path / "one", issues=3, trajectories=2, turns=2)
    moved = {number: issue(number).model_copy(update={"base_commit": "2" * 40}) for number in range(3)}
    monkeypatch.setattr(runs_kit, "issue", moved.__getitem__)
    second = recorded_run(tmp_path / "two", issues=3, trajectories=2, turns=2, seed=4)
    assert COMMIT != "2" * 40
    found = part_of(first, second)
    assert (found.finished, found.samples) == (4, 2)


def test_half_of_the_checks_is_half_and_keeps_the_repository_s_own(tmp_path: Path) -> None:
    [one] = solutions(recorded_run(tmp_path / "r", issues=2, trajectories=4, turns=2))
    own = one.checks[0].model_copy(update={"kind": "regression", "id": "own", "author": None})
    recording = Recording(one.model_copy(update={"checks": (*one.checks, own)}))
    whole = recording.evidence([recording.cut(each, None) for each in one.trajectories])
    half = half_of(whole)
    assert len(whole.checks) == 5 and len(half.checks) == 3 and "own" in {each.id for each in half.checks}
    assert {each.check for each in half.verdicts} < {each.check for each in whole.verdicts}
    assert half.candidates == whole.candidates and half_of(whole) == half
    scored = replace(whole, scores={whole.candidates[0].id: 1.0}, prior=Prior(hopeless=0.9))
    assert half_of(scored) == replace(half, scores=scored.scores, prior=scored.prior)
