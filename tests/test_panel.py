"""A panel asks a verifier and judges, weighs what they say, and stops as soon as that changes nothing."""

import json
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import anyio
import pytest
from solving_kit import Desk, Spoken, check_by, open_desk, verdict

from swe_scale.config import ScoreCommand, Selection
from swe_scale.panel import Judge, Panel
from swe_scale.policy import Move
from swe_scale.ranking import Evidence, find_rule
from swe_scale.reach import Lines, Reaching
from swe_scale.records import BASE, Candidate, File, Sampling, Verdict

pytestmark = pytest.mark.anyio
BODIES = ("    return sum(values) / (len(values) or 1)\n", "    return 0\n")
FORMER = (check_by(3), check_by(4))
"""Of others: each says that one candidate is right, and the other not."""
TELLS = """<check>
from stats import mean
try:
    right = mean([]) == 0 and mean([4]) == 4
except ZeroDivisionError:
    right = False
exit(0 if right else 42)
</check>
"""
SAME = "<check>\nexit(42)\n</check>\n"
NONE = '<choose candidate="none"/>\n'


@asynccontextmanager
async def opened(folder: Path, rule: str = "latent", least: float = 0.0) -> AsyncIterator[tuple[Desk, Panel]]:
    """Open a panel on two candidates of equal standing."""
    async with open_desk(folder, Spoken({}), turns=3) as desk:
        made = []
        for index, body in enumerate(BODIES, start=1):
            file = File(mode="100644", data=f"def mean(values):\n{body}".encode())
            tree = await desk.trees.write(desk.trees.base, {"stats.py": file})
            made.append(Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(index,)))
        evidence = Evidence(tuple(made), {one.id: one.id for one in made}, FORMER, tuple(former(made)))
        yield desk, Panel(desk.setting, find_rule(rule), evidence, least)


def former(made: Sequence[Candidate]) -> Iterator[Verdict]:
    for check, one, other in zip(FORMER, made, made[::-1], strict=True):
        yield verdict(BASE, check, "fail")
        yield verdict(one.id, check, "pass")
        yield verdict(other.id, check, "fail")


def names(panel: Panel) -> tuple[str, str]:
    """Return the ids of the right one and the wrong one."""
    right, wrong = (one.id for one in panel.evidence.candidates)
    return right, wrong


def label(panel: Panel, name: str, number: int = 0) -> str:
    ids = sorted(names(panel))
    return "AB"[(ids.index(name) - number) % 2]


def choose(panel: Panel, name: str, number: int = 0) -> str:
    return f'So.\n<choose candidate="{label(panel, name, number)}"/>\n'


async def judged(desk: Desk, panel: Panel, count: int, way: Selection = "checks") -> list[str]:
    moves: list[str] = []

    async def decide(move: Move) -> None:
        moves.append(f"{move.action}: {move.reason}")

    judges = [Judge(desk.model, Sampling(seed=number)) for number in range(count)]
    await panel.judge(judges, way, decide)
    return moves


def says(desk: Desk, **replies: str) -> None:
    """Let the model say a text in the first turn of each conversation, or in several separated by `|`."""
    found = {}
    for place, text in replies.items():
        path = "" if place == "first" else f"/{place.removeprefix('n')}"
        for number, part in enumerate(text.split("|"), start=1):
            found[f"selection{path}/turn/{number:02}"] = part
    desk.model.replies = found


async def test_a_judge_is_shown_what_most_runs_of_a_cell_say(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        once = panel.evidence.verdicts
        odd = [
            one.model_copy(update={"outcome": "pass" if one.outcome == "fail" else "fail"}) for one in once
        ]
        runs = [
            one.model_copy(update={"repeat": repeat})
            for first, other in zip(once, odd, strict=True)
            for repeat, one in enumerate((first if first.candidate == BASE else other, first, first))
        ]
        panel.evidence = replace(panel.evidence, verdicts=tuple(runs))
        right, wrong = names(panel)
        says(desk, first=choose(panel, right))
        await judged(desk, panel, 1)
    [request] = desk.model.requests
    for one, other in ((right, wrong), (wrong, right)):
        told = {label(panel, one): "pass", label(panel, other): "fail"}
        assert f"- A: {told['A']}\n- B: {told['B']}" in request.messages[1].content


async def test_a_verdict_is_weighed_and_recorded(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        leader = panel.ranking.ranked[0]
        other = next(one for one in names(panel) if one != leader.candidate)
        says(desk, first=choose(panel, other))
        moves = await judged(desk, panel, 1)
    assert panel.ranking.ranked[0].candidate == other == (panel.choice and panel.choice.candidate)
    assert panel.ranking.ranked[0].posterior > leader.posterior
    [opinion] = panel.evidence.opinions
    assert (opinion.judge, opinion.chosen, opinion.reason) == ("scripted", other, "So.")
    assert opinion.finalists == tuple(sorted(names(panel))) and opinion.checks == ()
    assert moves == [
        "select: 2 finalists are level",
        f"stop: the selection, where it was {label(panel, other)}, chose it: So.",
    ]


async def test_a_judge_s_own_checks_are_traced(tmp_path: Path) -> None:
    for rule in ("latent", "votes"):
        (tmp_path / rule).mkdir()
        async with opened(tmp_path / rule, rule) as (desk, panel):
            panel.reaching = Reaching(Lines(desk.setting.cells))
            right, wrong = names(panel)
            says(desk, first=f"{TELLS}|{choose(panel, right)}")
            await judged(desk, panel, 1)
        assert panel.choice is not None and panel.choice.candidate == right
        (check,) = {one for one, _ in panel.evidence.reach}
        assert panel.evidence.reach == {(check, right): "executes", (check, wrong): "executes"}


async def test_each_verdict_begins_afresh_in_another_order_with_another_seed(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        right, wrong = names(panel)
        says(desk, first=choose(panel, right), n02=choose(panel, wrong, 1), n03=choose(panel, right, 2))
        await judged(desk, panel, 3)
        shown = [request.messages[1].content for request in desk.model.requests]
        seeds = [request.sampling.seed for request in desk.model.requests]
    assert [one.chosen for one in panel.evidence.opinions] == [right, wrong, right]
    assert [one.finalists for one in panel.evidence.opinions] == [
        (order := tuple(sorted(names(panel)))), order[::-1], order,
    ]  # fmt: skip
    assert shown[0] == shown[2] != shown[1] and seeds == [0, 1, 2]
    assert panel.ranking.ranked[0].candidate == right
    assert "chosen in 2 of 3 verdicts of judges" in panel.ranking.ranked[0].reasons


async def test_no_further_verdict_is_asked_for_that_changes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        right, _ = names(panel)
        says(desk, first=choose(panel, right), n02=choose(panel, right, 1), n03=choose(panel, right, 2))
        await judged(desk, panel, 3)
        assert len(desk.model.requests) == len(panel.evidence.opinions) == 2, "the third can't turn it"
        sure = panel.ranking.ranked[0].posterior
    (tmp_path / "b").mkdir()
    async with opened(tmp_path / "b", least=sure + 0.01) as (desk, panel):
        right, _ = names(panel)
        says(desk, first=choose(panel, right), n02=choose(panel, right, 1), n03=choose(panel, right, 2))
        await judged(desk, panel, 3)
        assert len(desk.model.requests) == 3, "but whether it is sure enough, it can"


async def test_a_verifier_for_which_there_is_no_time_is_on_record(tmp_path: Path) -> None:
    async with opened(tmp_path) as (_, panel):
        command = (sys.executable, "-I", "-c", "import time; time.sleep(600)")
        with anyio.CancelScope(deadline=anyio.current_time() + 0.2) as scope:
            await panel.score(ScoreCommand(command=command))
    assert scope.cancelled_caught and panel.scores is not None
    assert panel.scores.fault == "the time was over before it answered" and not panel.scores.values


async def test_a_check_that_a_judge_writes_again_counts_once(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        right, _ = names(panel)
        says(desk, first=f"{TELLS}|{TELLS}|{choose(panel, right)}")
        await judged(desk, panel, 1)
    cells = [(one.candidate, one.check, one.repeat) for one in panel.evidence.verdicts]
    assert len(cells) == len(set(cells)) and len(panel.evidence.checks) == len(FORMER) + 1


async def test_what_tells_finalists_apart_is_evidence_and_what_does_not_is_only_recorded(
    tmp_path: Path,
) -> None:
    async with opened(tmp_path) as (desk, panel):
        right, wrong = names(panel)
        says(desk, first=f"{TELLS}{SAME}|{choose(panel, right)}")
        await judged(desk, panel, 1)
        assert panel.evidence.checks[:2] == FORMER
        [told] = panel.evidence.checks[2:]
        assert told.kind == "distinguishing" and told.author is None and "ZeroDivision" in told.script
        cells = [one for one in panel.evidence.verdicts if one.check == told.id]
        said = {(one.candidate, one.repeat): one.outcome for one in cells}
        assert said == {(BASE, 0): "fail", (BASE, 1): "fail", (right, 0): "pass", (wrong, 0): "fail"}
        assert panel.choice is not None and [one.script for one in panel.choice.checks] == ["exit(42)\n"]
        assert {one.check for one in panel.choice.verdicts} == {panel.choice.checks[0].id}
        assert panel.ranking.ranked[0].candidate == right
        [opinion] = panel.evidence.opinions
        assert opinion.checks == (told.id, panel.choice.checks[0].id)


async def test_no_judge_is_told_what_another_wrote(tmp_path: Path) -> None:
    async with opened(tmp_path, rule="votes") as (desk, panel):
        right, _ = names(panel)
        says(desk, first=f"{TELLS}|{choose(panel, right)}", n02=choose(panel, right, 1))
        await judged(desk, panel, 2)
        second = next(one for one in desk.model.requests if "/02/" in one.step)
    assert "ZeroDivisionError:" not in second.messages[1].content
    assert panel.choice is not None and "ZeroDivisionError:" in panel.choice.checks[0].script


async def test_none_of_them_lowers_the_probability(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        before = panel.ranking.ranked[0]
        says(desk, first=NONE)
        await judged(desk, panel, 1)
    assert panel.evidence.opinions[0].chosen is None
    assert panel.ranking.ranked[0].posterior < before.posterior - 0.1
    assert panel.choice is not None and panel.choice.candidate == panel.ranking.ranked[0].candidate


async def test_where_the_rule_weighs_nothing_the_majority_decides(tmp_path: Path) -> None:
    async with opened(tmp_path, rule="votes") as (desk, panel):
        leader = panel.ranking.ranked[0]
        other = next(one for one in names(panel) if one != leader.candidate)
        says(desk, first=f"{TELLS}|{choose(panel, other)}", n02=NONE, n03=choose(panel, other, 2))
        await judged(desk, panel, 3)
        assert panel.ranking.ranked[0] == leader and panel.evidence.checks == FORMER
        assert panel.choice is not None and panel.choice.candidate == other
        assert panel.choice.reason.endswith("(2 of 3 judges)") and len(panel.choice.checks) == 1
        assert [one.chosen for one in panel.evidence.opinions] == [other, None, other]
    (tmp_path / "b").mkdir()
    async with opened(tmp_path / "b", rule="votes") as (desk, panel):
        says(desk, first=NONE, n02=NONE)
        await judged(desk, panel, 3)
        assert panel.choice is not None and panel.choice.candidate == panel.ranking.ranked[0].candidate
        assert "finds none of the finalists right, so the ranking stands" in panel.choice.reason
        assert len(desk.model.requests) == 2, "the third can't change it"


async def test_a_list_is_looked_at_once_and_nothing_is_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        right, _ = names(panel)
        says(desk, first=f"{TELLS}|{choose(panel, right)}", n02=choose(panel, right, 1))
        made = desk.steps.made
        await judged(desk, panel, 2, "list")
        first, again, *_ = desk.model.requests
        assert desk.steps.made == made + len(desk.model.requests), "replies alone"
    shown = first.messages[1].content
    row = ["pass", "fail"] if label(panel, right) == "A" else ["fail", "pass"]
    assert f"| check 1 | fail | {' | '.join(row)} |" in shown and FORMER[0].script not in shown
    assert f"| check 2 | fail | {' | '.join(row[::-1])} |" in shown
    assert "<check>" not in shown and '<choose candidate="none"/>' in shown
    assert 'expected <choose candidate="…"/>' in again.messages[-1].content
    assert panel.evidence.opinions[0].chosen == right


@pytest.mark.parametrize(("way", "count"), [("none", 1), ("checks", 0)])
async def test_nobody_may_be_asked(tmp_path: Path, way: Selection, count: int) -> None:
    async with opened(tmp_path) as (desk, panel):
        moves = await judged(desk, panel, count, way)
        assert desk.model.requests == [] and panel.choice is None
    assert moves == ["stop: 2 finalists are level, and no model is to tell them apart"]


async def test_an_endpoint_that_fails_leaves_what_is_known(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        right, _ = names(panel)
        says(desk, first=choose(panel, right))
        await judged(desk, panel, 2)
        assert panel.hindered and panel.choice is not None and panel.choice.candidate == right
        assert len(panel.evidence.opinions) == 1


def verifier(folder: Path, names: Sequence[str], count: Path) -> ScoreCommand:
    """Return a program that scores these in this order, and counts how often it is asked."""
    file = folder / "verifier.py"
    told = json.dumps({"scores": dict(zip(names, range(len(names), 0, -1), strict=True))})
    file.write_text(f"open({str(count)!r}, 'a').write('x')\nprint({told!r})\n")
    return ScoreCommand(command=(sys.executable, "-I", str(file)))


async def test_scores_are_asked_for_once_and_weighed(tmp_path: Path) -> None:
    count = tmp_path / "count"
    for attempt in range(2):
        async with opened(tmp_path) as (desk, panel):
            ids = [one.candidate for one in panel.ranking.ranked]
            config = verifier(tmp_path, ids[::-1], count)
            await panel.score(config)
            assert panel.ranking.ranked[0].candidate == ids[1], attempt
            assert panel.scores is not None and panel.scores.values == {ids[1]: 2.0, ids[0]: 1.0}
            assert not panel.hindered and not any("verifier" in text for text in desk.texts("note"))
    assert count.read_text() == "x", "resumed, it is not asked again"


async def test_a_verifier_that_fails_is_recorded_and_asked_again_when_resumed(tmp_path: Path) -> None:
    broken = ScoreCommand(command=(sys.executable, "-I", "-c", "raise SystemExit('out of memory')"))
    for _ in range(2):
        async with opened(tmp_path) as (desk, panel):
            before = panel.ranking
            await panel.score(broken)
            assert panel.ranking == before and panel.hindered
            assert panel.scores is not None and panel.scores.fault == "it ended with status 1: out of memory"
            assert desk.texts("note")[-1] == "the verifier (command): it ended with status 1: out of memory"
            assert desk.steps.made == 0


async def test_one_candidate_needs_no_score(tmp_path: Path) -> None:
    async with opened(tmp_path) as (desk, panel):
        evidence = replace(panel.evidence, candidates=panel.evidence.candidates[:1])
        alone = Panel(desk.setting, find_rule("latent"), evidence)
        await alone.score(ScoreCommand(command=("/no/such",)))
        await alone.score(None)
        assert alone.scores is None and not alone.hindered
