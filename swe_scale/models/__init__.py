"""Models behind one verb; which backend answers is a matter of configuration."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol

from swe_scale.config import ModelConfig, OpenAIEndpoint, ScriptedReplies
from swe_scale.records import Completion, Request

__all__ = ["Model", "open_model"]


class Model(Protocol):
    """Something that answers a conversation."""

    name: str
    context_length: int
    """Tokens that prompt and reply may have together."""

    async def complete(self, request: Request) -> Completion:
        """Return the reply; its usage carries tokens and seconds, not money.

        Raises:
            ContextExceeded: the prompt no longer fits.
            Interrupted: a try that may have been charged broke off; another is the caller's to pay for.
            ModelError: the endpoint failed for good, or for longer than it was tried.
        """
        ...


def open_model(config: ModelConfig) -> AbstractAsyncContextManager[Model]:
    """Return the model of a configuration, known to answer.

    Raises (on entry):
        ModelError: the endpoint can't be reached, refuses the key, or doesn't know the model.
    """
    match config:
        case OpenAIEndpoint():
            from swe_scale.models.openai import open_openai

            return open_openai(config)
        case ScriptedReplies():
            from swe_scale.models.scripted import open_scripted

            return open_scripted(config)
