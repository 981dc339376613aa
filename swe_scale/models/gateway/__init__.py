"""Lets an agent that isn't ours ask its model: with a key that it never sees, and bounded."""

from swe_scale.models.gateway.allowance import Allowance, TooMany
from swe_scale.models.gateway.gateway import Gateway, open_gateway
from swe_scale.models.gateway.transcript import Transcript, cut

__all__ = ["Allowance", "Gateway", "TooMany", "Transcript", "cut", "open_gateway"]
