"""The conversations that a run may have beside its trajectories: set-up, triage, a test of the issue."""

from swe_scale.analysis.assumptions import Assumptions
from swe_scale.analysis.conversations import MESSAGE, TEMPLATE, WORD, first_prompt, reply_tokens
from swe_scale.analysis.endpoints import Served
from swe_scale.analysis.ranges import NOTHING, Range
from swe_scale.analysis.sizes import Sizes
from swe_scale.analysis.talk import Talk
from swe_scale.config import RunConfig
from swe_scale.ledger import PICTURE_TOKENS
from swe_scale.reproduction import MOST_SHOWN, MOST_TOLD
from swe_scale.wording import PATCH

_MENDING = 100_000
"""Bytes of the first prompt where a set-up failed, at most: paths, files of the project, output."""
_FAILURE = 12_000
"""Bytes in which a further failure is told, at most."""
_TEST_SHOWN = Range(low=3_000, likely=12_000, high=MOST_SHOWN)
"""Bytes of patch, check and tests that are shown where a test is to be written."""
_PICTURE = Range(low=300, likely=1_500, high=PICTURE_TOKENS)
"""Tokens of an image."""
_TEST_TOLD = Range(low=100, likely=2_000, high=MOST_TOLD)
"""Bytes in which it is said what is wrong with one."""


def mending(served: Served, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation in which a set-up that fails is mended."""
    rounds = config.repair_rounds
    reply = reply_tokens("environment", config, assumed)
    return Talk(
        served=served,
        opening=assumed.mending_opening,
        shared=0,
        turns=Range(low=0, likely=0, high=rounds),
        reply=reply,
        output=Range(low=0, likely=4000, high=_FAILURE),
        extra=NOTHING,
        first_bound=_MENDING,
        growth_bound=int(reply.high) * WORD + 2 * MESSAGE + _FAILURE,
    )


def triage(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions, first: bool) -> Talk:
    """Return the question whether an issue is worth it; only where the first says no it is asked again."""
    size = sizes.system + sizes.shared + sizes.triage
    reply = reply_tokens("triage", config, assumed)
    return Talk(
        served=served,
        opening=first_prompt(size, sizes),
        shared=sizes.system + sizes.shared,
        turns=Range(low=int(first), likely=int(first), high=1),
        reply=reply,
        output=NOTHING,
        extra=NOTHING,
        first_bound=size + sizes.more + 2 * MESSAGE + TEMPLATE,
        growth_bound=0,
    )


def testing(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the conversation in which a test of the issue is written; a patch may bring one, or be none."""
    size = sizes.system + sizes.shared + TEMPLATE
    reply = reply_tokens("test", config, assumed)
    return Talk(
        served=served,
        opening=first_prompt(size, sizes) + _TEST_SHOWN,
        shared=sizes.system + sizes.shared,
        turns=Range(low=0, likely=1, high=config.test_rounds) if sizes.tests else NOTHING,
        reply=reply,
        output=_TEST_TOLD,
        extra=NOTHING,
        first_bound=size + sizes.more + 2 * MESSAGE + TEMPLATE + MOST_SHOWN,
        growth_bound=int(reply.high) * WORD + 2 * MESSAGE + MOST_TOLD,
    )


def wording(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the question what the patch does; none is asked where none is proposed."""
    size = sizes.system + sizes.shared + TEMPLATE
    reply = reply_tokens("words", config, assumed)
    return Talk(
        served=served,
        opening=first_prompt(size, sizes) + Range(low=300, likely=2_000, high=PATCH),
        shared=sizes.system + sizes.shared,
        turns=Range(low=0, likely=1, high=1),
        reply=reply,
        output=NOTHING,
        extra=NOTHING,
        first_bound=size + sizes.more + 2 * MESSAGE + TEMPLATE + PATCH,
        growth_bound=0,
    )


def depicting(served: Served, sizes: Sizes, config: RunConfig, assumed: Assumptions) -> Talk:
    """Return the question what an image of the issue shows."""
    reply = reply_tokens("images", config, assumed)
    return Talk(
        served=served,
        opening=Range(low=sizes.depicting, likely=sizes.depicting, high=sizes.depicting),
        shared=0,
        turns=Range(low=0, likely=1, high=1),
        reply=reply,
        output=NOTHING,
        extra=_PICTURE,
        first_bound=sizes.depicting + 2 * MESSAGE + PICTURE_TOKENS,
        growth_bound=0,
    )
