"""What all issues of a run may cost together: once that is spent, none is started any more."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from swe_scale.clock import Clock
from swe_scale.config import Budget
from swe_scale.events import Event, Events
from swe_scale.records import Usage
from swe_scale.store import Steps

_ALL = "@all"
"""Stands for all issues where a step's path begins with one; no issue's id holds an `@`."""


@dataclass(slots=True)
class Allowance:
    """Counts what the issues of a run have spent, those of earlier processes too; made by `allowance`."""

    budget: Budget
    clock: Clock
    spent: dict[str, Usage] = field(default_factory=dict)
    """By issue."""

    @property
    def over(self) -> str:
        """Why no issue is to be started; empty where one may be."""
        total = sum(self.spent.values(), Usage())
        if self.budget.tokens is not None and total.tokens >= self.budget.tokens:
            return f"all {self.budget.tokens:,} tokens of --total-budget are spent"
        if self.budget.usd is not None and total.usd >= self.budget.usd:
            return f"all {self.budget.usd:g} USD of --total-budget are spent"
        if anyio.current_time() >= self.clock.end:
            return f"the {self.budget.minutes:g} minutes of --total-budget are over"
        return ""

    def listen(self, event: Event) -> None:
        """Take over what an issue has spent by now."""
        if event.kind == "usage" and event.total is not None:
            self.spent[event.step.partition("/")[0]] = event.total


@asynccontextmanager
async def allowance(budget: Budget, steps: Steps, events: Events) -> AsyncIterator[Allowance]:
    """Return the books of all issues; they are kept as long as the context lasts.

    Args:
        budget: of all issues together; minutes are the wall clock's, over all processes of the run.
        steps: the run's record.
        events: where the issues report what they spend.

    Raises:
        StoreError: the record can't be read or written.
    """
    made = Allowance(budget, Clock(steps, events, _ALL, budget.minutes))
    for entry in steps.store.entries() if budget != Budget() else ():
        issue = entry.path.partition("/")[0]
        made.spent[issue] = made.spent.get(issue, Usage()) + entry.usage
    events.listeners.append(made.listen)
    try:
        async with made.clock.running():
            yield made
    finally:
        events.listeners.remove(made.listen)
