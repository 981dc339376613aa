"""Reads from the options how candidates are ranked, how the budget is spent, and when nothing is proposed."""

from math import isfinite
from typing import Any, get_args

from swe_scale.cli.options import SolveOptions
from swe_scale.config import RunConfig
from swe_scale.errors import UsageError
from swe_scale.policy import find_policy
from swe_scale.ranking import find_rule


def method_of(options: SolveOptions) -> dict[str, Any]:
    """Return rule, policy and least confidence, as far as they are given.

    Raises:
        UsageError: there is no rule, policy or aim of that name, or the confidence is given in two ways.
        ExtensionError: one can't be loaded.
    """
    found = _least_confidence(options)
    if found:
        # The votes' own confidence is no probability.
        found["rule"] = "latent"
    if options.rule is not None:
        find_rule(options.rule)
        found["rule"] = options.rule
    if options.stragglers is not None:
        known = get_args(RunConfig.model_fields["stragglers"].annotation)
        if options.stragglers not in known:
            raise UsageError(f"--stragglers {options.stragglers!r:.80}: known are {', '.join(known)}.")
        found["stragglers"] = options.stragglers
    return found | _policy(options)


def _least_confidence(options: SolveOptions) -> dict[str, Any]:
    least, costs = options.min_confidence, options.wrong_costs
    if costs is None:
        return {} if least is None else {"min_confidence": least}
    if least is not None:
        raise UsageError("--min-confidence and --wrong-costs say the same in two ways: leave one out.")
    if not isfinite(costs):
        raise UsageError(f"--wrong-costs {costs} can't be used: give a number, 0 or more.")
    return {"min_confidence": costs / (1 + costs)}


def _policy(options: SolveOptions) -> dict[str, Any]:
    if options.objective is None:
        if options.policy is None:
            return {}
        find_policy(options.policy)
        return {"policy": options.policy}
    policy = options.policy or "adaptive"
    find_policy(policy, options.objective)
    return {"policy": policy, "objective": options.objective}
