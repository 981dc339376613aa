"""Decides from the evidence so far what the next unit of compute goes to. Pure."""

from swe_scale.policy.composing import composed, method_of
from swe_scale.policy.finding import OWN_POLICIES, find_policy
from swe_scale.policy.fixed import Fixed
from swe_scale.policy.progress import Action, Move, Planned, Policy, Progress

__all__ = [
    "OWN_POLICIES",
    "Action",
    "Fixed",
    "Move",
    "Planned",
    "Policy",
    "Progress",
    "composed",
    "find_policy",
    "method_of",
]
