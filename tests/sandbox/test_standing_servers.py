"""A server of this host that answers nothing costs the cell that asked it, and no other."""

import socket
from contextlib import ExitStack

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from swe_scale.records import HostServer
from swe_scale.sandbox.services import Standing

pytestmark = pytest.mark.anyio

MANY = 40
"""More connections than a cell has at a time."""


async def test_connections_that_a_server_leaves_open_end_with_their_cell() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=2 * MANY) as silent, ExitStack() as held:
        standing = Standing((HostServer(port=silent.getsockname()[1]),))
        async with standing.lease() as first:
            [place] = first.sockets.values()
            for _ in range(MANY):
                one = held.enter_context(socket.socket(socket.AF_UNIX))
                one.connect(str(place))
                one.shutdown(socket.SHUT_WR)
                await anyio.lowlevel.checkpoint()
        assert not place.exists()
        async with standing.lease() as second:
            [place] = second.sockets.values()
            async with await anyio.connect_unix(str(place)) as client:
                await client.send(b"who is there?")
                await anyio.to_thread.run_sync(_hear, silent)


def _hear(silent: socket.socket) -> None:
    silent.settimeout(30)
    while True:
        client, _ = silent.accept()
        with client:
            if client.recv(100) == b"who is there?":
                return
