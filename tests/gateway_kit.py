"""A gateway that is served as agents find it, in front of a server of pages, and clients of it."""

import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import anyio
import httpx2

from swe_scale.config import AnthropicEndpoint, Budget, ModelConfig, OpenAIEndpoint, Price
from swe_scale.events import Event, Events
from swe_scale.ledger import Ledger
from swe_scale.models import open_model
from swe_scale.models.gateway import Allowance, Gateway, open_gateway
from swe_scale.sandbox.network import open_server
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store

KEY = "sk-canary-of-the-gateway-1"
PATH = "pkg-1/trajectory/03"
PRICE = Price(prompt=1000.0, completion=1000.0)
UNBOUND = Budget()
CHAT = {"model": "any", "messages": [{"role": "user", "content": "why?"}]}
JSON = {"Content-Type": "application/json"}
STREAM = {"Content-Type": "text/event-stream"}


@dataclass(frozen=True)
class Page:
    """What is answered at an address."""

    body: bytes
    status: int = 200
    headers: Mapping[str, str] | None = None

    @classmethod
    def of(cls, value: object, status: int = 200) -> "Page":
        return cls(json.dumps(value).encode(), status, JSON)


class Pages(ThreadingHTTPServer):
    """Answers each address with the pages that it has for it in turn, the last again and again."""

    daemon_threads = True

    def __init__(self, pages: Mapping[str, list[Page]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        listed = Page.of({"object": "list", "data": [{"id": "m", "object": "model", "max_model_len": 9000}]})
        self.pages = {"/v1/models": [listed], **pages}
        self.posted = threading.Event()
        self.asked: list[tuple[str, dict[str, str], Any]] = []

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def bodies(self) -> list[Any]:
        """Return what was posted."""
        return [body for _, _, body in self.asked if body is not None]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Pages

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.path, headers, json.loads(raw) if raw else None))
        if raw:
            self.server.posted.set()
        queue = self.server.pages.get(self.path) or [Page.of({"error": {"message": "nothing here"}}, 404)]
        page = queue.pop(0) if len(queue) > 1 else queue[0]
        self.send_response(page.status)
        for name, value in {"Content-Length": str(len(page.body)), **(page.headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(page.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def paged(**pages: Page | list[Page]) -> Iterator[Pages]:
    """Serve pages, named by the last parts of their addresses with `_` for `/`."""
    found = {
        f"/v1/{name.replace('_', '/')}": page if isinstance(page, list) else [page]
        for name, page in pages.items()
    }
    server = Pages(found)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True)
class Led:
    """Who was led to a gateway."""

    gateway: Gateway
    client: httpx2.AsyncClient
    place: Path
    ledger: Ledger
    events: list[Event]

    async def ask(self, path: str = "chat/completions", **fields: Any) -> httpx2.Response:
        """Ask for a chat, or for what the fields say."""
        return await self.client.post(
            f"/v1/{path}", json=fields if path != "chat/completions" else CHAT | fields
        )

    async def raw(self, request: bytes) -> bytes:
        """Send bytes, and return all that is answered."""
        answer = b""
        with anyio.fail_after(60):
            async with await anyio.connect_unix(self.place) as stream:
                try:
                    await stream.send(request)
                    while True:
                        answer += await stream.receive()
                except (anyio.EndOfStream, anyio.BrokenResourceError):
                    return answer


def served(base_url: str, **fields: Any) -> OpenAIEndpoint:
    return OpenAIEndpoint(**{"base_url": base_url, "model": "m", "retries": 0, **fields})


def native(base_url: str, **fields: Any) -> AnthropicEndpoint:
    return AnthropicEndpoint(**{"base_url": base_url, "model": "claude", "retries": 0, **fields})


@asynccontextmanager
async def open_led(
    folder: Path,
    config: ModelConfig,
    *,
    budget: Budget = UNBOUND,
    requests: int = 50,
    usd: float | None = None,
    reply_tokens: int = 100,
    faults: bool = False,
) -> AsyncIterator[Led]:
    """Serve a gateway of a model, and lead a client to it; unless said so, it makes no faults."""
    events, seen = Events(), list[Event]()
    events.listeners.append(seen.append)
    async with open_store(folder / "run") as store, open_model(config, events) as model:
        ledger = Ledger(Steps(store), budget, {config.model: PRICE}, events, "pkg-1")
        allowance = Allowance(requests, reply_tokens, usd)
        async with open_gateway(model, ledger, PATH, allowance) as gateway, open_server(gateway) as place:
            transport = httpx2.AsyncHTTPTransport(uds=str(place))
            async with httpx2.AsyncClient(
                transport=transport, base_url="http://127.0.0.1", timeout=60, trust_env=False
            ) as client:
                yield Led(gateway, client, place, ledger, seen)
    assert faults or not [event for event in seen if "a fault of ours" in event.text]


def free_port() -> int:
    """Return a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
