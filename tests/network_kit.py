"""Servers and proxies on this host for the tests of the network."""

import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import anyio

from swe_scale.events import Event, Events
from swe_scale.sandbox.network.allowed import Allowed, Entry
from swe_scale.sandbox.network.door import serving
from swe_scale.sandbox.network.proxy import Proxy
from swe_scale.sandbox.network.upstream import HostProxy, Ways
from swe_scale.sandbox.network.visits import Visits

FETCH = """
import sys, urllib.error, urllib.request
for address in sys.argv[1:]:
    try:
        print(urllib.request.urlopen(address, timeout=20).read().decode())
    except urllib.error.HTTPError as error:
        print(error.code)
    except OSError as error:
        print("unreachable")
"""
RAW = """
import os, socket, sys
def tried(kind, family, how):
    try:
        with socket.socket(family, kind) as stream:
            stream.settimeout(5)
            how(stream)
            stream.recv(1)
            return "reached"
    except OSError:
        return "unreachable"
def asked(name):
    try:
        return str(socket.getaddrinfo(name, 80))
    except OSError:
        return "unreachable"
host, port = sys.argv[1], int(sys.argv[2])
tcp, udp = socket.SOCK_STREAM, socket.SOCK_DGRAM
print(tried(tcp, socket.AF_INET, lambda s: s.connect((host, port))))
print(tried(tcp, socket.AF_INET, lambda s: s.connect(("127.0.0.1", port))))
print(tried(tcp, socket.AF_INET, lambda s: s.connect(("169.254.169.254", 80))))
print(tried(udp, socket.AF_INET, lambda s: s.sendto(b"x", (host, 53))))
print(tried(tcp, socket.AF_INET6, lambda s: s.connect(("::1", port))))
print(asked("example.org"))
print(sorted(os.listdir("/sys/class/net")) if os.path.isdir("/sys/class/net") else "")
"""


class Site(ThreadingHTTPServer):
    """A server that says what it was asked, redirects to where `to` says, and serves `files`."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.files: dict[str, bytes] = {}
        self.to = ""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        self.server.asked.append((self.path, dict(self.headers.items())))
        if self.path == "/redirect":
            self.send_response(302)
            self.send_header("Location", self.server.to)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        length = int(self.headers.get("Content-Length") or 0)
        body = self.server.files.get(self.path, self.path.encode() + self.rfile.read(length))
        self.send_response(200)
        if self.path.endswith("/"):
            self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, *arguments: object) -> None:
        pass


@contextmanager
def site() -> Iterator[Site]:
    server = Site()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def reachable_server() -> Iterator[tuple[str, int]]:
    """A server on an address of this host that others can reach."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe, suppress(OSError):
        probe.connect(("192.0.2.1", 9))
        address = probe.getsockname()[0]
    with socket.create_server((address, 0)) as server:
        yield address, server.getsockname()[1]


def recording() -> tuple[Events, list[Event]]:
    events, seen = Events(), list[Event]()
    events.listeners.append(seen.append)
    return events, seen


@asynccontextmanager
async def proxied(
    place: Path, *entries: Entry, proxies: dict[str, HostProxy] | None = None, connections: int = 128
) -> AsyncIterator[Visits]:
    visits = Visits(recording()[0], "set-up")
    async with serving(place, Proxy(Ways(Allowed(entries), proxies or {}), visits), connections):
        yield visits


async def ask(place: Path, request: bytes, *, end: bool = False) -> bytes:
    """Return all that the proxy answers."""
    answer = b""
    with anyio.fail_after(60):
        async with await anyio.connect_unix(place) as stream:
            try:
                await stream.send(request)
                if end:
                    await stream.send_eof()
                while True:
                    answer += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                return answer
