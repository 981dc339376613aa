"""Makes of the settings the conversations that a run may have: trajectories, and a selection."""

from collections import Counter
from collections.abc import Mapping
from math import ceil
from typing import Literal

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.ranges import NOTHING, Range
from swe_scale.analysis.sizes import Sizes
from swe_scale.analysis.talk import Talk
from swe_scale.assignments import note_tokens, plan, sampling
from swe_scale.config import Limits, Prompted, RunConfig, Stage, Start, standing_for
from swe_scale.planning import PER_REPLY, PLAN_BYTES, most_replies
from swe_scale.ranking.rule import FINALISTS
from swe_scale.selection import REPLIES
from swe_scale.trajectory import taken_by

MESSAGE = 16
"""Tokens that a template adds to one message at most, and tools below, as the ledger has them."""
_TOOLS = 1024
_CALL = 64
TEMPLATE = 2_000
"""Bytes that are put around outputs, at most."""
_DAMAGED = 3
"""Bytes that one of an output can become: what isn't UTF-8 is replaced, what looks like a fence fenced."""
WORD = 16
"""Bytes of a token on average, at most: a reply comes back as text, a token per byte in the ledger's eyes."""
_COMBINED = 3_000
"""Bytes in which a group of plans is asked for, at most."""
_AROUND = 800
"""Bytes that are put around a plan or notes, at most."""
_PATCHES_SHOWN = 3 * 25_000
_CHECKS_SHOWN = 4
CHECKS_PER_REPLY = 4
_CHECK_FILE = 256 * 1024
"""Bytes of the finalists' patches, and of one check that an agent left, at most."""


Kind = Literal["revise", "agent", "exec"]


def kind_of(strategy: str, config: RunConfig) -> Kind:
    """Return what a strategy's conversations are like; another package's are taken for an agent's."""
    named = standing_for(strategy, config.named)
    if named is None:
        return "agent"
    return "revise" if named.kind == "check" else named.kind


def start_of(strategy: str, config: RunConfig) -> Start:
    """Return what its trajectories are given to begin with."""
    named = standing_for(strategy, config.named)
    return named.start if isinstance(named, Prompted) else "scratch"


def turns_of(strategy: str, config: RunConfig, assumed: Assumptions) -> Range:
    """Return how many replies a trajectory takes."""
    typical = {"revise": assumed.revise_turns, "agent": assumed.agent_turns, "exec": assumed.exec_turns}
    return typical[kind_of(strategy, config)].up_to(config.turns_of(strategy))


def planned(config: RunConfig) -> int:
    """Return how many trajectories begin with a plan."""
    return sum(count for name, count in config.strategies.items() if start_of(name, config) == "plan")


def planning_turns(config: RunConfig) -> Range:
    """Return how many replies the plans take."""
    count = planned(config)
    if not count:
        return NOTHING
    return Range(low=2, likely=1 + ceil(count / PER_REPLY), high=most_replies(count))


def selection_turns(config: RunConfig, assumed: Assumptions) -> Range:
    """Return how many replies a verdict of a selection takes; there is none where nothing can be level."""
    if sum(config.strategies.values()) < 2 or not config.verdicts:
        return NOTHING
    if config.selection == "list":
        return Range(low=0, likely=1, high=min(REPLIES, config.selection_turns))
    return assumed.selection_turns.up_to(config.selection_turns)


def trajectory(strategy: str, served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation of a trajectory."""
    kind = kind_of(strategy, config)
    if kind == "exec":
        return _foreign(strategy, served, config, assumed)
    revises, tools = kind == "revise", served.tools and kind == "agent"
    size, executions = sizes.opening(strategy, tools), 2 if revises else 1
    given = _given(strategy, config, assumed)
    reply = reply_tokens("trajectory", config, assumed)
    typical = assumed.revise_output if revises else assumed.agent_output
    called = _CALL if tools else 0
    return Talk(
        served=served,
        opening=first_prompt(size, sizes) + given,
        shared=sizes.system + sizes.shared,
        turns=turns_of(strategy, config, assumed),
        reply=reply,
        output=typical.up_to(executions * config.limits.output + TEMPLATE),
        extra=_tools(sizes, assumed) if tools else NOTHING,
        first_bound=size
        + sizes.more
        + int(given.high)
        + 2 * MESSAGE
        + (sizes.schemas + _TOOLS if tools else 0),
        growth_bound=int(reply.high) * WORD + called + _output_bound(executions, config.limits),
        given_bound=int(given.high),
    )


def first_prompt(size: int, sizes: Sizes) -> Range:
    """Return the bytes of a first prompt, in which a reader may want other files."""
    return Range(low=size - sizes.less, likely=size, high=size + sizes.more)


def _given(strategy: str, config: RunConfig, assumed: Assumptions) -> Range:
    """Return the bytes that a trajectory is given to begin with, beside what all are."""
    match start_of(strategy, config):
        case "scratch":
            return NOTHING
        case "plan":
            return assumed.plan_told.up_to(PLAN_BYTES + _AROUND)
        case _:
            return assumed.notes_told.up_to(3 * note_tokens(config) + _AROUND)


def _foreign(strategy: str, served: Served, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the requests of a command-line agent, of whose prompts nothing is known."""
    reply = reply_tokens("trajectory", config, assumed)
    return Talk(
        served=served,
        opening=assumed.exec_opening,
        shared=0,
        turns=turns_of(strategy, config, assumed),
        reply=reply,
        output=assumed.agent_output.up_to(config.limits.output + TEMPLATE),
        extra=NOTHING,
        first_bound=max(served.length, int(assumed.exec_opening.high)),
        growth_bound=int(reply.high) * WORD + _output_bound(1, config.limits),
        given_bound=served.length,
    )


def planning(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation in which plans are made."""
    size = sizes.system + sizes.shared + sizes.planning
    reply = reply_tokens("plan", config, assumed)
    return Talk(
        served=served,
        opening=first_prompt(size, sizes),
        shared=sizes.system + sizes.shared,
        turns=planning_turns(config),
        reply=reply,
        output=Range(low=0, likely=1200, high=_COMBINED),
        extra=NOTHING,
        first_bound=size + sizes.more + 2 * MESSAGE,
        growth_bound=int(reply.high) * WORD + 2 * MESSAGE + _COMBINED,
    )


def selection(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation of a selection."""
    size = sizes.opening("selection")
    executions = CHECKS_PER_REPLY * (1 + FINALISTS) if config.selection == "checks" else 0
    longest = int(reply_tokens("trajectory", config, assumed).high) * WORD
    revise = all(kind_of(name, config) == "revise" for name in config.strategies)
    written = _CHECKS_SHOWN * (longest if revise else max(longest, _CHECK_FILE))
    reply = reply_tokens("selection", config, assumed)
    return Talk(
        served=served,
        opening=first_prompt(size, sizes) + assumed.selection_evidence,
        shared=sizes.system + sizes.shared,
        turns=selection_turns(config, assumed),
        reply=reply,
        output=assumed.selection_output.up_to(executions * config.limits.output + TEMPLATE),
        extra=NOTHING,
        first_bound=size + sizes.more + 2 * MESSAGE + _PATCHES_SHOWN + written + TEMPLATE,
        growth_bound=int(reply.high) * WORD + _output_bound(executions, config.limits),
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
    return 2 * MESSAGE + executions * (_DAMAGED * limits.output + TEMPLATE)


def shares(config: RunConfig, served: Mapping[str, tuple[Served, ...]]) -> Mapping[tuple[str, Served], int]:
    """Return how many trajectories each strategy has with each model; they take turns with the models."""
    return Counter((one.strategy, taken_by(one, served)) for one in plan(config))
