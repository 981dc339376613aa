"""Puts a policy together of the one that is named and of what is put around it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from swe_scale.config import RunConfig
from swe_scale.policy.cascade import Cascade
from swe_scale.policy.finding import find_policy
from swe_scale.policy.progress import Policy
from swe_scale.policy.stragglers import Stragglers
from swe_scale.ranking import find_rule
from swe_scale.trajectory import LATE, Assignment, taken_by


class Named(Protocol):
    """A model, of which the name is all that counts here."""

    @property
    def name(self) -> str:
        """Its name."""
        ...


def composed(config: RunConfig, plan: Sequence[Assignment], models: Mapping[str, Sequence[Named]]) -> Policy:
    """Return the policy of a run.

    Args:
        config: its settings.
        plan: its trajectories; of a cascade, models are asked in the order in which they first come there.
        models: by stage, and by `strategies.NAME` those that are a strategy's own.

    Raises:
        UsageError: there is no policy or rule of that name.
        ExtensionError: one can't be loaded or made.
    """
    policy = find_policy(config.policy, config.objective)
    if config.cascade:
        tiers: dict[str, list[int]] = {}
        for one in plan:
            if one.start not in LATE:
                tiers.setdefault(taken_by(one, models).name, []).append(one.index)
        # Where all learn from others, none comes first.
        policy = Cascade(policy, tuple(tiers.values())) if tiers else policy
    if config.stragglers == "wait":
        return policy
    return Stragglers(policy, find_rule(config.rule), config.stragglers == "slow")


def method_of(config: RunConfig) -> str:
    """Return what decisions depend on beside the evidence: decisions by others aren't repeated."""
    parts = [config.policy, config.rule]
    if config.objective != "resolved":
        parts.append(config.objective)
    if config.prior is not None:
        parts.append(str(config.prior))
    if config.cascade:
        parts.append("cascade")
    if config.stragglers != "wait":
        parts.append(config.stragglers)
    if config.repeats > 1:
        parts.append(f"repeats {config.repeats}")
    if config.trace_checks:
        parts.append("traced")
    return " ".join(parts)
