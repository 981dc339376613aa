"""Runs tasks beside a context's body that end with it, and leaves the body's errors what they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup

__all__ = ["beside"]


@asynccontextmanager
async def beside() -> AsyncIterator[TaskGroup]:
    """Return a task group whose tasks are cancelled at the end; it doesn't wrap what the body raises."""
    raised: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except BaseException as error:
            # Raised below: the group would wrap it.
            raised = error
        tasks.cancel_scope.cancel()
    if raised is not None:
        raise raised
