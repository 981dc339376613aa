"""Stands for the model of a run in which none is asked."""

from dataclasses import dataclass

from swe_scale.errors import EndpointRefused
from swe_scale.records import Completion, Request


@dataclass(slots=True)
class Unasked:
    """A model that isn't there; whoever would ask it should have looked before."""

    name: str = ""
    context_length: int = 131_072
    tools: bool = False

    async def complete(self, request: Request) -> Completion:
        """Raise `EndpointRefused`: no model was named."""
        raise EndpointRefused(f"{request.step} needs a model, and none is named.")
