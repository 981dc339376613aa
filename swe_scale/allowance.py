"""What all issues of a run may cost together: once that is spent, none is started any more."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from swe_scale.clock import Clock
from swe_scale.config import Budget
from swe_scale.events import Event, Events
from swe_scale.records import Usage
from swe_scale.store import Steps

_ALL = "@all"
"""Stands for all issues where a step's path begins with one; no issue's id holds an `@`."""

_LEAST = 60.0
"""Seconds before the deadline in which no issue is begun: it would come to nothing."""


@dataclass(slots=True)
class Allowance:
    """Counts what the issues of a run have spent, those of earlier processes too; made by `allowance`."""

    budget: Budget
    clock: Clock
    deadline: datetime | None = None
    """When no issue is begun any more."""
    spent: dict[str, Usage] = field(default_factory=dict)
    """By issue."""
    begun: frozenset[str] = frozenset()
    """Issues for which earlier processes spent something."""

    def closed_to(self, issue: str) -> str:
        """Return why an issue isn't to be taken up; empty where it is.

        After the deadline, one that was begun before is: what there is of it is judged, without any call.
        """
        if self.deadline is None or issue in self.begun:
            return self.over
        late = self.deadline.timestamp() - time.time() < _LEAST
        return self.over or ("the deadline left less than a minute for it" if late else "")

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
async def allowance(
    budget: Budget, steps: Steps, events: Events, deadline: datetime | None = None
) -> AsyncIterator[Allowance]:
    """Return the books of all issues; they are kept as long as the context lasts.

    Args:
        budget: of all issues together; minutes are the wall clock's, over all processes of the run.
        steps: the run's record.
        events: where the issues report what they spend.
        deadline: when no issue is begun any more. None: there is no such moment.

    Raises:
        StoreError: the record can't be read or written.
    """
    made = Allowance(budget, Clock(steps, events, _ALL, budget.minutes), deadline)
    for entry in steps.store.entries() if deadline or budget != Budget() else ():
        issue = entry.path.partition("/")[0]
        made.spent[issue] = made.spent.get(issue, Usage()) + entry.usage
    made.begun = frozenset(made.spent)
    events.listeners.append(made.listen)
    try:
        async with made.clock.running():
            yield made
    finally:
        events.listeners.remove(made.listen)
