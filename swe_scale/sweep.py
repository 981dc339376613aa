"""Goes through the issues of a job: which are started, what they may cost together, images ahead of them."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from swe_scale.allowance import Allowance, allowance
from swe_scale.batch import Results, Session, solve_all
from swe_scale.config import Docker
from swe_scale.jobs import Job, Task, finished
from swe_scale.store import Key

if TYPE_CHECKING:
    # Where no issue names an image, the container service's library isn't needed.
    from swe_scale.sandbox.supply import Supply

_PULLED = Key("@images/pulled", "1")


@dataclass(frozen=True, slots=True)
class _Gate:
    """What each issue passes before it is worked on."""

    only: frozenset[str] | None
    allowed: Allowance
    supply: "Supply | None"

    @asynccontextmanager
    async def __call__(self, task: Task) -> AsyncIterator[str]:
        """Ready what an issue needs, or say why it isn't to be started."""
        if self.only is not None and task.issue.id not in self.only:
            yield "not asked for by --redo"
        elif reason := self.allowed.closed_to(task.issue.id):
            yield reason
        elif self.supply is not None and task.options.image is not None:
            async with self.supply.using(task.options.image):
                # Pulling it may have taken hours.
                yield self.allowed.closed_to(task.issue.id)
        else:
            yield ""


async def sweep(
    job: Job, session: Session, done: Callable[[Results], None], only: frozenset[str] | None = None
) -> Results:
    """Solve the issues of a job that aren't solved yet.

    Args:
        job: what to solve, what all of it may cost, and how much of the disk stays free.
        session: the open run.
        done: called after each.
        only: ids of the issues that are to be worked on. None: all.

    Raises:
        StoreError: the record can't be written.
        EndpointRefused: no model answers, whatever is asked.
        SandboxError: the container service doesn't answer, or its disk can't be seen.
    """
    async with AsyncExitStack() as stack:
        bounds = allowance(job.total, session.steps, session.events, job.config.deadline)
        allowed = await stack.enter_async_context(bounds)
        solved = finished(session.steps.store, job).keys()
        left = [one for one in job.tasks if one.issue.id not in solved]
        wanted = [one for one in left if only is None or one.issue.id in only]
        supply = await _supply(stack, job, wanted, session)
        return await solve_all(job, session, done, _Gate(only, allowed, supply))


async def _supply(
    stack: AsyncExitStack, job: Job, wanted: Sequence[Task], session: Session
) -> "Supply | None":
    """Return the supply of images where issues name any."""
    config = job.config.sandbox
    images = [one.options.image for one in wanted if one.options.image is not None]
    if not images or not isinstance(config, Docker):
        return None

    from swe_scale.sandbox.engine import Engine
    from swe_scale.sandbox.supply import Record, open_supply

    async def note(pulled: Sequence[str]) -> None:
        await session.steps.store.put(_PULLED, list(pulled))

    engine = Engine(config, session.folder.name)

    async def close() -> None:
        with anyio.CancelScope(shield=True):
            await engine.close()

    stack.push_async_callback(close)
    await engine.connect()
    record = Record(session.steps.store.get(_PULLED) or (), note)
    supplied = open_supply(engine, session.events, images, record, job.keep_free)
    return await stack.enter_async_context(supplied)
