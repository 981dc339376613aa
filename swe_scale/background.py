"""Runs tasks beside a context's body, whose errors stay what they are."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from anyio.abc import TaskGroup


@asynccontextmanager
async def background() -> AsyncIterator[TaskGroup]:
    """Return a task group that doesn't wrap what the body raises; it waits for its tasks at the end."""
    raised: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except BaseException as error:
            # Raised below: the group would wrap it.
            raised = error
    if raised is not None:
        raise raised


@asynccontextmanager
async def beside() -> AsyncIterator[TaskGroup]:
    """Return such a task group whose tasks are cancelled at the end."""
    async with background() as tasks:
        try:
            yield tasks
        finally:
            tasks.cancel_scope.cancel()
