"""Finds what a run needs of the matrix: by its rule, and by the policy beside it."""

from collections.abc import Collection, Sequence

from swe_scale.config import RunConfig
from swe_scale.ranking.outcomes import Evidence
from swe_scale.ranking.posterior import latent
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.value import believing
from swe_scale.ranking.worth import EVERYTHING, VOTING, Cell, Needs, Next, base_first, finalists_tested

_BELIEVING = {"adaptive", "iterative-deepening"}
"""Policies that decide by what is probable, whatever the rule."""
_COUNTING = {"fixed", "until-agreed"}
"""Policies that look at no more than the default rule's answer."""


def needs_of(config: RunConfig) -> Needs:
    """Return what is needed; of a rule or a policy that isn't known here, every cell of checks that vote.

    The same where the patch is crossed after every turn: that includes all of these.
    """
    if config.record_all:
        return EVERYTHING
    rule, policy = config.rule, config.policy
    known = rule in ("votes", "latent") and policy in _BELIEVING | _COUNTING
    if config.record_turns or not known:
        return VOTING
    likely = latent_needs(config.min_confidence)
    if rule == "latent":
        return likely
    return VOTES if policy in _COUNTING else Needs(_both(likely), VOTES.tested, VOTES.why)


def latent_needs(least: float) -> Needs:
    """Return what the rule `latent` needs, where nothing is proposed below a probability."""
    return Needs(
        base_first(believing(least)),
        finalists_tested(latent),
        "that the others would change the choice is too improbable",
    )


def _both(likely: Needs) -> Next:
    """Return what the default rule needs, and then what its policy does."""

    def chosen(evidence: Evidence, under_way: Collection[Cell], slots: int) -> Sequence[Cell] | None:
        found = VOTES.next(evidence, under_way, slots)
        return likely.next(evidence, under_way, slots) if found is None else found

    return chosen
