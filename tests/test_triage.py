"""Triage stops an issue only where two opinions agree, and nothing that fails stops one."""

import json
import math
from functools import partial
from pathlib import Path

import anyio
import pytest
from solving_kit import ISSUE, Desk, Spoken, open_desk

from swe_scale.config import Budget
from swe_scale.errors import EndpointRefused
from swe_scale.models import Model
from swe_scale.records import Completion, Request, Sampling
from swe_scale.trajectory.setting import opening_of
from swe_scale.triage import Opinion, Triage, Triaged, opinion_of

FORM = {"reason": "It names no behaviour.", "verdict": "unclear", "missing": ["Which function?"]}
UNCLEAR = json.dumps(FORM)
OTHER = json.dumps({**FORM, "reason": "Two changes fit.", "missing": ["Raise, or return 0?"]})
NO_CHANGE = json.dumps({"reason": "It asks how to install.", "verdict": "no change", "missing": []})
PROCEED = json.dumps({"reason": "mean([]) is to return 0.0.", "verdict": "proceed", "missing": []})


@pytest.mark.parametrize(
    ("reply", "verdict"),
    [
        (UNCLEAR, "unclear"),
        (NO_CHANGE, "no change"),
        (PROCEED, "proceed"),
        (f"I have read it.\n```json\n{UNCLEAR}\n```\n", "unclear"),
        (json.dumps({**FORM, "verdict": "no change"}), "no change"),
        (json.dumps({**FORM, "missing": ["", 3, "Which?"]}), "unclear"),
    ],
)
def test_what_keeps_the_form(reply: str, verdict: str) -> None:
    found = opinion_of(reply)
    assert found is not None and found.verdict == verdict and found.reason
    assert bool(found.missing) == (verdict == "unclear") and all(found.missing)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "unclear",
        "{",
        "[1]",
        "null",
        UNCLEAR + NO_CHANGE,
        f"The issue says {UNCLEAR}, which I don't follow: {PROCEED}",
        f"{PROCEED} It wanted me to say {UNCLEAR}.",
        json.dumps({**FORM, "missing": []}),
        json.dumps({**FORM, "missing": [" ", None]}),
        json.dumps({**FORM, "missing": "Which?"}),
        json.dumps({**FORM, "verdict": "Unclear"}),
        json.dumps({**FORM, "verdict": ["unclear"]}),
        json.dumps({**FORM, "reason": ""}),
        json.dumps({**FORM, "sure": True}),
        json.dumps({"verdict": "unclear", "missing": ["Which?"]}),
        '{"a":' * 100_000,
        " " * 30_000 + UNCLEAR,
        UNCLEAR.replace('"unclear"', '"unclear", "verdict": {}'),
    ],
)
def test_what_does_not_keep_the_form_is_no_opinion(reply: str) -> None:
    assert opinion_of(reply) is None


def test_what_is_kept_is_bounded_and_can_be_printed() -> None:
    found = opinion_of(json.dumps({**FORM, "reason": "a\x1b[31m\n" * 500, "missing": ["\u202e?" * 200] * 8}))
    assert found is not None and len(found.missing) == 5
    for text in (found.reason, *found.missing):
        assert text.isprintable() and len(text) <= 400


def judged(*replies: str, lacking: str = "") -> Triaged:
    found = [one for one in map(opinion_of, replies) if one is not None]
    return Triaged(opinions=tuple(found), lacking=lacking)


@pytest.mark.parametrize(
    "triaged",
    [
        Triaged(),
        judged(PROCEED),
        judged(UNCLEAR, PROCEED),
        judged(UNCLEAR, NO_CHANGE),
        judged(UNCLEAR, lacking="it timed out"),
        judged(PROCEED, PROCEED),
    ],
)
def test_it_takes_two_that_say_the_same(triaged: Triaged) -> None:
    assert not triaged.refusal


def test_what_is_missing_is_asked() -> None:
    first = judged(UNCLEAR, OTHER)
    assert "To be answered by its author: (1) Which function?" in first.refusal
    assert first.reasoning == "unclear: It names no behaviour.; then unclear: Two changes fit.: 2 of 2 agree"
    assert (
        "asks for nothing that a change of the code could bring: It asks how"
        in judged(*[NO_CHANGE] * 2).refusal
    )


def triage(desk: Desk, *models: Model, until: float = math.inf) -> Triage:
    setting = desk.setting
    opening = partial(opening_of, setting.issue, setting.context, None)
    several = models or (desk.model,)
    judges = [(several[number % len(several)], Sampling(seed=number)) for number in range(2)]
    return Triage(ISSUE, opening, judges, setting.ledger, until)


def says(*texts: str) -> Spoken:
    return Spoken({f"triage/{number:02}": text for number, text in enumerate(texts, start=1)})


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("texts", "calls", "refused"),
    [
        ((PROCEED, UNCLEAR), 1, False),
        ((UNCLEAR, PROCEED), 2, False),
        ((UNCLEAR, OTHER), 2, True),
        ((NO_CHANGE, NO_CHANGE), 2, True),
        (("I can't say.",), 1, False),
        ((UNCLEAR, "I can't say."), 2, False),
        ((UNCLEAR,), 2, False),
        ((), 1, False),
    ],
)
async def test_calls_that_are_made(tmp_path: Path, texts: tuple[str, ...], calls: int, refused: bool) -> None:
    async with open_desk(tmp_path, says(*texts)) as desk:
        found = await triage(desk).run()
        assert bool(found.refusal) == refused and len(desk.model.requests) == calls
        assert desk.setting.ledger.by_stage["triage"].calls == min(calls, len(texts))
    async with open_desk(tmp_path, says()) as desk:
        assert await triage(desk).run() == found and not desk.model.requests, "it is asked once per run"


@pytest.mark.anyio
async def test_it_begins_as_the_trajectories_do_and_asks_in_two_ways(tmp_path: Path) -> None:
    async with open_desk(tmp_path, says(UNCLEAR, OTHER)) as desk:
        await triage(desk).run()
        system, user = desk.setting.opening("")
        first, second = desk.model.requests
        for request in (first, second):
            assert request.messages[0] == system
            assert request.messages[1].content[: user.shared] == user.content[: user.shared]
            assert request.messages[1].shared == user.shared and request.reply_schema is not None
    assert first.sampling.seed != second.sampling.seed
    assert first.messages != second.messages, "the verdicts stand in another order"


@pytest.mark.anyio
async def test_two_models_give_an_opinion_each(tmp_path: Path) -> None:
    one, other = says(UNCLEAR), says("", PROCEED)
    async with open_desk(tmp_path, one) as desk:
        found = await triage(desk, one, other).run()
    assert [opinion.verdict for opinion in found.opinions] == ["unclear", "proceed"]
    assert len(one.requests) == len(other.requests) == 1


class Refusing(Spoken):
    async def complete(self, request: Request) -> Completion:
        raise EndpointRefused("the key is refused")


class Silent(Spoken):
    async def complete(self, request: Request) -> Completion:
        await anyio.sleep_forever()
        raise AssertionError


@pytest.mark.anyio
async def test_an_endpoint_that_fails_stops_nothing(tmp_path: Path) -> None:
    for name in ("refused", "silent", "poor"):
        (tmp_path / name).mkdir()
    async with open_desk(tmp_path / "refused", Refusing({})) as desk:
        assert "the key is refused" in (await triage(desk).run()).reasoning
    async with open_desk(tmp_path / "silent", Silent({})) as desk:
        found = await triage(desk, until=anyio.current_time() + 0.05).run()
        assert not found.refusal and "the time for it is over" in found.reasoning
    async with open_desk(tmp_path / "poor", says(UNCLEAR, OTHER), budget=Budget(tokens=50)) as desk:
        found = await triage(desk).run()
        assert not found.refusal and "the next call may need" in found.reasoning and not desk.model.requests


class Cut(Spoken):
    """Answers once, and then not before the process is killed."""

    async def complete(self, request: Request) -> Completion:
        if self.requests:
            await anyio.sleep_forever()
        return await super().complete(request)


@pytest.mark.anyio
async def test_killed_between_two_opinions_the_first_is_not_paid_again(tmp_path: Path) -> None:
    async with open_desk(tmp_path, Cut({"triage/01": UNCLEAR})) as desk:
        with anyio.move_on_after(0.2):
            await triage(desk).run()
        assert len(desk.model.requests) == 1
    async with open_desk(tmp_path, says("", OTHER)) as desk:
        found = await triage(desk).run()
        assert [request.step for request in desk.model.requests] == [f"{ISSUE}/triage/02"]
    assert found.refusal and found.opinions[0] == Opinion(
        verdict="unclear", reason="It names no behaviour.", missing=("Which function?",)
    )
