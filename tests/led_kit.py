"""A server of this process, for those who are led to it through a Unix socket."""

import anyio
from anyio.abc import SocketStream


class Greeting:
    """Says hello to every request, and hangs up on `GET /end` when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.over = anyio.Event()
        self.watched = anyio.Event()

    async def serve(self, client: SocketStream) -> None:
        async with client:
            try:
                head = await client.receive()
            except anyio.EndOfStream:
                return
            line = head.split(b"\r\n")[0].decode()
            if line == "GET /end HTTP/1.1":
                self.watched.set()
                await self._held(client)
                return
            self.asked.append(line)
            await client.send(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")

    async def _held(self, client: SocketStream) -> None:
        async with anyio.create_task_group() as tasks:

            async def left() -> None:
                try:
                    while True:
                        await client.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    tasks.cancel_scope.cancel()

            tasks.start_soon(left)
            await self.over.wait()
            tasks.cancel_scope.cancel()
