"""Finalists that are level are told apart by checks that a model writes, without knowing whose they are."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from calling_kit import Refusing
from solving_kit import Desk, Spoken, check_by, open_desk, verdict

from swe_scale.config import Budget
from swe_scale.errors import EndpointRefused
from swe_scale.records import BASE, Candidate, Check, File, Outcome, Sampling
from swe_scale.selection import Choice, Comparison, settle, telling

pytestmark = pytest.mark.anyio
BODIES = ("    return sum(values) / (len(values) or 1)\n", "    return 0\n", "    return 1\n")
REPRODUCES = Check.of(
    "from stats import mean\nexit(0 if mean([2]) in (0, 1, 2) else 42)\n", "reproduction", author=1
)
TELLS = "<check>\nfrom stats import mean\nprint(mean([4]))\nexit(0 if mean([4]) == 4 else 42)\n</check>\n"


def says(*texts: str) -> Spoken:
    return Spoken({f"selection/turn/{n:02}": text for n, text in enumerate(texts, start=1)})


@asynccontextmanager
async def opened(folder: Path, *texts: str, turns: int = 4, **rest: Budget) -> AsyncIterator[Desk]:
    async with open_desk(folder, says(*texts), turns=turns, **rest) as desk:  # type: ignore[arg-type]
        yield desk


async def finalists(desk: Desk, count: int = 2) -> list[Candidate]:
    made: list[Candidate] = []
    for index, body in enumerate(BODIES[:count], start=1):
        file = File(mode="100644", data=f"def mean(values):\n{body}".encode())
        tree = await desk.trees.write(desk.trees.base, {"stats.py": file})
        made.append(Candidate(id=tree, patch=await desk.trees.patch(tree), authors=(index,)))
    return made


def label(one: Candidate, among: Sequence[Candidate]) -> str:
    return "ABC"[sorted(other.id for other in among).index(one.id)]


async def chosen(desk: Desk, among: Sequence[Candidate], evidence: Sequence[Check] = ()) -> Choice:
    return await settle(Comparison(desk.setting, among, Sampling()), evidence)


async def test_it_checks_sees_and_chooses(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        among = await finalists(desk)
        letter = label(among[1], among)
        desk.model.replies = says(TELLS, f'B is right.\n<choose candidate="{letter}"/>').replies
        choice = await chosen(desk, among, [REPRODUCES])
    assert (choice.candidate, choice.reason) == (
        among[1].id,
        f"the selection, where it was {letter}, chose it: B is right.",
    )
    [check] = choice.checks
    assert (check.kind, check.author) == ("distinguishing", None)
    assert {one.candidate: one.outcome for one in choice.verdicts} == {
        BASE: "pass", among[0].id: "pass", among[1].id: "fail",
    }  # fmt: skip
    first, second = desk.model.requests
    shown = first.messages[1].content
    for one in among:
        assert one.patch in shown and one.id not in shown
    assert REPRODUCES.script in shown and "- A: pass\n- B: pass" in shown
    told = second.messages[-1].content
    assert "## On the untouched code: exit code 0" in told
    assert f"## On candidate {letter}: exit code 42" in told and "3 replies left" in told


async def test_who_made_a_candidate_is_not_shown(tmp_path: Path) -> None:
    prompts = []
    for place, authors in (("a", (1, 2)), ("b", (9, 4))):
        (tmp_path / place).mkdir()
        async with opened(tmp_path / place, '<choose candidate="A"/>') as desk:
            among = [
                one.model_copy(update={"authors": (author,)})
                for one, author in zip(await finalists(desk), authors, strict=True)
            ]
            author = check_by(authors[0], REPRODUCES.script)
            await chosen(desk, among, [author])
            prompts.append([one.content for one in desk.model.requests[0].messages])
    assert prompts[0] == prompts[1]


async def test_the_order_of_the_finalists_changes_no_word(tmp_path: Path) -> None:
    prompts = set()
    async with opened(tmp_path, '<choose candidate="A"/>') as desk:
        among = await finalists(desk, 3)
        for order in (among, among[::-1]):
            choice = await chosen(desk, order, [REPRODUCES])
            prompts.add(choice.candidate)
    assert len(desk.model.requests) == len(prompts) == 1


async def test_without_a_choice_the_ranking_stands(tmp_path: Path) -> None:
    async with opened(tmp_path, TELLS, TELLS, turns=2) as desk:
        among = await finalists(desk)
        choice = await chosen(desk, among)
    assert choice.candidate == among[0].id
    assert choice.reason == "the selection made no choice in 2 replies, so the ranking stands"
    assert "Decide now." in desk.model.requests[1].messages[-1].content


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        ("A, I think.", "there is no tag in the reply"),
        (
            '<choose candidate="Z"/>',
            "there is no candidate 'Z'; there are A, B, or \"none\" if none",
        ),
        ("<done/>", 'expected <check> or <choose candidate="…"/>'),
        (TELLS * 5, "a reply may hold up to 4 checks, found 5"),
    ],
)
async def test_a_malformed_reply_counts_and_is_corrected(tmp_path: Path, reply: str, told: str) -> None:
    async with opened(tmp_path, reply, '<choose candidate="A"/>') as desk:
        among = await finalists(desk)
        choice = await chosen(desk, among)
    assert told in desk.model.requests[1].messages[-1].content
    assert label(next(one for one in among if one.id == choice.candidate), among) == "A"


async def test_where_the_endpoint_or_budget_ends_the_ranking_stands(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        choice = await chosen(desk, await finalists(desk))
        assert "ended without a choice (no reply is written" in choice.reason
    (tmp_path / "b").mkdir()
    async with opened(tmp_path / "b", '<choose candidate="A"/>', budget=Budget(tokens=100)) as desk:
        among = await finalists(desk)
        choice = await chosen(desk, among)
        assert choice.candidate == among[0].id and "may need" in choice.reason
        assert desk.model.requests == []


async def test_an_endpoint_that_refuses_everything_stops_the_run(tmp_path: Path) -> None:
    async with opened(tmp_path) as desk:
        refusing = replace(desk.setting, model=Refusing({}))
        with pytest.raises(EndpointRefused, match="the key is refused"):
            await settle(Comparison(refusing, await finalists(desk), Sampling()), ())


async def test_what_a_selection_did_is_not_done_again(tmp_path: Path) -> None:
    async with opened(tmp_path, TELLS, '<choose candidate="B"/>') as desk:
        first = await chosen(desk, await finalists(desk))
    async with opened(tmp_path) as desk:
        again = await chosen(desk, await finalists(desk))
        assert again == first and desk.steps.made == 0


async def test_long_patches_are_shortened(tmp_path: Path) -> None:
    async with opened(tmp_path, '<choose candidate="A"/>') as desk:
        among = await finalists(desk)
        among[0] = among[0].model_copy(update={"patch": among[0].patch + "+x\n" * 100_000})
        await chosen(desk, among)
    [request] = desk.model.requests
    assert "characters left out" in request.messages[1].content
    assert len(request.messages[1].content) < 60_000


def test_telling_checks_come_first() -> None:
    level, apart, silent = check_by(1), check_by(2), check_by(3)
    said: list[tuple[Check, str, Outcome]] = [
        (level, "a", "pass"), (level, "b", "pass"), (apart, "a", "pass"), (apart, "b", "fail"),
    ]  # fmt: skip
    verdicts = [verdict(BASE, one, "fail") for one in (level, apart)] + [verdict(BASE, silent, "pass")]
    verdicts += [verdict(name, check, outcome) for check, name, outcome in said]
    assert telling([level, apart, silent, level], verdicts, ["a", "b"]) == [apart, level]
