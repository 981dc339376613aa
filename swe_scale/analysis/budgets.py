"""Compares an estimate with the budget that was given, before any of it is spent."""

from collections.abc import Iterator, Sequence
from math import ceil

from swe_scale.analysis.estimate import Estimate
from swe_scale.analysis.ranges import Range
from swe_scale.config import Budget
from swe_scale.errors import UsageError


def check_budget(estimates: Sequence[Estimate], budget: Budget) -> None:
    """Refuse a budget that buys nothing for any of the issues; it is for each of them.

    Raises:
        UsageError: the budget is smaller than one call.
    """
    calls = [call for one in estimates for call in one.first_calls]
    first = min(calls, key=lambda call: call.tokens)
    if budget.tokens is not None and first.tokens > budget.tokens:
        raise UsageError(
            f"the budget is smaller than one call: of {budget.tokens:,} tokens, the first may need "
            f"{first.prompt_tokens:,} for the prompt (one per byte, since no tokenizer makes more) and "
            f"{first.completion_tokens:,} for the reply.\n"
            f"Give at least --budget {first.tokens}tokens, or a smaller --context-tokens."
        )
    first = min(calls, key=lambda call: call.usd)
    if budget.usd is not None and first.usd > budget.usd:
        raise UsageError(
            f"the budget is smaller than one call: of {budget.usd:g} USD, the first may cost "
            f"{first.usd:.4f}: {first.prompt_tokens:,} tokens for the prompt (one per byte, since no "
            f"tokenizer makes more), {first.completion_tokens:,} for the reply.\n"
            f"Give at least --budget {_rounded_up(first.usd)}usd, or a smaller --context-tokens."
        )


def remarks(estimate: Estimate, budget: Budget) -> Iterator[str]:
    """Yield what stands in an issue's way: a first prompt that is too long, a budget that is too small.

    Args:
        estimate: of one issue.
        budget: for one issue.
    """
    yield from estimate.unfit
    if budget.tokens is not None:
        yield from _compared(estimate.tokens, budget.tokens, f"{budget.tokens:,} tokens")
    if budget.usd is not None and estimate.usd is not None:
        yield from _compared(estimate.usd, budget.usd, f"{budget.usd:g} USD")
    if budget.minutes is not None:
        yield from _compared(estimate.seconds, budget.minutes * 60, f"{budget.minutes:g} minutes")


def _compared(needed: Range, given: float, named: str) -> Iterator[str]:
    if given < needed.low:
        yield f"The budget of {named} is less than the lowest estimate: most trajectories will end early."
    elif given < needed.likely:
        yield f"The budget of {named} is less than what is likely: some trajectories will end early."
    elif given < needed.high:
        yield f"The budget of {named} is enough for what is likely, not for the highest estimate."


def _rounded_up(usd: float) -> str:
    return f"{ceil(usd * 10_000) / 10_000:.4f}"
