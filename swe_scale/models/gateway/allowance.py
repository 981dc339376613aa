"""What an agent may ask of its model, and when it has had all of it."""

from dataclasses import dataclass, field

import anyio

from swe_scale.errors import BudgetExceeded
from swe_scale.records import Usage

__all__ = ["Allowance", "Spending", "TooMany"]


class TooMany(BudgetExceeded):
    """There are no requests left."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """The bounds of one agent."""

    requests: int
    reply_tokens: int
    """Of one reply."""
    usd: float | None = None
    """Beside the budget of the issue."""


@dataclass(slots=True)
class Spending:
    """What one agent has asked for, and what that cost."""

    allowance: Allowance
    requests: int = 0
    usage: Usage = field(default_factory=Usage)
    _held: float = 0.0
    """US dollars that requests under way may cost."""
    _under_way: int = 0
    _freed: anyio.Event = field(default_factory=anyio.Event)

    def count(self) -> int:
        """Count a request, and return its number.

        Raises:
            TooMany: there may be no more.
        """
        if self.requests >= self.allowance.requests:
            raise TooMany(f"the {self.allowance.requests} requests that this agent may make are used up")
        self.requests += 1
        return self.requests

    async def hold(self, bound: Usage) -> None:
        """Hold back what a request may cost; wait while only the bounds of others under way stand in the way.

        Raises:
            BudgetExceeded: it doesn't fit, with nothing under way.
        """
        while (shortage := self._shortage(bound)) is not None:
            if not self._under_way:
                raise shortage
            await self._freed.wait()
        self._held += bound.usd
        self._under_way += 1

    def book(self, bound: Usage, cost: Usage) -> None:
        """Book what it did cost."""
        self.usage = self.usage + cost
        self._under_way -= 1
        # Without what rounding leaves.
        self._held = self._held - bound.usd if self._under_way else 0.0
        self._freed.set()
        self._freed = anyio.Event()

    async def idle(self) -> None:
        """Wait until nothing is under way."""
        while self._under_way:
            await self._freed.wait()

    def _shortage(self, bound: Usage) -> BudgetExceeded | None:
        most = self.allowance.usd
        if most is None or self.usage.usd + self._held + bound.usd <= most:
            return None
        left = max(0.0, most - self.usage.usd - self._held)
        return BudgetExceeded(
            f"the next request may cost {bound.usd:.4f} USD; of this agent's {most:.2f} {left:.4f} are left"
        )
