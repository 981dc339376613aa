"""The relay, compiled and in Python: it is as the command that it runs, and leads to one socket."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.to_thread
import pytest
from led_kit import Greeting
from network_kit import FETCH, RAW

from swe_scale.config import Bubblewrap, Limits
from swe_scale.errors import SandboxError
from swe_scale.records import Execution
from swe_scale.sandbox.namespaces import Inside, run_inside
from swe_scale.sandbox.network import INSIDE, PORT, Way, here, open_server, way_to
from swe_scale.sandbox.python import find_python

pytestmark = pytest.mark.anyio
ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "sandboxes" / "helper" / "relay.c"
SCRIPT = ROOT / "swe_scale" / "sandbox" / "network" / "relay.py"


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
async def apart(tmp_path: Path, greeting: Greeting) -> AsyncIterator[tuple[Way, "Runner"]]:
    python = await anyio.to_thread.run_sync(find_python, None)
    work = tmp_path / "work"
    work.mkdir()
    (work / "fetch.py").write_text(FETCH)
    (work / "raw.py").write_text(RAW)
    async with open_server(greeting) as place:
        way = way_to(place)
        shutil.copyfile(SCRIPT, place.parent / "relay.py")
        inside = Inside(
            folder=tmp_path,
            workdir="/work",
            bound={"/work": work},
            shown={str(python.prefix): Path(python.prefix), **way.shown},
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
async def test_an_agent_reaches_the_server_and_nothing_else(
    bubblewrap_config: Bubblewrap, tmp_path: Path, relay: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SWE_SCALE_CANARY", "sings")
    greeting = Greeting()
    async with apart(tmp_path, greeting) as (way, run):
        way.show(relay, "relay")
        for before in befores(way, run.python):
            # The loopback inside is the sandbox's own: what is led somewhere is one port of it.
            addresses = [f"http://127.0.0.1:{PORT}/v1/models", f"http://127.0.0.1:{PORT + 1}/"]
            found = await run(*before, "python3", "fetch.py", *addresses, "http://example.org/")
            assert found.output.split() == ["hello", "unreachable", "hello"]
            raw = await run(*before, "python3", "raw.py", "10.0.0.1", "80")
            assert set(raw.output.splitlines()[:6]) == {"unreachable"}
            shown = await run(*before, "sh", "-c", "env; cat /proc/[0-9]*/environ")
            assert f"HTTPS_PROXY=http://127.0.0.1:{PORT}" in shown.output and "sings" not in shown.output
    assert greeting.asked == ["GET /v1/models HTTP/1.1", "GET http://example.org/ HTTP/1.1"] * 2


@pytest.mark.parametrize("kind", ["python", "program"])
async def test_the_relay_is_as_its_command(relay: Path, kind: str) -> None:
    start = [sys.executable, "-IS", str(SCRIPT)] if kind == "python" else [str(relay)]

    async def run(place: Path, port: int, *command: str, given: bytes = b"") -> tuple[int, bytes]:
        whole = [*start, str(port), str(place), "--", *command]
        done = await anyio.run_process(whole, input=given, check=False)
        return done.returncode, done.stdout + done.stderr

    async with open_server(Greeting()) as place:
        # Each time a port that is free just now: others use some, too.
        kinds: tuple[Callable[[], int], ...] = (lambda: 0, lambda: here(place)[0])
        for port in kinds:
            assert await run(place, port(), "sh", "-c", "cat; exit 42", given=b"in") == (42, b"in")
            assert await run(place, port(), "sh", "-c", "kill -9 $$") == (137, b"")
            code, said = await run(place, port(), "/nonexistent/program")
            assert code == 127 and b"No such file" in said
            code, said = await run(place, port(), sys.executable, "-c", "print(300_000 * 'x')")
            assert code == 0 and len(said) > 300_000
    code, said = await run(place, 0, "true")
    assert code == 97 and said.startswith(b"the proxy's socket can't be used")


@pytest.mark.parametrize("kind", ["python", "program"])
async def test_who_answers_at_the_socket_can_end_the_command(relay: Path, kind: str) -> None:
    start = [sys.executable, "-IS", str(SCRIPT)] if kind == "python" else [str(relay)]
    greeting = Greeting()
    async with open_server(greeting) as place:
        whole = [*start, str(here(place)[0]), str(place), "--", "sleep", "300"]
        async with anyio.create_task_group() as tasks:

            async def hang_up() -> None:
                await greeting.watched.wait()
                greeting.over.set()

            tasks.start_soon(hang_up)
            done = await anyio.run_process(whole, check=False)
    assert done.returncode == 137


async def test_a_socket_that_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    with pytest.raises(SandboxError, match="set TMPDIR to another folder"):
        async with open_server(Greeting()):
            pass
