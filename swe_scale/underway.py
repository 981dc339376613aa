"""Knows which trajectories of a search are under way and for how long, and ends those nobody waits for."""

from dataclasses import dataclass, field

import anyio

from swe_scale.records import Trajectory
from swe_scale.trajectory import Leash


@dataclass(slots=True)
class UnderWay:
    """The trajectories that were started, by index. Times are of the event loop's clock, in seconds."""

    _begun: dict[int, float] = field(default_factory=dict)
    _leashes: dict[int, Leash] = field(default_factory=dict)
    """Of those that have not finished."""
    _took: dict[int, float] = field(default_factory=dict)

    def begin(self, index: int) -> None:
        """Take in one that begins, or goes on."""
        self._begun[index], self._leashes[index] = anyio.current_time(), Leash()

    def leash(self, index: int) -> Leash:
        """Return that by which it can be ended."""
        return self._leashes[index]

    def finish(self, made: Trajectory) -> None:
        """Take in that one has finished; one that was found on record took as long as its calls did."""
        del self._leashes[made.index]
        self._took[made.index] = max(anyio.current_time() - self._begun[made.index], made.usage.seconds)

    def end(self, why: str) -> None:
        """Have all end that haven't finished."""
        for leash in self._leashes.values():
            leash.end(why)

    @property
    def left(self) -> tuple[int, ...]:
        """Indices of those that haven't finished."""
        return tuple(sorted(self._leashes))

    @property
    def seconds(self) -> tuple[float, ...]:
        """How long each of the finished ones took."""
        return tuple(self._took[index] for index in sorted(self._took.keys() - self._leashes.keys()))

    @property
    def waited(self) -> tuple[float, ...]:
        """How long each of the others has taken so far."""
        return tuple(anyio.current_time() - self._begun[index] for index in self.left)
