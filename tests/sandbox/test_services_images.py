"""Services of images: a container each, which one cell reaches and nobody else."""

import io
import shlex
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from secrets import token_hex

import anyio
import docker
import pytest
from sandbox_kit import IMAGE, ISOLATING

from swe_scale.config import Docker, Limits, SandboxConfig
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Events
from swe_scale.records import Environment, Execution, Service
from swe_scale.sandbox import Recipe, Sandbox, Template, open_backend
from swe_scale.sandbox.boxed import BoxTemplate
from swe_scale.sandbox.services import companion
from swe_scale.sandbox.services.company import Company

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
LIMITS = Limits(seconds=60)
PORT = 7411
RUN = f"images-{token_hex(4)}"
KINDS = [kind for kind in ISOLATING if str(kind.values[0]) in ("docker", "docker-strict", "docker-plain")]
KEEPER = """
import os, socketserver, sys
FILE = "/data/values"
os.makedirs("/data", exist_ok=True)
os.chown("/data", 4242, 4242)
os.setgid(4242)
os.setuid(4242)
if os.environ.get("KEEPER_ENDS"):
    print("ending", flush=True)
    sys.exit(int(os.environ["KEEPER_ENDS"]))
print("keeping as", os.getuid(), os.environ.get("KEEPER"), flush=True)
class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        word, _, rest = self.rfile.readline().decode().strip().partition(" ")
        if word == "SET":
            with open(FILE, "a") as file:
                file.write(rest + "\\n")
        self.wfile.write(open(FILE).read().encode() if os.path.exists(FILE) else b"nothing")
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 7411), Handler).serve_forever()
"""
ASK = (
    "import socket, sys; s = socket.create_connection(('127.0.0.1', 7411)); "
    "s.sendall(sys.argv[1].encode() + b'\\n'); print(s.makefile().read().strip())"
)


def ask(words: str) -> str:
    return f"python -c {shlex.quote(ASK)} {shlex.quote(words)}"


async def sh(sandbox: Sandbox, line: str, limits: Limits = LIMITS) -> Execution:
    return await sandbox.run(["sh", "-c", line], limits=limits)


@pytest.fixture(scope="session")
def image() -> Iterator[str]:
    """An image whose program gives its files to a user, goes on as that user, and keeps values."""
    name = f"swe-scale-test/keeper:{token_hex(4)}"
    recipe = f'FROM {IMAGE}\nADD keeper.py /\nVOLUME /data\nENTRYPOINT []\nCMD ["python3", "/keeper.py"]\n'
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for file, text in (("Dockerfile", recipe), ("keeper.py", KEEPER)):
            entry = tarfile.TarInfo(file)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    packed.seek(0)
    client = docker.from_env()
    client.images.build(fileobj=packed, custom_context=True, tag=name, rm=True)
    yield name
    client.images.remove(name, force=True)
    client.close()


def keeper(image: str, **fields: object) -> Service:
    return Service.model_validate({"name": "keeper", "port": PORT, "image": image, **fields})


@dataclass(frozen=True)
class There:
    """What the container service has of this run."""

    boxes: int
    servers: frozenset[str]
    volumes: frozenset[str]

    @classmethod
    def of(cls, image: str) -> "There":
        client = docker.from_env()
        found = client.containers.list(filters={"label": f"swe-scale.run={RUN}"}, ignore_removed=True)
        servers = [each for each in found if each.image.id == client.images.get(image).id]
        mounts = [mount for each in servers for mount in each.attrs["Mounts"]]
        client.close()
        volumes = frozenset(mount["Name"] for mount in mounts if mount["Type"] == "volume")
        return cls(len(found) - len(servers), frozenset(str(each.id) for each in servers), volumes)


def volumes_left(names: frozenset[str]) -> set[str]:
    client = docker.from_env()
    found = {str(each.name) for each in client.volumes.list()}
    client.close()
    return found & names


@asynccontextmanager
async def opened(
    config: SandboxConfig, environment: Environment, *services: Service, events: Events | None = None
) -> AsyncIterator[Template]:
    whole = environment.model_copy(update={"services": services})
    async with open_backend(config, RUN, events or Events()) as backend, backend.open(whole) as template:
        yield template


@pytest.mark.parametrize("config", KINDS, indirect=True)
async def test_an_image_s_service_is_fresh_for_each_cell_and_lasts_in_one(
    config: SandboxConfig, environment: Environment, image: str
) -> None:
    async with opened(config, environment, keeper(image, variables={"KEEPER": "set"})) as template:
        async with template.fork() as sandbox:
            first = await sh(sandbox, ask("SET one"))
            again = await sh(sandbox, f"{ask('SET two')}; exit 42")
            killed = await sh(sandbox, "kill -9 $$")
            async with template.fork() as other:
                beside = await sh(other, ask("GET"))
            during = There.of(image)
        async with template.fork() as third:
            fresh = await sh(third, ask("GET"))
    assert (first.exit_code, first.output) == (0, "one\n"), first.output
    assert (again.exit_code, again.output) == (42, "one\ntwo\n"), again.output
    assert killed.exit_code == 137
    assert (beside.output, fresh.output) == ("nothing\n", "nothing\n")
    assert during.servers and during.volumes
    assert There.of(image) == There(0, frozenset(), frozenset())
    assert volumes_left(during.volumes) == set()


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
async def test_no_two_cells_have_the_same_container(
    config: SandboxConfig, environment: Environment, image: str
) -> None:
    seen: list[str] = []
    async with opened(config, environment, keeper(image)) as template:
        assert isinstance(template, BoxTemplate) and isinstance(template.services, Company)
        for _ in range(3):
            async with template.services.lease() as started:
                seen += [one.container for one in started.companions]
    assert len(set(seen)) == 3


BROKEN: dict[str, tuple[dict[str, object], str, str]] = {
    "ends": ({"variables": {"KEEPER_ENDS": "3"}}, "the service keeper ended with exit code 3", "ending"),
    "never ready": ({"ready": "false"}, "the service keeper isn't ready after 3 s", "keeping as 4242"),
    "another port": ({"port": PORT + 1}, "the service keeper isn't ready after 3 s", "keeping as 4242"),
    "speaks without end": ({"ready": "yes"}, "the service keeper isn't ready after 3 s", "keeping as 4242"),
}


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
@pytest.mark.parametrize("kind", BROKEN)
async def test_an_image_s_service_that_does_not_come_up_is_named(
    config: SandboxConfig, environment: Environment, image: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields, what, said = BROKEN[kind]
    if kind != "ends":
        monkeypatch.setattr(companion, "PATIENCE", 3.0)
    with pytest.raises(EnvironmentFailure) as failure:
        async with opened(config, environment, keeper(image, **fields)):
            pass
    assert what in str(failure.value) and said in str(failure.value)
    assert There.of(image) == There(0, frozenset(), frozenset())


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
async def test_what_speaks_without_end_can_be_cancelled(
    config: SandboxConfig, environment: Environment, image: str
) -> None:
    with anyio.move_on_after(5) as given_up:
        async with opened(config, environment, keeper(image, ready="yes")):
            pass
    assert given_up.cancelled_caught
    assert There.of(image) == There(0, frozenset(), frozenset())


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
async def test_a_service_has_no_network_few_powers_and_bounds(
    config: SandboxConfig, environment: Environment, image: str
) -> None:
    async with opened(config, environment, keeper(image)) as template, template.fork() as sandbox:
        await sh(sandbox, "true")
        client = docker.from_env()
        found = [client.containers.get(name).attrs for name in There.of(image).servers]
        client.close()
    for each in found:
        host = each["HostConfig"]
        assert (host["NetworkMode"], host["CapDrop"]) == ("none", ["ALL"])
        assert len(host["CapAdd"]) == 5 and "no-new-privileges" in host["SecurityOpt"]
        assert host["Memory"] > 0 and host["PidsLimit"] > 0 and "size=" in host["Tmpfs"]["/data"]
    assert found


@pytest.mark.parametrize("config", KINDS[:1], indirect=True)
async def test_both_kinds_and_a_command_that_fails(
    config: SandboxConfig, environment: Environment, image: str
) -> None:
    line = "exec python -m http.server 7419 --bind 127.0.0.1"
    fetch = "python -c \"import urllib.request as r; print(r.urlopen('http://127.0.0.1:7419').status)\""
    own = Service(name="own", port=7419, command=line, ready=f"{ask('GET')} && {fetch}")
    async with opened(config, environment, keeper(image), own) as template, template.fork() as sandbox:
        ran = await sh(sandbox, f"{ask('SET both')}; {fetch}")
        missing = await sandbox.run(["no-such-program"], limits=LIMITS)
    assert ran.output == "both\n200\n"
    assert missing.exit_code == 127


async def test_an_image_that_is_not_there_is_named(docker_config: Docker) -> None:
    recipe = Recipe(services=(keeper("127.0.0.1:1/no-such/image:1"),))
    async with open_backend(docker_config, RUN, Events()) as backend:
        with pytest.raises(EnvironmentFailure, match="no-such/image"):
            await backend.identity(recipe)
