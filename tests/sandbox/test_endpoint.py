"""An agent's cell reaches the endpoint that it is given, and nothing else."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sandbox_kit import ISOLATING

from swe_scale.config import Limits
from swe_scale.errors import SandboxError, UsageError
from swe_scale.sandbox import Sandbox, Template

pytestmark = pytest.mark.anyio
LIMITS = Limits(seconds=60)
ASK = (
    "import sys, urllib.request, urllib.error\n"
    "try: print(urllib.request.urlopen(sys.argv[1], timeout=10).read().decode())\n"
    "except urllib.error.HTTPError as error: print('refused', error.code)\n"
    "except OSError as error: print('unreachable')\n"
)
DIRECT = (
    "import socket, sys\n"
    "try: socket.create_connection((sys.argv[1], int(sys.argv[2])), 5).close()\n"
    "except OSError: print('unreachable')\n"
    "else: print('reached')\n"
)
REACHING = [param for param in ISOLATING if param.values[0] not in ("docker-exec", "bubblewrap-copies")]
OTHERS = [param for param in ISOLATING if param not in REACHING]


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def serving() -> Iterator[int]:
    """A server on this host's loopback, as that of a local model is."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


async def ask(sandbox: Sandbox, url: str) -> str:
    return (await sandbox.run(["python3", "-c", ASK, url], limits=LIMITS)).output.strip()


@pytest.mark.parametrize("config", REACHING, indirect=True)
async def test_the_endpoint_alone_is_reached(template: Template) -> None:
    with serving() as port, serving() as other:
        async with template.fork(LIMITS, f"http://127.0.0.1:{port}/v1") as sandbox:
            assert await ask(sandbox, f"http://127.0.0.1:{port}/v1/models") == "hello"
            assert await ask(sandbox, f"http://127.0.0.1:{other}/") == "refused 403"
            assert await ask(sandbox, "http://169.254.169.254/latest") == "refused 403"
            direct = await sandbox.run(["python3", "-c", DIRECT, "127.0.0.1", str(port)], limits=LIMITS)
            assert direct.output == "unreachable\n"
            state = await sandbox.run(["sh", "-c", "echo x >new; exit 7"], limits=LIMITS)
            assert state.exit_code == 7
            assert set(await sandbox.snapshot()) == {"new"}
        async with template.fork(LIMITS) as sandbox:
            assert await ask(sandbox, f"http://127.0.0.1:{port}/v1/models") == "unreachable"


@pytest.mark.parametrize("config", REACHING[:1], indirect=True)
async def test_what_is_no_address_is_refused(template: Template) -> None:
    with pytest.raises(UsageError, match="no address of a model endpoint"):
        async with template.fork(LIMITS, "ftp://127.0.0.1"):
            pass


@pytest.mark.parametrize("config", OTHERS, indirect=True)
async def test_where_it_cannot_be_reached_that_is_said(template: Template) -> None:
    with pytest.raises(SandboxError, match="one address alone can be reached only where"):
        async with template.fork(LIMITS, "http://127.0.0.1:8000/v1"):
            pass
