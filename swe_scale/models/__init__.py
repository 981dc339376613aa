"""Models behind one verb; which backend answers is a matter of configuration."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from swe_scale.config import (
    AnthropicEndpoint,
    ModelConfig,
    OfferedModel,
    OpenAIEndpoint,
    Pool,
    ScriptedReplies,
)
from swe_scale.errors import EndpointRefused
from swe_scale.events import Events
from swe_scale.records import Completion, Request

__all__ = ["Model", "open_model"]


class Model(Protocol):
    """Something that answers a conversation."""

    name: str
    context_length: int
    """Tokens that prompt and reply may have together."""
    tools: bool
    """Whether strategies are to use tool calls where they can."""

    async def complete(self, request: Request) -> Completion:
        """Return the reply; its usage carries tokens and seconds, not money.

        Raises:
            ContextExceeded: the prompt no longer fits.
            EndpointRefused: nothing will be answered: the key, the model or the address is wrong.
            Interrupted: a try that may have been charged broke off; another is the caller's to pay for.
            ModelError: the endpoint failed for good, or for longer than it was tried.
        """
        ...


def open_model(config: ModelConfig, events: Events | None = None) -> AbstractAsyncContextManager[Model]:
    """Return the model of a configuration, known to answer.

    Args:
        config: which.
        events: where it is reported how the endpoints do.

    Raises (on entry):
        ModelError: the endpoint can't be reached, refuses the key, or doesn't know the model.
    """
    heard = events or Events()
    match config:
        case OpenAIEndpoint():
            from swe_scale.models.openai import open_openai

            return open_openai(config, heard)
        case AnthropicEndpoint():
            return _anthropic(config)
        case Pool():
            from swe_scale.models.pool import open_pool

            return open_pool(config, heard)
        case ScriptedReplies():
            from swe_scale.models.scripted import open_scripted

            return open_scripted(config)
        case OfferedModel():
            from swe_scale.models.offered import open_offered

            return open_offered(config, heard)


def _anthropic(config: AnthropicEndpoint) -> AbstractAsyncContextManager[Model]:
    try:
        from swe_scale.models.anthropic import open_anthropic
    except ModuleNotFoundError as error:
        raise EndpointRefused(
            f"{config.model} needs Anthropic's client library: {error.name} is not installed.\n"
            "Install it: pip install 'swe-scale[anthropic]'"
        ) from None
    return open_anthropic(config)
