import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from network_kit import FETCH, RAW, recording, site

from swe_scale.config import Bubblewrap, Limits
from swe_scale.errors import UsageError
from swe_scale.events import Event, Events
from swe_scale.records import Execution
from swe_scale.sandbox.namespaces import Inside, run_inside
from swe_scale.sandbox.network import INSIDE, Way, open_endpoint
from swe_scale.sandbox.python import find_python

pytestmark = pytest.mark.anyio
SOURCE = Path(__file__).parents[2] / "sandboxes" / "helper" / "relay.c"


@pytest.fixture
def relay(tmp_path: Path) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler")
    made = tmp_path / "relay"
    options = ["-static", "-Wall", "-Wextra", "-Werror", "-DRELAY_MAIN", "-o", str(made)]
    subprocess.run([compiler, *options, str(SOURCE)], check=True)
    return made


@asynccontextmanager
async def apart(tmp_path: Path, address: str, events: Events) -> AsyncIterator[tuple[Way, "Runner"]]:
    python = await anyio.to_thread.run_sync(find_python, None)
    work = tmp_path / "work"
    work.mkdir()
    (work / "fetch.py").write_text(FETCH)
    (work / "raw.py").write_text(RAW)
    async with open_endpoint(address, events) as way:
        inside = Inside(
            folder=tmp_path,
            workdir="/work",
            bound={"/work": work},
            shown={python.prefix: Path(python.prefix), **way.shown},  # type: ignore[dict-item]
            variables={"PATH": f"{Path(python.executable).parent}:/usr/bin:/bin", **way.variables},
        )
        yield way, Runner(inside, python.executable)


class Runner:
    def __init__(self, inside: Inside, python: str) -> None:
        self._inside = inside
        self.python = python

    async def __call__(self, *command: str) -> Execution:
        return await run_inside(self._inside, command, Limits(seconds=60))


def befores(way: Way, python: str) -> Sequence[tuple[str, ...]]:
    return way.by_python(python), way.by_program(f"{INSIDE}/relay")


@pytest.mark.bubblewrap
async def test_an_agent_reaches_its_endpoint_and_nothing_else(
    bubblewrap_config: Bubblewrap, tmp_path: Path, relay: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWE_SCALE_CANARY", "sings")
    events, seen = recording()
    with site() as endpoint, site() as other:
        base = f"http://127.0.0.1:{endpoint.port}"
        async with apart(tmp_path, f"{base}/v1", events) as (way, run):
            way.show(relay, "relay")
            for before in befores(way, run.python):
                addresses = [
                    f"{base}/v1/models",
                    f"http://127.0.0.1:{other.port}/",
                    "http://169.254.169.254/",
                ]
                addresses += [f"http://localhost:{endpoint.port}/", "https://example.org/"]
                found = await run(*before, "python3", "fetch.py", *addresses)
                assert found.output.split() == ["/v1/models", "403", "403", "unreachable", "unreachable"]
                raw = await run(*before, "python3", "raw.py", "127.0.0.1", str(endpoint.port))
                assert set(raw.output.splitlines()[:6]) == {"unreachable"}
                shown = await run(*before, "sh", "-c", "env; cat /proc/[0-9]*/environ")
                assert "HTTPS_PROXY=http://127.0.0.1:" in shown.output and "sings" not in shown.output
    assert [path for path, _ in endpoint.asked] == ["/v1/models"] * 2 and other.asked == []
    _assert_noted(seen, endpoint.port, other.port)


def _assert_noted(seen: list[Event], endpoint: int, other: int) -> None:
    texts = [event.text for event in seen]
    assert texts[-1] == f"the agent reached 127.0.0.1:{endpoint} (2)"
    refused = [f"127.0.0.1:{other}", "169.254.169.254:80", "example.org:443"]
    assert texts[:-1] == [
        f"the agent didn't reach a host: {host} is not allowed; an agent reaches its model endpoint alone"
        for host in refused
    ]


@pytest.mark.parametrize("kind", ["python", "program"])
async def test_the_relay_is_as_its_command(relay: Path, tmp_path: Path, kind: str) -> None:
    script = str(Path(__file__).parents[2] / "swe_scale/sandbox/network/relay.py")
    start = [sys.executable, "-IS", script] if kind == "python" else [str(relay)]

    def run(*command: str, given: bytes = b"") -> tuple[int, bytes]:
        done = subprocess.run([*start, "0", place, "--", *command], input=given, capture_output=True)
        return done.returncode, done.stdout + done.stderr

    with site() as endpoint:
        async with open_endpoint(f"http://127.0.0.1:{endpoint.port}", Events()) as way:
            place = str(next(iter(way.shown.values())) / "socket")
            thread = anyio.to_thread.run_sync
            assert await thread(lambda: run("sh", "-c", "cat; exit 42", given=b"in")) == (42, b"in")
            assert await thread(lambda: run("sh", "-c", "kill -9 $$")) == (137, b"")
            code, said = await thread(lambda: run("/nonexistent/program"))
            assert code == 127 and b"No such file" in said
            code, said = await thread(lambda: run(sys.executable, "-c", "print(300_000 * 'x')"))
            assert code == 0 and len(said) > 300_000
        code, said = await thread(lambda: run("true"))
        assert code == 97 and said.startswith(b"the proxy's socket can't be used")


@pytest.mark.parametrize(
    "address", ["", "localhost:8000", "ftp://a.org", "http://", "http://[", "http://a@b:1"]
)
async def test_an_endpoint_without_a_host_is_refused(address: str) -> None:
    with pytest.raises(UsageError, match="no address"):
        async with open_endpoint(address, Events()):
            pass
