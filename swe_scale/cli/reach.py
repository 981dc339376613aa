"""Opens the models that a run asks, and the server behind them where one is to be started."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from swe_scale import batch
from swe_scale.cli import naming
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.screen import Screen
from swe_scale.cli.strategies import own_models, strategies_of
from swe_scale.config import ModelConfig, OpenAIEndpoint, Stage, UserConfig, asked_models
from swe_scale.events import Event, Events
from swe_scale.jobs import Started
from swe_scale.models import Model
from swe_scale.models.serving import Served, serving
from swe_scale.models.unasked import Unasked

_RETRIES = 10
"""Of calls to a server of our own: together they take longer than it does to start again."""

Configured = Mapping[str, tuple[ModelConfig, ...]]
Opened = Mapping[str, tuple[Model, ...]]


@dataclass(frozen=True, slots=True)
class Reached:
    """The models of a run, opened."""

    configured: Configured
    models: Opened
    started: Started | None = None
    """The server that was started for it."""

    @property
    def context_length(self) -> int:
        """Tokens that fit into each of them, those of reader and images left out: they see less."""
        others = (naming.READER, naming.IMAGES)
        asked = (several for stage, several in self.models.items() if stage not in others)
        lengths = (model.context_length for several in asked for model in several)
        return min(lengths, default=Unasked().context_length)


@asynccontextmanager
async def reach(
    options: SolveOptions, user: UserConfig, issues: int, screen: Screen, events: Events
) -> AsyncIterator[Reached]:
    """Open the models that the options and the configuration name.

    Args:
        options: of the command.
        user: the configuration.
        issues: at a time; a server that is started is laid out for all of their trajectories.
        screen: is told what is worth knowing by then.
        events: where it is reported how the endpoints do later.

    Raises (on entry):
        UsageError: none is named, or too many.
        ModelError: a server can't be started, or a model can't be opened.
    """
    own = own_models(options, user)
    if options.serve is None:
        configured = asked_models(naming.models_of(options, user), own)
        async with opened(configured, screen, events) as models:
            yield Reached(configured, models)
        return
    naming.refuse_other_models(options)
    wanted = max(1, sum(strategies_of(options, user).values())) * issues
    laid_out = {"trajectories": wanted, "arguments": (*_without_guesses(user), *user.serve.arguments)}
    started = Started(model=options.serve, settings=user.serve.model_copy(update=laid_out))
    async with AsyncExitStack() as stack:
        served = await stack.enter_async_context(serving(started.model, started.settings, screen.say))
        screen.say(f"serving {served.model} at {served.base_url}")
        staged = {**dict.fromkeys(naming.STAGES, (_endpoint(served),)), **_reader(options, user, served)}
        configured = asked_models(staged, own)
        models = await stack.enter_async_context(opened(configured, screen, events))
        port = urlsplit(served.base_url).port
        kept = started.settings.model_copy(update={"port": port})
        yield Reached(configured, models, started.model_copy(update={"settings": kept}))


@asynccontextmanager
async def reach_again(
    configured: Configured, started: Started | None, screen: Screen, events: Events
) -> AsyncIterator[Opened]:
    """Open the models of a run that is gone on with, and start its server again where it had one.

    Raises (on entry):
        ModelError: as `reach`.
    """
    async with AsyncExitStack() as stack:
        if started is not None:
            await stack.enter_async_context(serving(started.model, started.settings, screen.say))
        yield await stack.enter_async_context(opened(configured, screen, events))


def _without_guesses(user: UserConfig) -> tuple[str, ...]:
    """Return what leaves speculation out where a stage samples with `min_p`, which vLLM refuses beside it."""
    return ("--speculative-config=",) if any(one.min_p for one in user.sampling.values()) else ()


def _reader(options: SolveOptions, user: UserConfig, served: Served) -> dict[Stage, tuple[ModelConfig, ...]]:
    return naming.reader_of(options, user, _endpoint(served))


def _endpoint(served: Served) -> OpenAIEndpoint:
    return OpenAIEndpoint(
        base_url=served.base_url,
        model=served.model,
        key_variable=served.key_variable,
        context_length=served.context_length,
        retries=_RETRIES,
    )


@asynccontextmanager
async def opened(configured: Configured, screen: Screen, events: Events) -> AsyncIterator[Opened]:
    """Open the models; what is worth knowing of an endpoint by then is said at once.

    Raises (on entry):
        ModelError: an endpoint can't be reached, refuses the key, or doesn't know its model.
    """

    def note(event: Event) -> None:
        if event.kind == "note":
            screen.say(event.text)

    events.listeners.append(note)
    async with batch.open_models(configured, events) as models:
        events.listeners.remove(note)
        yield models
