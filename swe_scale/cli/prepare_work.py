"""What the steps of `swe-scale prepare` share, each part made when the first of them needs it."""

import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TypeVar

from swe_scale.building import Builder, Proof
from swe_scale.cli.environment import Found, find_in, open_repairer_of
from swe_scale.cli.environment_effort import Effort
from swe_scale.cli.options import SolveOptions
from swe_scale.cli.surroundings import network_of, sandbox_of
from swe_scale.config import UserConfig
from swe_scale.environment import Prepared
from swe_scale.environment.latest import remember
from swe_scale.errors import SweScaleError
from swe_scale.events import Events
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, open_backend

T = TypeVar("T")
_RUN = "prepare"
"""Name of the run that what is started belongs to."""
_EFFORT = Effort(proof_seconds=300.0, rounds=3, fresh=False)


@dataclass(frozen=True, slots=True)
class Stepped:
    """What came of a step."""

    done: int = 0
    """How much was made now."""
    kept: int = 0
    """How much was there already."""
    failed: str = ""
    """Why it failed, or in part; empty: it didn't."""
    note: str = ""


@dataclass(slots=True)
class Work:
    """A commit that is prepared."""

    repository: Repository
    commit: str
    options: SolveOptions
    user: UserConfig
    events: Events
    stack: AsyncExitStack
    """Closes what was opened."""
    cells: int
    until: float
    """Time of the event loop's clock at which nothing new is begun."""
    _made: dict[str, object] = field(default_factory=dict)
    _failures: dict[str, SweScaleError] = field(default_factory=dict)

    async def found(self) -> Found:
        """Return what the commit says of its environment.

        Raises:
            UsageError, RepositoryError: as `find_in` does.
        """
        return await self._once(
            "found",
            lambda: find_in(self.repository, self.commit, self.options, self.user, self.events),
        )

    async def backend(self) -> Backend:
        """Return the opened sandbox.

        Raises:
            SandboxError: it doesn't work here.
            UsageError: there is none of this name.
        """

        async def make() -> Backend:
            sandbox, network = sandbox_of(self.options, self.user), network_of(self.options, self.user)
            return await self.stack.enter_async_context(open_backend(sandbox, _RUN, self.events, network))

        return await self._once("backend", make)

    async def built(self) -> Prepared:
        """Return the environment, proved and built now or before.

        Raises:
            EnvironmentFailure: it can't be built.
            SweScaleError: as what it needs.
        """
        prepared, _ = await self._once("environment", self._build)
        return prepared

    async def proof(self) -> Proof | None:
        """Return the proof of the environment; None where there was no time for one.

        Raises:
            SweScaleError: as `built`.
        """
        _, proof = await self._once("environment", self._build)
        return proof

    async def _build(self) -> tuple[Prepared, Proof | None]:
        site, backend = (await self.found()).site, await self.backend()
        # What is named here reads files, within a budget of its own; who repairs is configured.
        options = replace(self.options, base_url=None, model=None, reader_model=None)
        repairer = await self.stack.enter_async_context(
            open_repairer_of(site, options, self.user, _EFFORT, self.events)
        )
        seconds = max(0.0, min(_EFFORT.proof_seconds, self.until - time.monotonic()))
        built = await Builder(backend, self.events, repairer).build_proved(site, seconds)
        await remember(site, built.prepared)
        return built.prepared, built.proof

    async def _once(self, name: str, make: Callable[[], Awaitable[T]]) -> T:
        """Return what was made under a name, or raise what hindered it then."""
        if (failure := self._failures.get(name)) is not None:
            raise failure
        if name not in self._made:
            try:
                self._made[name] = await make()
            except SweScaleError as error:
                self._failures[name] = error
                raise
        return self._made[name]  # type: ignore[return-value]
