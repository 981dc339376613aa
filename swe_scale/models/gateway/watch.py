"""Tells whoever watches over an agent's command when it is to be ended."""

import anyio

from swe_scale.background import beside
from swe_scale.models.gateway.connection import Connection, Rejected

__all__ = ["Watch"]

_HANDOVER_SECONDS = 10.0
"""For the watcher of the command before, whose leaving may not have been noticed yet."""


class Watch:
    """The one place for a watcher: others, who may be anyone inside, would take descriptors for good."""

    def __init__(self) -> None:
        self.ended = anyio.Event()
        """Set when the agent is to be ended."""
        self._place = anyio.Lock()

    async def hold(self, connection: Connection) -> None:
        """Keep a watcher waiting until the agent is to be ended, or the watcher leaves.

        Raises:
            Rejected: there is a watcher.
            EndOfStream: otherwise; hanging up is the answer.
        """
        with anyio.move_on_after(_HANDOVER_SECONDS) as waiting:
            await self._place.acquire()
        if waiting.cancelled_caught:
            raise Rejected(409, "the end of this agent is watched for already")
        try:
            await self._until_left(connection)
        finally:
            self._place.release()
        raise anyio.EndOfStream

    async def _until_left(self, connection: Connection) -> None:
        async with beside() as tasks:
            with anyio.CancelScope() as scope:

                async def left() -> None:
                    await connection.gone()
                    scope.cancel()

                tasks.start_soon(left)
                await self.ended.wait()
