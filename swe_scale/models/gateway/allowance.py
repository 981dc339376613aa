"""What an agent may ask of its model, and when it has had all of it."""

from dataclasses import dataclass, field

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

    def count(self) -> int:
        """Count a request, and return its number.

        Raises:
            TooMany: there may be no more.
        """
        if self.requests >= self.allowance.requests:
            raise TooMany(f"the {self.allowance.requests} requests that this agent may make are used up")
        self.requests += 1
        return self.requests

    def hold(self, bound: Usage) -> None:
        """Hold back what a request may cost.

        Raises:
            BudgetExceeded: it doesn't fit.
        """
        most = self.allowance.usd
        if most is not None and self.usage.usd + self._held + bound.usd > most:
            left = max(0.0, most - self.usage.usd - self._held)
            raise BudgetExceeded(
                f"the next request may cost {bound.usd:.4f} USD; "
                f"of this agent's {most:.2f} {left:.4f} are left"
            )
        self._held += bound.usd

    def book(self, bound: Usage, cost: Usage) -> None:
        """Book what it did cost."""
        self._held -= bound.usd
        self.usage = self.usage + cost
