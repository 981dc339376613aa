"""An issue's time: seconds per stage, and a bound that holds over all processes that work on it."""

import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from swe_scale.errors import BudgetExceeded
from swe_scale.events import Events
from swe_scale.store import Key, Steps

_FOR_TRAJECTORIES = 0.8
"""Share of the time that is left after which no trajectory goes on, so that there is time to vote."""
_CONCLUDING = 60.0
"""Seconds in which a process that begins after the deadline concludes from what is on record."""
_TICK = 5.0
"""Seconds between two records of the time spent: a process that is killed loses no more than that."""


@dataclass(slots=True)
class Clock:
    """Measures the stages of one issue, and knows when its time is over."""

    steps: Steps
    events: Events
    issue: str
    minutes: float | None
    """None is no bound."""
    deadline: datetime | None = None
    """Likewise; of the two, the earlier counts."""
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall clock per stage of this process."""
    end: float = math.inf
    """When everything ends, on the event loop's clock."""
    trajectories_end: float = math.inf
    """When trajectories end with what they have."""
    calls_end: float = math.inf
    """When no more calls begin."""
    by_deadline: bool = False
    """Whether it is the deadline that ends it."""

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measure a stage."""
        self.events.emit("stage", name, self.issue)
        began = time.perf_counter()
        try:
            yield
        finally:
            spent = self.seconds.get(name, 0.0) + time.perf_counter() - began
            self.seconds[name] = round(spent, 3)

    @contextmanager
    def bounded_stage(self, name: str) -> Iterator[None]:
        """Measure a stage without which there is nothing to judge.

        Raises:
            BudgetExceeded: the time was over before it ended.
        """
        with self.stage(name), anyio.CancelScope(deadline=self.end) as scope:
            yield
        if scope.cancelled_caught:
            over = "the deadline was" if self.by_deadline else f"the {self.minutes:g} minutes were"
            later = "later --deadline" if self.by_deadline else "larger --budget"
            raise BudgetExceeded(
                f"{over} over before the {name} was ready; what is ready is kept, so give a {later}."
            )

    def part_of(self, share: float) -> float:
        """Return when a share of the time that is left will be over, on the event loop's clock."""
        now = anyio.current_time()
        return now + share * (self.end - now)

    def _set_out(self, began: float, before: float) -> None:
        """Find out when all ends, given when this process began and what earlier ones took, in seconds."""
        left = math.inf if self.minutes is None else max(0.0, self.minutes * 60 - before)
        if self.deadline is not None:
            ahead = self.deadline.timestamp() - time.time()
            self.by_deadline = ahead < left
            if ahead <= 0:
                ahead, self.calls_end = _CONCLUDING, began
            left = min(left, ahead)
        self.end, self.trajectories_end = began + left, began + left * _FOR_TRAJECTORIES

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Count the time against its bounds while the context lasts."""
        key = Key(f"{self.issue}/elapsed", "1")
        before = 0.0 if self.minutes is None else float(self.steps.store.get(key) or 0.0)
        began = anyio.current_time()
        self._set_out(began, before)
        if self.minutes is None:
            yield
            return

        async def tick() -> None:
            while True:
                await anyio.sleep(_TICK)
                await self.steps.store.put(key, before + anyio.current_time() - began)

        async with anyio.create_task_group() as group:
            group.start_soon(tick)
            try:
                yield
            finally:
                group.cancel_scope.cancel()
                with anyio.CancelScope(shield=True):
                    await self.steps.store.put(key, before + anyio.current_time() - began)
