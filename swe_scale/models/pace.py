"""Decides how many requests one endpoint gets at a time, from what it answers and measures. Pure."""

import math
from dataclasses import dataclass, field
from typing import Final

from swe_scale.models.metrics import Load
from swe_scale.retry import LONGEST_WAIT

__all__ = ["Pace"]

_CUT: Final = 0.5
"""Of the requests in flight go on after a refusal. Halving finds an unknown limit in a few refusals, before
the tries of any one request are used up; what is lost by it comes back within a minute."""
_TOGETHER: Final = 1.0
"""Seconds in which refusals are one: many requests that were sent together are refused together."""
_CALM: Final = 10.0
"""Seconds without a refusal before the limit grows: every growth that goes too far costs someone a try."""
_RISE: Final = 1 / 60
"""Of `most`, per second: from nothing to all in a minute; never more than one per answer."""
_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
"""Seconds in which nothing is sent after a refusal. Doubled by the next one, forgotten with an answer."""

_SHARE: Final = 1 / 20
"""Weight of an answer's seconds in their running mean: replies differ in length by a factor of a hundred."""
_DRIFT: Final = 1 / 500
"""How far the best mean follows the present one, per answer: longer replies are no sign of load for ever."""
_SLOW: Final = 4.0
"""Times the best mean at which growth stops. The mean of twenty replies may double by chance."""
_FLOOR: Final = 8
"""Requests below which latency says nothing."""

_MEASURED: Final = 10.0
"""Seconds for which the server's own figures stand in for guesses from its answers."""
_FULL, _ROOM = 0.95, 0.85
"""Share of the KV cache in use. Above: a longer reply drives another request out. Below: room for one more,
and for the prefixes of trajectories that are busy with their tools."""
_SHRINK: Final = 0.85
_GROW: Final = 0.1
"""Per observation, which come about once a second."""
_SPARE: Final = 1.25
"""Times what runs: the next is there when one ends."""
_QUEUED: Final = 5
"""Observations in succession with a queue before it is taken back, to be kept here in the right order."""
_FEWEST: Final = 2
"""Requests that measurements leave: one that runs, and one that is read in meanwhile."""


@dataclass(slots=True)
class Pace:
    """A limit that is cut at once and grows slowly. Times are seconds of one clock that never goes back."""

    most: int
    limit: float
    """Requests in flight, between 1 and `most`; a fraction is growth under way."""
    held_until: float = -math.inf
    """Before that time nothing is sent."""
    _cut: float = -math.inf
    _grown: float = -math.inf
    _measured: float = -math.inf
    _pause: float = 0.0
    _latency: "_Latency" = field(default_factory=lambda: _Latency())
    _preemptions: int | None = None
    _queued: int = 0

    def refused(self, now: float, in_flight: int, retry_after: float | None = None) -> None:
        """Take a refusal (429, 5xx) into account.

        Args:
            now: the time.
            in_flight: requests, this one among them.
            retry_after: seconds for which the server wants no more, if it said so.
        """
        if retry_after is not None and retry_after <= LONGEST_WAIT:
            # Longer ones fail their request; the next may meet a server that is well again.
            self.held_until = max(self.held_until, now + retry_after)
        if now - self._cut < _TOGETHER:
            return
        self._cut = now
        self._pause = min(max(_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
        self.held_until = max(self.held_until, now + self._pause)
        self.limit = max(1.0, _CUT * min(self.limit, max(in_flight, 1)))

    def answered(self, now: float, in_flight: int, seconds: float) -> None:
        """Take an answer into account that took some seconds.

        Args:
            now: the time.
            in_flight: requests, this one among them or not.
            seconds: what it took.
        """
        self._pause = 0.0
        slow = self._latency.slow(seconds)
        since, self._grown = now - self._grown, now
        if now < self._measured + _MEASURED or not self._may_grow(now, in_flight):
            return
        if slow and self.limit >= _FLOOR:
            return
        self._grow(min(1.0, self.most * _RISE * max(0.0, min(since, 1.0))))

    def observe(self, now: float, in_flight: int, load: Load) -> None:
        """Take the server's own figures into account.

        Args:
            now: the time.
            in_flight: requests.
            load: the figures; those of a server that others use too are taken as they are.
        """
        self._measured = now
        before, self._preemptions = self._preemptions, load.preemptions
        preempting = before is not None and load.preemptions > before
        # A request that came this moment waits for the next step: that is no queue.
        crowded = load.waiting > max(1, load.running // 16)
        self._queued = self._queued + 1 if crowded else 0
        if in_flight > int(self.limit):
            return  # What was cut before has yet to take effect.
        held = min(self.limit, max(in_flight, 1))
        if (load.kv_usage or 0.0) >= _FULL and (preempting or load.waiting > 0):
            far = load.waiting > load.running
            self._shrink(max(held * _CUT, load.running * _SPARE) if far else held * _SHRINK)
        elif self._queued >= _QUEUED:
            self._shrink(max(held * (1 - _GROW), load.running * _SPARE))
        elif not crowded and (load.kv_usage or 0.0) < _ROOM and self._may_grow(now, in_flight):
            self._grow(max(1.0, self.limit * _GROW))

    def _may_grow(self, now: float, in_flight: int) -> bool:
        """Return whether the limit is used, and nothing was refused lately."""
        return now - self._cut >= _CALM and in_flight >= max(1, int(self.limit) - 1)

    def _grow(self, step: float) -> None:
        self.limit = min(float(self.most), self.limit + step)

    def _shrink(self, wanted: float) -> None:
        self.limit = min(self.limit, max(wanted, float(min(_FEWEST, self.most))))


@dataclass(slots=True)
class _Latency:
    """Running mean of the seconds per answer, and the best that it was."""

    answers: int = 0
    usual: float = 0.0
    best: float = math.inf

    def slow(self, seconds: float) -> bool:
        """Take a reply into account; return whether they have become far slower than they were."""
        self.answers += 1
        # At first the plain mean, so that one short reply is not the measure of all.
        self.usual += (seconds - self.usual) * max(_SHARE, 1 / self.answers)
        if self.answers * _SHARE < 1:
            return False
        if self.usual <= self.best:
            self.best = self.usual
        else:
            self.best += (self.usual - self.best) * _DRIFT
        return self.usual > _SLOW * self.best
