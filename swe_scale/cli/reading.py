"""Opens the models that find files for commands which make no run, with books of their own."""

import math
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio

from swe_scale import batch
from swe_scale.assignments import sampling
from swe_scale.cli import naming, settings
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.spending import budget_of, check_priced
from swe_scale.config import Budget, ModelConfig, UserConfig, cache_folder
from swe_scale.context import Asked, Asker
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.readers import asked_of, reply_tokens
from swe_scale.records import Issue, Sampling, digest
from swe_scale.repo import Repository
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store

_PREPARING = "prepare"
"""What stands for an issue where there is none yet."""


@dataclass(frozen=True, slots=True)
class Opened:
    """Who reads, who is shown what was found, and what reading has cost."""

    asked: Asked | None
    shown: Model | None
    ledger: Ledger | None = None


def named(options: SolveOptions, user: UserConfig) -> dict[str, tuple[ModelConfig, ...]]:
    """Return the models that are to find files: none, unless one is asked for.

    Raises:
        UsageError: half of one is named, or one that isn't defined.
    """
    given = (options.base_url, options.model, options.replies, options.reader_model)
    if not any(given) and naming.READER not in user.stages:
        return {}
    found = naming.models_of(options, user)
    return {stage: found[stage] for stage in ("trajectory", naming.READER) if stage in found}


@asynccontextmanager
async def open_summariser(
    repository: Repository, options: SolveOptions, user: UserConfig, events: Events
) -> AsyncIterator[Asker | None]:
    """Return who says what files are for, whatever the issue; None where no reader is named.

    Raises (on entry):
        UsageError, ModelError, StoreError: as `open_readers`.
    """
    reading = {str(stage): models for stage, models in naming.reader_alone(options, user).items()}
    async with AsyncExitStack() as stack:
        if not reading:
            yield None
            return
        models = await stack.enter_async_context(batch.open_models(reading, events))
        reader = models[naming.READER][0]
        budget = _budget((reader,), options, user)
        place = repository.folder / "summaries"
        ledger = await stack.enter_async_context(_books(place, _PREPARING, budget, user, events))
        drawn = _drawn(reader, options, user)
        yield Asker(_PREPARING, reader, ledger, drawn, events, _end(ledger))


@asynccontextmanager
async def open_readers(
    issue: Issue, options: SolveOptions, user: UserConfig, events: Events
) -> AsyncIterator[Opened]:
    """Return the models; what a reader was asked before on the same issue is not asked again.

    Raises (on entry):
        UsageError: as `named`, or money is the budget of a model without a price.
        ModelError: an endpoint can't be reached, refuses the key, or doesn't know its model.
        StoreError: the books can't be written, or another process writes them.
    """
    configured = named(options, user)
    async with AsyncExitStack() as stack:
        models = await stack.enter_async_context(batch.open_models(configured, events))
        shown = models["trajectory"][0] if models else None
        if naming.READER not in models or shown is None:
            yield Opened(None, shown)
            return
        reader = models[naming.READER][0]
        budget = _budget((reader, shown), options, user)
        place = cache_folder() / "contexts" / digest(issue.model_dump_json())
        # It is given to the reader here, so all of it is.
        ledger = await stack.enter_async_context(_books(place, issue.id, budget, user, events))
        drawn = _drawn(reader, options, user)
        asked = asked_of(issue, (reader, shown), ledger, drawn, events)
        asked.end_at(_end(ledger))
        yield Opened(asked, shown, ledger)


@asynccontextmanager
async def _books(
    place: Path, issue: str, budget: Budget, user: UserConfig, events: Events
) -> AsyncIterator[Ledger]:
    batch.make_folder(place)
    async with open_store(place) as store:
        yield Ledger(Steps(store), budget, user.prices, events, issue)


def _budget(models: Iterable[Model], options: SolveOptions, user: UserConfig) -> Budget:
    budget = budget_of(options)
    check_priced(budget, (one.name for one in models), user)
    return budget


def _end(ledger: Ledger) -> float:
    """Return when the minutes of the budget are over, on the event loop's clock."""
    minutes = ledger.budget.minutes
    return math.inf if minutes is None else anyio.current_time() + minutes * 60


def _drawn(reader: Model, options: SolveOptions, user: UserConfig) -> Sampling:
    drawn = sampling(settings.sampling_of(options, user, naming.READER, reader.context_length), 0)
    return drawn.model_copy(update={"max_tokens": reply_tokens(reader.context_length, drawn)})
