"""Hands out the places for requests in flight at one endpoint: first come first served, issue by issue."""

import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from heapq import heappop, heappush

import anyio

from swe_scale.models.metrics import Load
from swe_scale.models.pace import Pace

__all__ = ["Admission"]


@dataclass(slots=True, eq=False)
class _Waiter:
    turn: anyio.Event = field(default_factory=anyio.Event)
    placed: bool = False


class Admission:
    """The places at one endpoint; their number follows what it can take.

    The issue that was seen first goes first, so that few issues share the server's prefix cache well rather
    than many badly; within an issue, who came first. A place that is given back wakes one waiter.
    """

    def __init__(
        self,
        most: int,
        *,
        start: int | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = anyio.sleep,
    ) -> None:
        """Begin with all places, or with `start` of them.

        Args:
            most: places that there will never be more of.
            start: places until something is known of the server. None: `most`.
            clock: seconds that never go back.
            sleep: waits for seconds.
        """
        self.in_flight = 0
        self.waiting = 0
        self.placed: set[str] = set()
        """Steps of the requests in flight."""
        self._pace = Pace(most, float(min(most, start or most)))
        self._clock = clock
        self._sleep = sleep
        self._ranks: dict[str, int] = {}
        """Of issues, by when they were first seen."""
        self._queues: dict[int, OrderedDict[_Waiter, None]] = {}
        self._next: list[int] = []
        """Heap of the ranks that have a queue; one may have run empty."""
        self._used = anyio.Event()

    @property
    def limit(self) -> int:
        """Places that there are at present."""
        return int(self._pace.limit)

    @property
    def pause(self) -> float:
        """Seconds for which nothing is sent from now on."""
        return max(0.0, self._pace.held_until - self._clock())

    @asynccontextmanager
    async def place(self, step: str) -> AsyncIterator[None]:
        """Hold a place while the context lasts, after a wait for one.

        Args:
            step: address of the call; its first segment is the issue.
        """
        issue = step.partition("/")[0]
        rank = self._ranks.setdefault(issue, len(self._ranks))
        if self.in_flight < self.limit:
            self._take()
        else:
            await self._wait(rank)
        self.placed.add(step)
        try:
            waited = 0.0
            # It may be put off while it sleeps; who sleeps for less than the time doesn't do so again.
            while (until := self._pace.held_until) > max(waited, self._clock()):
                await self._sleep(until - self._clock())
                waited = until
            yield
        finally:
            self.placed.discard(step)
            self.in_flight -= 1
            self._fill()

    def answered(self, seconds: float) -> None:
        """Report a reply, and the seconds that it took."""
        self._pace.answered(self._clock(), self.in_flight, seconds)
        self._fill()

    def refused(self, retry_after: float | None = None) -> None:
        """Report that the endpoint was busy or failed, and the seconds that it asked for, if it did."""
        self._pace.refused(self._clock(), self.in_flight, retry_after)

    def observe(self, load: Load) -> None:
        """Report what the server measures of itself."""
        self._pace.observe(self._clock(), self.in_flight, load)
        self._fill()

    async def used(self) -> None:
        """Wait until a request is in flight."""
        while not self.in_flight:
            await self._used.wait()

    async def _wait(self, rank: int) -> None:
        waiter = _Waiter()
        queue = self._queues.get(rank)
        if queue is None:
            queue = self._queues[rank] = OrderedDict()
            heappush(self._next, rank)
        queue[waiter] = None
        self.waiting += 1
        try:
            await waiter.turn.wait()
        except BaseException:
            if waiter.placed:
                self.in_flight -= 1
                self._fill()
            else:
                del queue[waiter]
                self.waiting -= 1
            raise

    def _fill(self) -> None:
        """Give every free place to the waiter whose turn it is."""
        limit = self.limit
        while self.waiting and self.in_flight < limit:
            rank = self._next[0]
            queue = self._queues[rank]
            if not queue:
                heappop(self._next)
                del self._queues[rank]
                continue
            waiter, _ = queue.popitem(last=False)
            self.waiting -= 1
            self._take()
            waiter.placed = True
            waiter.turn.set()

    def _take(self) -> None:
        self.in_flight += 1
        if self.in_flight == 1:
            self._used.set()
            self._used = anyio.Event()
