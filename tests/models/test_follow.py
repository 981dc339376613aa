import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import anyio
import httpx2
import pytest

from swe_scale.models import follow as module
from swe_scale.models.admission import Admission
from swe_scale.models.follow import described, follow, server_root
from swe_scale.models.metrics import LARGEST, Load

pytestmark = pytest.mark.anyio


class Figures(ThreadingHTTPServer):
    """Answers `/metrics` with what it is told."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.changed = threading.Condition()
        self.asked = 0
        self.tells(0, 0, 0.0)

    def tells(self, running: int, waiting: int, kv: float, tokens: int = 0) -> None:
        self.status = 200
        self.headers = {"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        self.body = (
            f'vllm:num_requests_running{{engine="0"}} {running}\n'
            f'vllm:num_requests_waiting{{engine="0"}} {waiting}\n'
            f'vllm:kv_cache_usage_perc{{engine="0"}} {kv}\n'
            f'vllm:generation_tokens_total{{engine="0"}} {tokens}\n'
        ).encode()

    async def was_asked(self, times: int = 1) -> None:
        """Wait for further questions; the last but one has been dealt with by then."""
        wanted = self.asked + times

        def come() -> None:
            with self.changed:
                assert self.changed.wait_for(lambda: self.asked >= wanted, 20)

        await anyio.to_thread.run_sync(come)


class _Handler(BaseHTTPRequestHandler):
    server: Figures

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        assert "authorization" not in self.headers
        with self.server.changed:
            self.server.asked += 1
            self.server.changed.notify_all()
        self.send_response(self.server.status if self.path == "/metrics" else 404)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(self.server.body)
        except ConnectionError:
            self.close_connection = True


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Figures]:
    monkeypatch.setattr(module, "_EVERY", 0.01)
    monkeypatch.setattr(module, "_SELDOM", 0.01)
    monkeypatch.setattr(module, "_TELL", 0.0)
    with Figures() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.02,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


class Following:
    """Follows a server while a request is in flight."""

    def __init__(self, server: Figures, limit: int = 40) -> None:
        self.admission = Admission(256, start=limit)
        self.lines: list[str] = []
        self.address = f"http://127.0.0.1:{server.server_port}/v1"

    async def run(self) -> None:
        async with httpx2.AsyncClient(trust_env=False) as client:
            await follow(self.address, client, self.admission, self.lines.append)


async def test_the_limit_follows_the_figures(server: Figures) -> None:
    server.tells(1, 50, 0.99)
    following = Following(server)
    async with anyio.create_task_group() as tasks, following.admission.place("a/0"):
        tasks.start_soon(following.run)
        await server.was_asked(3)
        assert following.admission.limit < 40
        tasks.cancel_scope.cancel()


async def test_an_idle_server_is_left_alone(server: Figures) -> None:
    following = Following(server)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(following.run)
        await anyio.wait_all_tasks_blocked()
        assert server.asked == 0
        async with following.admission.place("a/0"):
            await server.was_asked(2)
        asked = server.asked
        await anyio.sleep(0.1)
        assert server.asked <= asked + 1
        async with following.admission.place("a/1"):
            await server.was_asked(2)
        tasks.cancel_scope.cancel()


async def test_a_line_tells_what_changed(server: Figures) -> None:
    server.tells(34, 2, 0.61)
    following = Following(server)
    async with anyio.create_task_group() as tasks, following.admission.place("a/0"):
        tasks.start_soon(following.run)
        await server.was_asked(5)
        assert following.lines == ["34 running, 2 waiting, KV 61 %, 0 tokens/s"]
        server.tells(36, 3, 0.62)
        await server.was_asked(5)
        assert len(following.lines) == 1
        server.tells(60, 3, 0.62)
        await server.was_asked(5)
        assert following.lines[1:] == ["60 running, 3 waiting, KV 62 %, 0 tokens/s"]
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("status", "kind", "body"),
    [
        (404, "application/json", b"{}"),
        (401, "text/plain", b"no"),
        (302, "text/plain", b""),
        (200, "text/html", b"vllm:num_requests_running 1\nvllm:num_requests_waiting 1\n"),
        (200, "", b"vllm:num_requests_running 1\nvllm:num_requests_waiting 1\n"),
        (200, "text/plain", b"go_goroutines 7\n"),
        (200, "text/plain", b"\xff\xfe\0"),
        (200, "text/plain", b"#" * (LARGEST + 1)),
        (200, "text/plain", gzip.compress(b"vllm:num_requests_running 1\nvllm:num_requests_waiting 1\n")),
    ],
    ids=["absent", "key", "redirect", "page", "untyped", "other", "binary", "large", "packed"],
)
async def test_a_server_without_figures_is_noted_once(
    server: Figures, status: int, kind: str, body: bytes
) -> None:
    server.status, server.headers, server.body = status, {"Content-Type": kind, "Location": "/metrics"}, body
    following = Following(server)
    async with anyio.create_task_group() as tasks, following.admission.place("a/0"):
        tasks.start_soon(following.run)
        await server.was_asked(4)
        assert following.lines == ["no /metrics: requests in flight follow its answers alone"]
        assert following.admission.limit == 40
        # It is replaced by one that has them.
        server.tells(1, 9, 1.0)
        await server.was_asked(3)
        assert following.admission.limit < 40
        tasks.cancel_scope.cancel()


async def test_a_server_that_is_down_is_no_matter(server: Figures) -> None:
    server.tells(1, 9, 1.0)
    following = Following(server)
    server.status = 503
    async with anyio.create_task_group() as tasks, following.admission.place("a/0"):
        tasks.start_soon(following.run)
        await server.was_asked(3)
        following.address = "http://127.0.0.1:9/v1"
        tasks.start_soon(following.run)
        await server.was_asked(3)
        assert (following.lines, following.admission.limit) == ([], 40)
        server.status = 200
        await server.was_asked(3)
        assert following.admission.limit < 40
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("base_url", "root"),
    [
        ("http://localhost:8000/v1", "http://localhost:8000"),
        ("http://localhost:8000/v1/", "http://localhost:8000"),
        ("https://host/a/v1?x=1", "https://host/a"),
        ("http://host", "http://host"),
    ],
)
def test_the_root_of_a_server(base_url: str, root: str) -> None:
    assert server_root(base_url) == root


def test_a_line() -> None:
    before = Load(0, 0, 0.0, prefix_queries=100, prefix_hits=50, generation_tokens=1000)
    now = Load(34, 2, 0.614, prefix_queries=200, prefix_hits=143, generation_tokens=24_100)
    assert described(before, now, 10.0) == "34 running, 2 waiting, KV 61 %, prefix hits 93 %, 2,310 tokens/s"
    # It started again: what was counted since says nothing of these seconds.
    assert described(now, before, 10.0) == "0 running, 0 waiting, KV 0 %"
