"""The settings of a server: what follows from cards, model and load."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from plan_kit import GIB, LARGE, LATENT, MIB, SHORT, SMALL, machine, plan, values

from swe_scale.errors import ModelError, UsageError
from swe_scale.models.serving.budget import MOST_AT_ONCE, conversations, largest_context
from swe_scale.models.serving.fit import GOAL, LEAST
from swe_scale.models.serving.machine import Gpu, Machine
from swe_scale.models.serving.shape import Shape


@pytest.mark.parametrize(
    ("shape", "cards", "load", "wanted"),
    [
        # A card that reckons with 8 bits takes them where 16 hold too little; one that can't, fewer at once.
        (SMALL, ["4090"], {}, {"max-model-len": "16384", "max-num-seqs": "6", "kv-cache-dtype": "fp8"}),
        (SMALL, ["3090"], {}, {"max-model-len": "16384", "max-num-seqs": "2"}),
        (SMALL, ["4090"], {"context": 8192}, {"max-model-len": "8192", "kv-cache-dtype": "fp8"}),
        (SMALL, ["4090"], {"context": 8192, "trajectories": 3}, {"max-model-len": "8192"}),
        (SHORT, ["3090"], {}, {"max-model-len": "8192", "max-num-seqs": "8"}),
        (SMALL, ["H100"], {}, {"max-model-len": "40960"}),
        (SMALL, ["A100"], {"trajectories": 20}, {"max-model-len": "32512"}),
        # Two small cards hold ten conversations of a good length only together.
        (SMALL, ["3090"] * 2, {}, {"tensor-parallel-size": "2", "data-parallel-size": "1"}),
        (SMALL, ["H100"] * 2, {}, {"tensor-parallel-size": "1", "data-parallel-size": "2"}),
        (SMALL, ["H100"] * 8, {"trajectories": 64}, {"tensor-parallel-size": "1", "data-parallel-size": "8"}),
        (LARGE, ["H100"] * 2, {}, {"tensor-parallel-size": "2", "data-parallel-size": "1"}),
        (LARGE, ["H100"] * 8, {}, {"tensor-parallel-size": "2", "data-parallel-size": "4"}),
        # 40 heads can't be shared by 16; the smallest card decides.
        (LARGE, ["A100"] * 16, {}, {"tensor-parallel-size": "2", "data-parallel-size": "8"}),
        (SMALL, ["H100", "3090"], {}, {"tensor-parallel-size": "2"}),
    ],
)
def test_what_fits(shape: Shape, cards: list[str], load: dict[str, int], wanted: dict[str, str]) -> None:
    found = values(plan(shape, machine(*cards), **load))
    assert {name: found.get(name) for name in wanted} == wanted
    assert ("kv-cache-dtype" in found) == ("kv-cache-dtype" in wanted)
    assert ("tensor-parallel-size" in found) == (len(cards) > 1)
    assert {"enable-prefix-caching", "enable-chunked-prefill", "enable-prompt-tokens-details"} <= found.keys()


def test_the_budget_is_a_sum_that_can_be_checked() -> None:
    made = plan(SMALL, machine("4090"))
    assert made.fit is not None
    budget = made.fit.budget
    assert budget.cache == int(24_564 * MIB * 0.92) - 16_381_470_720 - budget.reserve
    assert budget.token == 2 * 36 * 8 * 128
    assert budget.tokens == budget.cache // budget.token
    text = "\n".join(made.budget())
    assert "model: weights 15.3 GiB; made for 40,960 tokens" in text
    assert "GPUs: 1 × NVIDIA GeForce RTX 4090, 24.0 GiB" in text
    assert f"72 KiB per token = {budget.tokens:,} tokens" in text
    assert f"= {made.fit.at_once} conversations of 16,384 tokens at once" in text


@pytest.mark.parametrize(
    ("shape", "cards", "load", "says"),
    [
        (SMALL, ["3060"], {}, r"weights take 15\.3 GiB; 1 GPU with 11\.0 GiB to use don't hold them"),
        (LARGE, ["3090"] * 3, {}, r"weights take 61\.0 GiB; 3 GPUs with .* each don't hold them"),
        (SMALL, ["3090"], {"context": 40_000}, r"40,000 tokens doesn't fit beside it.*Ask for less"),
        (LATENT, ["H100"] * 8, {}, r"weights take 670\.0 GiB; 8 GPUs"),
    ],
)
def test_what_does_not_fit_is_said(shape: Shape, cards: list[str], load: dict[str, int], says: str) -> None:
    with pytest.raises(ModelError, match=f"(?s){says}"):
        plan(shape, machine(*cards), **load)


def test_more_than_there_is_is_refused() -> None:
    with pytest.raises(UsageError, match="more than the model's 40,960"):
        plan(SMALL, machine("H100"), context=50_000)
    with pytest.raises(UsageError, match="ask for 4 GPUs; there are 2"):
        plan(SMALL, machine("H100", "H100"), "-tp", "2", "--data-parallel-size=2")
    with pytest.raises(ModelError, match="can't be shared evenly"):
        plan(SMALL, machine(*["H100"] * 3), "-tp", "3")


def test_memory_that_others_hold_is_theirs() -> None:
    busy = Machine((Gpu("NVIDIA H100 80GB HBM3", 81_559 * MIB, 20_000 * MIB, 9.0),))
    found = plan(SMALL, busy)
    assert values(found)["gpu-memory-utilization"] == "0.75"
    [reason] = [one.reason for one in found.settings if one.argument.name == "gpu-memory-utilization"]
    assert reason == "others hold 19.5 GiB"
    with pytest.raises(ModelError, match="don't hold"):
        plan(SMALL, Machine((Gpu("full", 24_576 * MIB, 24_500 * MIB, 8.9),)))


def test_tokens_are_guessed_for_few_conversations_only() -> None:
    assert '"method":"ngram"' in values(plan(SMALL, machine("H100")))["speculative-config"]
    many = plan(SMALL, machine("H100"), trajectories=64)
    assert "speculative-config" not in values(many)
    assert any(one.name == "speculative-config" and "costs more" in one.reason for one in many.left)
    # Four copies share the 64, so that each has few.
    assert "speculative-config" in values(plan(SMALL, machine(*["H100"] * 4), trajectories=64))


@pytest.mark.parametrize(
    ("cards", "shape", "why"),
    [
        (Machine(why="there is no nvidia-smi"), SMALL, "there is no nvidia-smi"),
        (machine("H100"), Shape(why="the hub has no such model"), "the hub has no such model"),
        (machine("H100"), Shape(weights=GIB, why="its layers are of several kinds"), "several kinds"),
        (Machine(why="no driver"), Shape(why="offline"), "no driver"),
    ],
)
def test_what_is_unknown_is_left_to_the_server(cards: Machine, shape: Shape, why: str) -> None:
    made = plan(shape, cards)
    assert made.fit is None
    found = values(made)
    assert found["max-model-len"] == "auto" and "max-num-seqs" not in found
    assert ("enable-prefix-caching" in found) == (shape.sizes is not None)
    [reason] = [one.reason for one in made.left if one.name == "max-num-seqs"]
    assert why in reason and why in "\n".join(made.budget())
    assert values(plan(shape, cards, context=4096))["max-model-len"] == "4096"


def test_weights_alone_say_how_many_cards() -> None:
    known = Shape(weights=100 * GIB, why="its layers are of several kinds")
    found = values(plan(known, machine(*["H100"] * 4)))
    assert (found["tensor-parallel-size"], found["data-parallel-size"]) == ("2", "2")
    unknown = plan(Shape(why="offline"), machine("H100", "H100"))
    assert "tensor-parallel-size" not in values(unknown)
    assert any(one.name == "tensor-parallel-size" for one in unknown.left)


@given(tokens=st.integers(0, 10**8), count=st.integers(1, 300))
def test_the_largest_context_holds_them_all(tokens: int, count: int) -> None:
    length = largest_context(tokens, count)
    assert 2 * length + count * 3 * length <= 5 * tokens
    assert not length or conversations(tokens, length) >= count
    assert conversations(tokens, length + 1) < count


@given(
    memory=st.integers(8, 200),
    used=st.integers(0, 4),
    cards=st.integers(1, 16),
    capability=st.sampled_from([8.0, 8.9, 12.0]),
    weights=st.integers(1, 400),
    longest=st.integers(2048, 1_000_000),
    trajectories=st.integers(1, 500),
)
def test_whatever_is_planned_fits(
    memory: int, used: int, cards: int, capability: float, weights: int, longest: int, trajectories: int
) -> None:
    gpu = Gpu("card", memory * GIB, used * GIB, capability)
    assert LARGE.sizes is not None
    shape = Shape(weights=weights * GIB, longest=longest, sizes=LARGE.sizes)
    try:
        made = plan(shape, Machine((gpu,) * cards), trajectories=trajectories)
    except ModelError:
        return
    fit = made.fit
    assert fit is not None and fit.layout.ways * fit.layout.copies <= cards
    assert LARGE.sizes.heads % fit.layout.ways == 0
    assert 2048 - 256 <= fit.context <= longest
    assert 1 <= fit.at_once <= fit.running <= MOST_AT_ONCE
    assert 2 * fit.context + fit.at_once * 3 * fit.context <= 5 * fit.budget.tokens
    taken = fit.budget.weights + fit.budget.reserve + fit.budget.tokens * fit.budget.token
    assert taken <= memory * GIB * fit.budget.utilisation
    assert not fit.layout.small or capability >= 8.9
    # Shorter than is good only where that many conversations, or that much context, can't be had.
    assert fit.context >= min(LEAST, longest) - 256 or fit.at_once <= 2
    assert GOAL > LEAST
