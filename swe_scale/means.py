"""What solving needs beside an issue and its settings."""

from collections.abc import Mapping
from dataclasses import dataclass

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Stage
from swe_scale.environment import Options
from swe_scale.events import Events
from swe_scale.models import Model
from swe_scale.models.unasked import Unasked
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend
from swe_scale.store import Steps

_UNASKED = Unasked()


@dataclass(frozen=True, slots=True)
class Means:
    """What solving needs, opened by the caller and shared by all issues of a run."""

    repository: Repository
    steps: Steps
    backend: Backend
    models: Mapping[str, tuple[Model, ...]]
    """By stage, one or several, and by `strategies.NAME` those that are a strategy's own. None at all where
    everything is given and nothing is asked."""
    options: Options
    """How the environment is found."""
    cache: VerdictCache
    events: Events
    slots: anyio.CapacityLimiter

    def asked(self, stage: Stage) -> tuple[Model, ...]:
        """Return the models of a stage: the trajectories' where it has none of its own."""
        return self.models.get(stage) or self.models.get("trajectory") or (_UNASKED,)
