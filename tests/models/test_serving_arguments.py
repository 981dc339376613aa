"""The user's own arguments for a server win over ours, are reckoned with, and none comes twice."""

import pytest
from plan_kit import LARGE, SMALL, machine, plan, values

from swe_scale.errors import UsageError
from swe_scale.models.serving.arguments import joined, parse


@pytest.mark.parametrize(
    "words",
    [
        ["--max-model-len", "4096"],
        ["--max_model_len=4096"],
        ["--no-enable-prefix-caching"],
        ["--no-enable-chunked-prefill"],
        ["-tp", "2"],
        ["-sc", '{"method":"eagle"}'],
        ["--speculative-config.method", "eagle", "--speculative-config.model=x"],
        ["--gpu-memory-utilization", "0.5"],
        ["--device-memory-utilization", "0.5"],
        ["--kv-cache-dtype", "auto"],
        ["--quantization", "fp8"],
        ["--enforce-eager"],
        ["--max-model-len", "-1"],
        ["--middleware", "a", "b", "c"],
    ],
)
def test_yours_win(words: list[str]) -> None:
    made = plan(SMALL, machine("H100", "H100"), *words)
    names = {one.name for one in parse(words)}
    mine = [one for one in made.settings if one.argument.name in names]
    assert [word for one in mine for word in one.argument.words] == words
    assert {one.reason for one in mine} == {"yours"}
    assert not names & {one.name for one in made.left}


def test_yours_are_reckoned_with() -> None:
    cards = machine("H100", "H100")
    made = plan(SMALL, cards, "-tp", "2", "--gpu-memory-utilization=0.5", "--kv-cache-dtype", "fp8")
    assert made.fit is not None
    assert (made.fit.layout.ways, made.fit.layout.copies, made.fit.layout.small) == (2, 1, True)
    assert made.fit.budget.utilisation == 0.5
    shorter = plan(SMALL, cards, "--max-model-len", "8k")
    assert shorter.fit is not None and shorter.fit.context == 8000
    binary = plan(SMALL, cards, "--max-model-len", "8K")
    assert binary.fit is not None and binary.fit.context == 8192
    assert plan(SMALL, cards, "--quantization", "fp8").fit is None
    # What doesn't fit as it is may fit when it is made smaller.
    assert plan(LARGE, machine("3090"), "--quantization", "bitsandbytes").fit is None


def test_an_empty_value_leaves_a_setting_out() -> None:
    found = values(plan(SMALL, machine("H100"), "--speculative-config=", "--max-num-seqs="))
    assert "speculative-config" not in found and "max-num-seqs" not in found


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["stray"], "follows no flag"),
        (["--enforce-eager=1", "stray"], "follows no flag"),
        (["--port", "1"], "give --port"),
        (["--host=x"], "give --host"),
        (["--model", "x"], "as the command's argument"),
        (["--api-key", "canary-secret"], "VLLM_API_KEY"),
        (["--hf_token=canary-secret"], "HF_TOKEN"),
        (["--config", "x.yaml"], "arguments"),
        (["-tp", "two"], "no number of GPUs"),
        (["-dp", "0"], "no number of GPUs"),
        (["--gpu-memory-utilization", "90"], "no share"),
        (["--gpu-memory-utilization", "."], "no share"),
        (["--gpu-memory-utilization", "0"], "no share"),
    ],
)
def test_arguments_that_cannot_be_passed_on(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        plan(SMALL, machine("H100"), *words)
    assert "canary" not in str(caught.value)


def test_a_later_source_replaces_an_earlier() -> None:
    first = parse(["--seed", "1", "--enforce-eager", "--no-enable-prefix-caching"])
    second = parse(["--seed=2", "--enable_prefix_caching"])
    words = [word for one in joined(first, second) for word in one.words]
    assert words == ["--enforce-eager", "--seed=2", "--enable_prefix_caching"]
