import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from swe_scale.config import Limits, SandboxConfig
from swe_scale.events import Events
from swe_scale.records import Environment, Execution, Service
from swe_scale.sandbox import Sandbox, open_backend

pytestmark = pytest.mark.anyio
FOUND = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
BIN = FOUND[-1] if FOUND else Path("/usr/lib/postgresql/bin")
SQL = f"{BIN}/psql -h 127.0.0.1 -U tester -d postgres -Atc"


@dataclass(frozen=True)
class Server:
    """A real one, and how its clients write, read, and count what was written."""

    service: Service
    write: str
    read: str
    count: str


REDIS = Server(
    Service(
        name="redis",
        port=6379,
        command="exec redis-server --port 6379 --dir ~ --save 60 1",
        ready="redis-cli ping | grep -q PONG",
    ),
    "redis-cli set kept 7",
    "redis-cli get kept",
    "redis-cli exists kept",
)
POSTGRES = Server(
    Service(
        name="postgres",
        port=5432,
        command=(
            f"[ -d ~/pg ] || {BIN}/initdb -D ~/pg -U tester --auth=trust --no-sync >/dev/null || exit\n"
            f"exec {BIN}/postgres -D ~/pg -k /tmp -h 127.0.0.1 -F"
        ),
        ready=f"{BIN}/pg_isready -h 127.0.0.1 -U tester",
    ),
    f"{SQL} 'CREATE TABLE kept AS SELECT 7 AS value'",
    f"{SQL} 'SELECT value FROM kept'",
    f"{SQL} \"SELECT count(*) FROM pg_tables WHERE tablename = 'kept'\"",
)
KNOWN = {"redis-server": REDIS, str(BIN / "postgres"): POSTGRES}
THERE = [pytest.param(server, id=server.service.name) for name, server in KNOWN.items() if shutil.which(name)]


async def sh(sandbox: Sandbox, line: str) -> Execution:
    return await sandbox.run(("sh", "-c", line), limits=Limits(seconds=120))


@pytest.mark.bubblewrap
@pytest.mark.parametrize("config", ["bubblewrap", "bubblewrap-copies"], indirect=True)
@pytest.mark.parametrize("server", THERE)
async def test_a_real_server_keeps_what_one_sandbox_wrote_and_is_fresh_for_another(
    config: SandboxConfig,
    environment: Environment,
    server: Server,
    shared_cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(shared_cache))
    whole = environment.model_copy(update={"services": (server.service,)})
    async with open_backend(config, "tests", Events()) as backend, backend.open(whole) as template:
        async with template.fork() as sandbox:
            wrote = await sh(sandbox, server.write)
            ran = await sh(sandbox, server.read)
        async with template.fork() as other:
            fresh = await sh(other, server.count)
    assert wrote.exit_code == 0, wrote.output
    assert (ran.exit_code, ran.output) == (0, "7\n"), ran.output
    assert (fresh.exit_code, fresh.output) == (0, "0\n"), fresh.output
