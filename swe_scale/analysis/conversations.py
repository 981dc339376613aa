"""Makes of the settings the conversations that a run may have: trajectories, and a selection."""

from collections import Counter
from collections.abc import Mapping

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.ranges import NOTHING, Range
from swe_scale.analysis.sizes import Sizes
from swe_scale.analysis.talk import Talk
from swe_scale.config import Limits, RunConfig, Stage
from swe_scale.pipeline import plan, sampling
from swe_scale.ranking.rule import FINALISTS

_MESSAGE = 16
"""Tokens that a template adds to one message at most, and tools below, as the ledger has them."""
_TOOLS = 1024
_CALL = 64
_TEMPLATE = 2_000
"""Bytes that are put around outputs, at most."""
_DAMAGED = 3
"""Bytes that one of an output can become: what isn't UTF-8 is replaced, what looks like a fence fenced."""
_WORD = 16
"""Bytes of a token on average, at most: a reply comes back as text, a token per byte in the ledger's eyes."""
_PATCHES_SHOWN = 3 * 25_000
_CHECKS_SHOWN = 4
CHECKS_PER_REPLY = 4
_CHECK_FILE = 256 * 1024
"""Bytes of the finalists' patches, and of one check that an agent left, at most."""


def turns_of(strategy: str, config: RunConfig, assumed: Assumptions) -> Range:
    """Return how many replies a trajectory takes."""
    typical = assumed.revise_turns if strategy == "revise" else assumed.agent_turns
    return typical.up_to(config.turns)


def selection_turns(config: RunConfig, assumed: Assumptions) -> Range:
    """Return how many replies a selection takes; there is none where nothing can be level."""
    alone = sum(config.strategies.values()) < 2
    return assumed.selection_turns.up_to(0 if alone else config.selection_turns)


def trajectory(strategy: str, served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation of a trajectory."""
    revises, tools = strategy == "revise", served.tools and strategy == "agent"
    size, executions = sizes.opening(strategy, tools), 2 if revises else 1
    reply = reply_tokens("trajectory", config, assumed)
    typical = assumed.revise_output if revises else assumed.agent_output
    called = _CALL if tools else 0
    return Talk(
        served=served,
        opening=Range(low=size, likely=size, high=size),
        shared=sizes.system + sizes.shared,
        turns=turns_of(strategy, config, assumed),
        reply=reply,
        output=typical.up_to(executions * config.limits.output + _TEMPLATE),
        extra=_tools(sizes, assumed) if tools else NOTHING,
        first_bound=size + 2 * _MESSAGE + (sizes.schemas + _TOOLS if tools else 0),
        growth_bound=int(reply.high) * _WORD + called + _output_bound(executions, config.limits),
    )


def selection(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation of a selection."""
    size = sizes.opening("selection")
    executions = CHECKS_PER_REPLY * (1 + FINALISTS)
    longest = int(reply_tokens("trajectory", config, assumed).high) * _WORD
    written = _CHECKS_SHOWN * (longest if set(config.strategies) == {"revise"} else max(longest, _CHECK_FILE))
    reply = reply_tokens("selection", config, assumed)
    return Talk(
        served=served,
        opening=Range(low=size, likely=size, high=size) + assumed.selection_evidence,
        shared=sizes.system + sizes.shared,
        turns=selection_turns(config, assumed),
        reply=reply,
        output=assumed.selection_output.up_to(executions * config.limits.output + _TEMPLATE),
        extra=NOTHING,
        first_bound=size + 2 * _MESSAGE + _PATCHES_SHOWN + written + _TEMPLATE,
        growth_bound=int(reply.high) * _WORD + _output_bound(executions, config.limits),
    )


def reply_tokens(stage: Stage, config: RunConfig, assumed: Assumptions) -> Range:
    """Return the tokens of a reply, on average."""
    drawn = sampling(config.sampling_of(stage), 1)
    longest = drawn.max_tokens
    found = assumed.reply_tokens.up_to(longest)
    if drawn.effort is None:
        return found
    return found.model_copy(update={"likely": max(found.likely, longest * assumed.effort_share)})


def _tools(sizes: Sizes, assumed: Assumptions) -> Range:
    return Range.of(
        lambda level: assumed.tool_tokens.at(level) + sizes.schemas / assumed.bytes_per_token.at(level)
    )


def _output_bound(executions: int, limits: Limits) -> int:
    return 2 * _MESSAGE + executions * (_DAMAGED * limits.output + _TEMPLATE)


def shares(config: RunConfig, served: Mapping[Stage, tuple[Served, ...]]) -> Mapping[tuple[str, Served], int]:
    """Return how many trajectories each strategy has with each model; they take turns with the models."""
    models = served["trajectory"]
    return Counter((one.strategy, models[(one.index - 1) % len(models)]) for one in plan(config))
