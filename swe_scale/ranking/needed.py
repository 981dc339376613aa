"""Finds what a run needs of the matrix: by its rule, and by the policy beside it."""

from swe_scale.config import RunConfig
from swe_scale.ranking.sure import VOTES
from swe_scale.ranking.worth import EVERYTHING, VOTING, Needs, repeated

_COUNTING = {"fixed", "until-agreed"}
"""Policies that look at no more than the answer of the rule `votes`."""


def needs_of(config: RunConfig) -> Needs:
    """Return what is needed: less than every cell of checks that vote where it is known what can be spared.

    That is so of the answer of the rule `votes` alone. Another rule reads more, and so do policies that ask
    what is probable, or what further trajectories may change; turns are crossed for other answers yet.
    So do those who have cells run again: it is open what most runs of one will say.
    """
    needs = _needs_once(config)
    return needs if config.repeats == 1 else repeated(config.repeats, needs)


def _needs_once(config: RunConfig) -> Needs:
    if config.record_all:
        return EVERYTHING
    counting = config.policy in _COUNTING and config.stragglers == "wait" and not config.cascade
    sparing = config.rule == "votes" and counting and not config.record_turns and config.repeats == 1
    return VOTES if sparing else VOTING
