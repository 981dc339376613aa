"""Tells whoever watches over an agent's command when it is to be ended."""

import anyio

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
            await connection.while_there(self._until_ended)
        finally:
            self._place.release()
        raise anyio.EndOfStream

    async def _until_ended(self) -> None:
        await self.ended.wait()
