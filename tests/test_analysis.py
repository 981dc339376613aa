"""Estimates are ordered, grow with what is asked for, and never promise less than a budget reserves."""

from pathlib import Path
from typing import Any

import pytest

from swe_scale.analysis import Assumptions, Estimate, Range, Served, Sizes, check_budget, estimate, look
from swe_scale.analysis.budgets import remarks
from swe_scale.analysis.estimate import together
from swe_scale.analysis.ranges import LEVELS
from swe_scale.config import (
    AnthropicEndpoint,
    Budget,
    Exec,
    Limits,
    Local,
    OpenAIEndpoint,
    Pool,
    Price,
    RunConfig,
    ScriptedReplies,
    StageSampling,
)
from swe_scale.errors import UsageError

SIZES = Sizes(
    system=600, shared=80_000, files=12, instructions={"revise": 2500, "agent": 2000, "selection": 1500},
    tooled=2100, schemas=500, tree=5_000_000, setup=True, tests=True,
)  # fmt: skip
HERE = OpenAIEndpoint(base_url="http://127.0.0.1:8000/v1", model="m", context_length=65_536)
SERVED = Served(model="m", length=65_536, told=True, own=True)
PRICE = Price(prompt=1.0, cached=0.1, written=1.25, completion=4.0)


def settings(**changes: Any) -> RunConfig:
    one = StageSampling(reply_tokens=4096)
    known: dict[str, Any] = {
        "models": {"trajectory": (HERE,), "selection": (HERE,)},
        "sampling": {"trajectory": one, "selection": one},
        "sandbox": Local(),
        "strategies": {"revise": 6},
        "turns": 8,
        "context_tokens": 26_000,
        "limits": Limits(output=8192),
        "repair_rounds": 0,
    }
    return RunConfig(**(known | changes))


def made(*served: Served, sizes: Sizes = SIZES, **changes: Any) -> Estimate:
    both = served or (SERVED,)
    models = tuple(HERE for _ in both)
    config = settings(models={"trajectory": models, "selection": models}, **changes)
    return estimate(sizes, config, {"trajectory": both, "selection": both})


def ranges(one: Estimate) -> dict[str, Range]:
    found = {
        "calls": one.calls, "prompt": one.prompt_tokens, "cached": one.cached_tokens,
        "completion": one.completion_tokens, "executions": one.executions.all, "seconds": one.seconds,
        "sandbox": one.sandbox_seconds, "disk": one.disk.all,
    }  # fmt: skip
    optional = {"usd": one.usd, "gpu": one.gpu_seconds}
    return found | {name: value for name, value in optional.items() if value is not None}


MINE = Exec(kind="exec", command=("mine",), requests=12, seconds=100.0)
CASES: dict[str, dict[str, Any]] = {
    "as usual": {},
    "one": {"strategies": {"revise": 1}},
    "one reply": {"turns": 1},
    "agents": {"strategies": {"agent": 3}},
    "mixed": {"strategies": {"revise": 2, "agent": 2, "theirs": 2}},
    "plans": {"strategies": {"plan": 9, "refine": 2, "fork": 1}},
    "another's agent": {"strategies": {"mine": 2}, "named": {"mine": MINE}},
    "a model that mends": {"repair_rounds": 5},
    "no selection": {"selection_turns": 0},
    "no tests": {"regression_seconds": 0},
    "every cell": {"record_all": True},
    "traced": {"trace_checks": True},
    "again and again": {"repeats": 9},
    "triage": {"triage": True},
    "a test of the issue": {"test_rounds": 3},
    "words": {"words": True},
    "long thoughts": {"sampling": {"trajectory": StageSampling(reply_tokens=16_000, effort="high")}},
    "short limits": {"limits": Limits(seconds=0.5, output=256)},
}


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("context", [2048, 32_768, 200_000])
def test_ranges_are_ordered_and_below_the_bound(name: str, context: int) -> None:
    others = dict.fromkeys(("theirs", "plan", "refine", "fork", "mine"), 2000)
    sizes = SIZES.model_copy(update={"instructions": {**SIZES.instructions, **others}})
    served = SERVED.model_copy(update={"length": context, "price": PRICE})
    one = made(served, sizes=sizes, **CASES[name])
    for kind, found in ranges(one).items():
        assert 0 <= found.low <= found.likely <= found.high, (kind, found)
    if context == 200_000:
        assert one.calls.low > 0 or name == "another's agent"
    for kind in ("calls", "prompt_tokens", "completion_tokens", "usd"):
        assert getattr(one.spending.high, kind) <= getattr(one.bound, kind)
    assert one.usd and one.usd.high <= one.bound.usd
    for level in LEVELS:
        usage = one.spending.at(level)
        assert usage.cached_tokens <= usage.prompt_tokens


@pytest.mark.parametrize(
    ("more", "kinds"),
    [
        ({"strategies": {"revise": 12}}, {"calls", "prompt", "completion", "executions", "disk"}),
        ({"turns": 20}, {"calls", "prompt", "completion", "executions"}),
        ({"selection_turns": 30}, {"calls", "prompt", "completion", "executions"}),
        ({"trace_checks": True}, {"executions", "sandbox"}),
        ({"repeats": 3}, {"executions", "sandbox"}),
        ({"limits": Limits(output=65_536)}, {"prompt", "disk"}),
        ({"regression_seconds": 6000.0}, {"sandbox", "seconds"}),
    ],
)
def test_more_of_anything_costs_more(more: dict[str, Any], kinds: set[str]) -> None:
    served = SERVED.model_copy(update={"length": 10_000_000})
    before, after = ranges(made(served)), ranges(made(served, **more))
    assert kinds <= {kind for kind in before if after[kind].high > before[kind].high}
    assert not [kind for kind in before if after[kind].likely < before[kind].likely]


def test_only_what_votes_is_repeated_though_every_cell_is_run() -> None:
    def again(**changes: Any) -> float:
        several, one = made(repeats=3, **changes), made(**changes)
        return several.executions.checks.likely - one.executions.checks.likely

    assert again(record_all=True) == again() > 0


def test_triage_is_one_call_and_at_most_two() -> None:
    plain, one = made(), made(triage=True)
    first, second = one.shares[:2]
    assert {first.stage, second.stage} == {"triage"}
    assert [(each.spending.low.calls, each.spending.high.calls) for each in (first, second)] == [
        (1, 1),
        (0, 1),
    ]
    assert one.bound.calls == plain.bound.calls + 2 and one.serial_seconds.low > plain.serial_seconds.low


def test_each_image_is_looked_at_once() -> None:
    sizes = SIZES.model_copy(update={"images": 3, "depicting": 900})
    assert "images" not in {share.stage for share in made(sizes=sizes).shares}
    served = {"trajectory": (SERVED,), "selection": (SERVED,), "images": (SERVED,)}
    one = estimate(sizes, settings(), served)
    first = one.shares[0]
    assert (first.stage, first.spending.low.calls, first.spending.high.calls) == ("images", 0, 3)
    assert one.bound.calls == made(sizes=sizes).bound.calls + 3
    assert one.bound.prompt_tokens > 60_000


def test_a_test_of_the_issue_is_written_last() -> None:
    plain, one = made(), made(test_rounds=3)
    last = one.shares[-1]
    assert (last.stage, last.spending.low.calls, last.spending.high.calls) == ("test", 0, 3)
    assert one.bound.calls == plain.bound.calls + 3
    assert one.serial_seconds.low == plain.serial_seconds.low
    assert one.serial_seconds.likely > plain.serial_seconds.likely
    told = made(test_rounds=3, words=True)
    assert told.shares[-1].stage == "words" and told.bound.calls == one.bound.calls + 1
    untestable = made(test_rounds=3, sizes=SIZES.model_copy(update={"tests": 0}))
    assert untestable.shares[-1].spending.high.calls == 0


def test_plans_are_made_in_calls_of_their_own() -> None:
    sizes = SIZES.model_copy(update={"instructions": {**SIZES.instructions, "plan": 2500}, "planning": 1000})
    one = made(sizes=sizes, strategies={"plan": 9})
    planning, *others = one.shares
    assert (planning.stage, planning.spending.low.calls, planning.spending.likely.calls) == ("plan", 2, 3)
    assert planning.spending.bound.calls == 6 and {share.stage for share in others} == {
        "trajectory", "selection"
    }  # fmt: skip
    plain = made(strategies={"revise": 9})
    assert one.first_calls == plain.first_calls, "without a plan they begin all the same"
    assert one.bound.prompt_tokens > plain.bound.prompt_tokens


def test_later_rounds_wait_for_the_first() -> None:
    sizes = SIZES.model_copy(update={"instructions": {**SIZES.instructions, "refine": 2500}})
    both = made(sizes=sizes, strategies={"revise": 1, "refine": 1}, selection_turns=0)
    alone = made(strategies={"revise": 2}, selection_turns=0)
    assert both.serial_seconds == alone.serial_seconds.times(2)
    assert both.executions.tests.high == 2 * alone.executions.tests.high


def test_another_s_agent_asks_up_to_its_bound() -> None:
    one = made(strategies={"mine": 2}, named={"mine": MINE}, selection_turns=0)
    assert (one.calls.low, one.calls.high) == (0, 24) and one.bound.calls == 24
    assert one.executions.agents.high == 2 and one.executions.commands.high == 0
    check_budget((one,), Budget(tokens=5000))


def test_a_set_up_may_need_a_model() -> None:
    one = made(repair_rounds=3)
    assert one.calls.high == made().calls.high + 3 and one.calls.likely == made().calls.likely
    none = made(repair_rounds=3, sizes=SIZES.model_copy(update={"setup": False}))
    assert none.calls == made().calls


def test_alone_nothing_is_to_be_selected() -> None:
    assert made(strategies={"revise": 1}, turns=3).calls == Range(low=2, likely=3, high=3)


def test_a_full_context_ends_conversations() -> None:
    small = made(SERVED.model_copy(update={"length": 30_000}))
    large = made(SERVED.model_copy(update={"length": 400_000}))
    assert small.calls.likely < large.calls.likely
    assert small.spending.high.prompt_tokens <= small.spending.high.calls * 30_000
    [said] = remarks(made(SERVED.model_copy(update={"length": 20_000})), Budget())
    assert "doesn't fit the context of 20,000 tokens" in said


def test_an_assumed_context_bounds_nothing() -> None:
    told, assumed = made(), made(SERVED.model_copy(update={"told": False}))
    assert assumed.bound.prompt_tokens > told.bound.prompt_tokens
    assert assumed.spending.high == told.spending.high


def test_siblings_find_the_shared_part_in_the_cache() -> None:
    one, ten = made(strategies={"revise": 1}, turns=1), made(strategies={"revise": 10}, turns=1)
    shared = (SIZES.system + SIZES.shared) / Assumptions().bytes_per_token.likely
    trajectories = next(share for share in ten.shares if share.stage == "trajectory")
    assert one.cached_tokens.likely == 0
    assert trajectories.spending.likely.cached_tokens == pytest.approx(9 * shared, abs=1)
    assert ten.cached_tokens.low == 0


def test_money_is_of_what_has_a_price() -> None:
    cheap = SERVED.model_copy(update={"price": PRICE})
    other = SERVED.model_copy(update={"model": "n"})
    assert made().usd is None and made().unpriced == ("m",)
    both, alone = made(cheap, other), made(cheap)
    assert both.unpriced == ("n",) and both.usd and alone.usd
    assert both.usd.high < alone.usd.high
    free = made(SERVED.model_copy(update={"scripted": True, "own": False}))
    assert not free.unpriced and free.gpu_seconds is None


def test_writing_to_a_cache_has_its_price() -> None:
    plain = made(SERVED.model_copy(update={"price": PRICE})).usd
    written = made(SERVED.model_copy(update={"price": PRICE, "writes": True})).usd
    assert plain and written and written.likely > plain.likely and written.high > plain.high


def test_trajectories_take_turns_with_models_and_all_judge() -> None:
    other = SERVED.model_copy(update={"model": "n"})
    one = made(SERVED, other, strategies={"revise": 3}, turns=4)
    calls = {(share.stage, share.served.model): share.spending.high.calls for share in one.shares}
    assert calls == {
        ("trajectory", "m"): 8, ("trajectory", "n"): 4, ("selection", "m"): 8, ("selection", "n"): 8
    }  # fmt: skip


def test_several_issues_are_added_and_share_what_there_is() -> None:
    one = made()
    four = together((one, one, one, one), at_a_time=4)
    assert four.calls == one.calls.times(4) and four.issues == 4
    assert four.prompt_tokens == one.prompt_tokens.times(4)
    assert four.disk.all == one.disk.all.times(4)
    assert one.seconds.likely < four.seconds.likely < 4 * one.seconds.likely
    pooled = made(SERVED.model_copy(update={"replicas": 4}))
    assert pooled.seconds == one.seconds
    assert together((pooled,) * 4, at_a_time=4).seconds.high < four.seconds.high


def test_a_budget_that_suffices_for_any_issue_is_one() -> None:
    small, large = made(sizes=SIZES.model_copy(update={"shared": 100})), made()
    least = min(call.tokens for call in small.first_calls)
    check_budget((small, large), Budget(tokens=least))
    with pytest.raises(UsageError, match=f"at least --budget {least}tokens"):
        check_budget((small, large), Budget(tokens=least - 1))


def test_a_price_of_less_than_a_call_is_refused_by_its_bound() -> None:
    one = made(SERVED.model_copy(update={"price": PRICE}))
    prompt = SIZES.opening("revise") + 32
    usd = (prompt * PRICE.prompt * 1.25 + 4096 * PRICE.completion) / 1e6
    assert one.first_calls[0].usd == pytest.approx(usd)
    check_budget((one,), Budget(usd=usd + 1e-6))
    with pytest.raises(UsageError, match="smaller than one call"):
        check_budget((one,), Budget(usd=usd - 1e-6))


def test_the_manual_names_the_numbers_that_are_assumed() -> None:
    text = (Path(__file__).parent.parent / "docs/estimate.md").read_text(encoding="utf-8")
    known = Assumptions()
    rows = {
        "bytes per token": known.bytes_per_token,
        "tokens per second of one conversation": known.stream_tokens_per_second,
    }
    for name, found in rows.items():
        assert f"| {name} | {found.low:g} | {found.likely:g} | {found.high:g} |" in text
    for speed in (known.rate, known.prefill_rate):
        assert f"{speed.low:,.0f} – {speed.likely:,.0f} – {speed.high:,.0f}" in text
    turns = (known.revise_turns, known.agent_turns)
    for name, typical in zip(("a `revise` trajectory", "another one"), turns, strict=True):
        assert f"| replies of {name} | {typical.low:g} | {typical.likely:g} | `--turns` |" in text


@pytest.mark.anyio
async def test_endpoints_are_known_by_their_configuration() -> None:
    hosted = OpenAIEndpoint(base_url="https://models.example.com/v1", model="h", context_length=9000)
    pool = Pool(endpoints=(HERE, HERE.model_copy(update={"base_url": "http://node7:8000/v1"})))
    judges = (AnthropicEndpoint(model="a"), ScriptedReplies(replies=Path("replies")))
    looked = await look({"trajectory": (hosted, pool), "selection": judges}, {"h": PRICE})
    assert looked.shortest == 9000 and not looked.notes
    [first, second], [third, fourth] = looked.served["trajectory"], looked.served["selection"]
    assert (first.own, first.price, first.told) == (False, PRICE, True)
    assert (second.own, second.replicas, second.length) == (True, 2, 65_536)
    assert (third.writes, third.length, third.own) == (True, 200_000, False)
    assert fourth.scripted and not fourth.own


@pytest.mark.anyio
async def test_a_pool_goes_by_who_answers() -> None:
    silent = OpenAIEndpoint(base_url="http://127.0.0.1:9/v1", model="m")
    pool = Pool(endpoints=(silent, HERE.model_copy(update={"context_length": 50_000})))
    looked = await look({"trajectory": (pool,), "selection": (silent,)}, {})
    assert looked.served["trajectory"][0].length == 50_000
    assert (looked.shortest, looked.served["selection"][0].told) == (32_768, False)
    assert len(looked.notes) == 1 and "can't be reached" in looked.notes[0]
