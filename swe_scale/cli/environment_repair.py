"""Opens the model that repairs environments for `swe-scale environment build`, with books of its own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from shutil import rmtree

import anyio

from swe_scale import batch
from swe_scale.assignments import sampling
from swe_scale.building import Repairer
from swe_scale.cli import naming, settings
from swe_scale.cli.environment_effort import Effort
from swe_scale.cli.options import SolveOptions
from swe_scale.config import Budget, UserConfig, cache_folder
from swe_scale.environment import Site
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import open_model
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store


@asynccontextmanager
async def open_repairer(
    site: Site, options: SolveOptions, user: UserConfig, effort: Effort, events: Events
) -> AsyncIterator[Repairer]:
    """Return who mends a site; what was asked before is kept in the cache folder and not asked again.

    Args:
        site: which.
        options: of the command.
        user: the configuration.
        effort: says how many rounds there may be, and whether what was asked before is forgotten.
        events: where progress is reported.

    Raises:
        UsageError: no model is named, or half of one.
        ModelError: it can't be reached.
        StoreError: the books can't be written.
    """
    config = naming.models_of(options, user)["environment"][0]
    place = cache_folder() / "environments" / "repairs" / site.key
    if effort.fresh:
        await anyio.to_thread.run_sync(partial(rmtree, place, ignore_errors=True))
    batch.make_folder(place)
    issue = f"environment-{site.key[:8]}"
    async with open_model(config, events) as model, open_store(place) as store:
        ledger = Ledger(Steps(store), Budget(), user.prices, events, issue)
        drawn = settings.sampling_of(options, user, "environment", model.context_length)
        yield Repairer(model, ledger, sampling(drawn, 1), events, issue, effort.rounds)
