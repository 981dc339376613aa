"""A model of another package: what fails in it, or is no reply, is a failure of the endpoint."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from swe_scale.config import OWN_ENDPOINTS, OfferedModel
from swe_scale.errors import ExtensionError, ModelError, SweScaleError
from swe_scale.events import Events
from swe_scale.extensions import described, loaded
from swe_scale.models import Model
from swe_scale.records import Completion, Request

_LEAST = 512


@dataclass(slots=True)
class NamedModel:
    """The model, by the name under which its tokens are booked."""

    kind: str
    inner: Model
    name: str
    context_length: int
    tools: bool

    async def complete(self, request: Request) -> Completion:
        """Return the reply; see the protocol."""
        try:
            reply = await self.inner.complete(request)
        except SweScaleError:
            raise
        except Exception as error:
            raise ModelError(f"the model {self.kind!r} failed: {described(error)}") from error
        if not isinstance(reply, Completion):
            raise ModelError(f"the model {self.kind!r} hands back no completion: {reply!r:.80}")
        return reply


@asynccontextmanager
async def open_offered(config: OfferedModel, events: Events) -> AsyncIterator[NamedModel]:
    """Return a model of another package: what it offers is called as `(model, options, events)`.

    Raises:
        UsageError: nobody offers one of that name.
        ExtensionError: it can't be loaded or opened, or doesn't say how long its context is.
        ModelError: it can't be reached.
    """
    opener = loaded("model", config.kind, OWN_ENDPOINTS)
    async with AsyncExitStack() as held:
        try:
            model: Model = await held.enter_async_context(opener(config.model, dict(config.options), events))
        except SweScaleError:
            raise
        except Exception as error:
            raise ExtensionError(f"the model {config.kind!r} can't be opened: {described(error)}.") from error
        yield _named(config, model)


def _named(config: OfferedModel, model: Model) -> NamedModel:
    told = getattr(model, "context_length", None)
    length = config.context_length or told
    if not isinstance(length, int) or length < _LEAST:
        raise ExtensionError(
            f"the model {config.kind!r} has a context of {length!r:.80} tokens: set context_length."
        )
    tools = getattr(model, "tools", False) is True
    return NamedModel(config.kind, model, config.model, length, tools)
