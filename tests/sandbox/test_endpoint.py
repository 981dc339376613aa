"""An agent's cell reaches the one server that it is led to, and nothing else."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest
from led_kit import Greeting
from sandbox_kit import ISOLATING

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.sandbox import Sandbox, Template
from swe_scale.sandbox.network import open_server

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


@contextmanager
def listening() -> Iterator[int]:
    """A server on this host's loopback, as that of a local model is."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def ask(sandbox: Sandbox, url: str) -> str:
    return (await sandbox.run(["python3", "-c", ASK, url], limits=LIMITS)).output.strip()


@pytest.mark.parametrize("config", [*REACHING, pytest.param("local")], indirect=True)
async def test_the_server_is_reached_at_the_sandbox_s_address(template: Template) -> None:
    greeting = Greeting()
    async with open_server(greeting) as place, template.fork(LIMITS, place) as sandbox:
        assert await ask(sandbox, f"{sandbox.address}/v1/models") == "hello"
        state = await sandbox.run(["sh", "-c", "cat; echo x >new; exit 7"], limits=LIMITS, stdin=b"given")
        assert (state.exit_code, state.output) == (7, "given")
        assert set(await sandbox.snapshot()) == {"new"}
    assert greeting.asked == ["GET /v1/models HTTP/1.1"]
    async with template.fork(LIMITS) as sandbox:
        assert sandbox.address == ""


@pytest.mark.parametrize("config", REACHING, indirect=True)
async def test_nothing_else_is_reached(template: Template) -> None:
    greeting = Greeting()
    with listening() as port:
        async with open_server(greeting) as place, template.fork(LIMITS, place) as sandbox:
            for host in ("127.0.0.1", "169.254.169.254"):
                direct = await sandbox.run(["python3", "-c", DIRECT, host, str(port)], limits=LIMITS)
                assert direct.output == "unreachable\n"
            # A client that obeys the usual variables asks the server itself, which can say no.
            assert await ask(sandbox, "http://example.org/") == "hello"
            shown = await sandbox.run(["ls", "-a", "/run/swe-scale-network"], limits=LIMITS)
            assert shown.output.split() == [".", "..", "socket"]
    assert greeting.asked == ["GET http://example.org/ HTTP/1.1"]


@pytest.mark.parametrize("config", [*REACHING, pytest.param("local")], indirect=True)
async def test_the_server_ends_a_command_by_hanging_up(template: Template) -> None:
    greeting = Greeting()
    async with open_server(greeting) as place, template.fork(LIMITS, place) as sandbox:
        async with anyio.create_task_group() as tasks:

            async def hang_up() -> None:
                await greeting.watched.wait()
                greeting.over.set()

            tasks.start_soon(hang_up)
            ran = await sandbox.run(["sh", "-c", "echo begun >new; sleep 300"], limits=Limits(seconds=250))
        assert ran.exit_code == 137 and not ran.timed_out
        assert set(await sandbox.snapshot()) <= {"new"}


@pytest.mark.parametrize("config", OTHERS, indirect=True)
async def test_where_it_cannot_be_reached_that_is_said(template: Template, tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="a server can be reached alone only where"):
        async with template.fork(LIMITS, tmp_path / "socket"):
            pass
