"""Where a model is served, for clients that are not ours and are led there."""

from dataclasses import dataclass

from swe_scale.config import AnthropicEndpoint, OpenAIEndpoint
from swe_scale.models.admission import Admission
from swe_scale.models.endpoint import Endpoint

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """One server of a model."""

    config: OpenAIEndpoint | AnthropicEndpoint
    endpoint: Endpoint
    admission: Admission
    """Who holds a place there may ask it; all that ask share them."""
    longest: int | None = None
    """Tokens that it takes, at most. None: nobody said."""
