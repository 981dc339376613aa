"""What set-up reaches on the backends that isolate, and what it finds of this host."""

import io
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex

import docker
import pytest
from network_kit import FETCH, RAW, reachable_server, recording, site

from swe_scale.config import Docker, Limits, Local, Network, SandboxConfig
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Event, Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, open_backend
from swe_scale.sandbox.network.container import open_container_way

pytestmark = pytest.mark.anyio
LIMITS = Limits(seconds=60)
Forget = Callable[[Environment], None]
isolating = pytest.mark.parametrize(
    "config",
    [
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
    ],
    indirect=True,
)


def wheel(name: str) -> bytes:
    data = io.BytesIO()
    info = f"{name}-1.0.dist-info"
    with zipfile.ZipFile(data, "w") as file:
        file.writestr(f"{name}.py", "answer = 42\n")
        file.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    return data.getvalue()


@pytest.fixture
def without_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PIP_NO_INDEX"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


@pytest.fixture
def scripts(tree: Path) -> Iterator[None]:
    texts = {"fetch.py": FETCH, "raw.py": RAW}
    for name, text in texts.items():
        (tree / name).write_text(text)
    yield
    for name in texts:
        (tree / name).unlink()


class Built:
    def __init__(self, config: SandboxConfig, tree: Path, forget: Forget) -> None:
        self.seen: list[Event] = []
        self._given = (config, tree, forget)

    @property
    def texts(self) -> list[str]:
        return [event.text for event in self.seen]

    async def __call__(self, network: Network, *lines: str, python: bool = False, line: str = "true") -> str:
        """Return what a line says in a copy of what these lines made."""
        config, tree, forget = self._given
        events, self.seen = recording()
        async with open_backend(config, "tests", events, network) as backend:
            environment = await backend.build(Recipe(setup=lines, python=python), tree, token_hex(8))
            forget(environment)
            async with backend.open(environment) as template, template.fork() as sandbox:
                return (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output


@pytest.fixture
def built(config: SandboxConfig, tree: Path, forget: Forget) -> Built:
    return Built(config, tree, forget)


@isolating
@pytest.mark.usefixtures("without_settings")
async def test_set_up_installs_from_the_registry_of_this_host(
    built: Built, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site() as index, site() as other:
        file = "demopkg-1.0-py3-none-any.whl"
        index.files = {
            "/simple/demopkg/": f'<a href="/{file}">{file}</a>'.encode(),
            f"/{file}": wheel("demopkg"),
        }
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.port}/simple")
        shown = "python -c 'import demopkg; print(demopkg.answer)'; env | grep -ic proxy"
        elsewhere = f"! python -m pip download -qqi http://127.0.0.1:{other.port}/simple demopkg"
        found = await built(Network(), "python -m pip install demopkg", elsewhere, python=True, line=shown)
        asked = len(index.asked)
    assert found == "42\n0\n"
    assert other.asked == []
    assert any(f"set-up reached 127.0.0.1:{index.port} ({asked})" in text for text in built.texts)
    assert any(f"didn't reach a host: 127.0.0.1:{other.port} is not allowed" in text for text in built.texts)


@isolating
@pytest.mark.usefixtures("scripts", "without_settings")
async def test_hostile_set_up_reaches_nothing_else(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    with site() as index, site() as inner, reachable_server() as (address, port):
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.port}/simple")
        index.to = f"http://127.0.0.1:{inner.port}/secret"
        addresses = [f"http://127.0.0.1:{index.port}/redirect", index.to, "http://169.254.169.254/latest"]
        addresses += ["http://10.0.0.1/", "http://2130706433/", f"http://localhost:{inner.port}/"]
        lines = (
            f"python3 fetch.py {' '.join(addresses)} >fetched",
            f"python3 raw.py {address} {port} >raw",
        )
        found = await built(Network(setup_hosts=("localhost:1",)), *lines, line="cat fetched raw")
    fetched, raw = found.split()[:6], found.splitlines()[6:12]
    assert fetched == ["403", "403", "403", "403", "400", "unreachable"]
    assert raw == ["unreachable"] * 6
    assert inner.asked == [] and [path for path, _ in index.asked] == ["/redirect"]
    refused = [text for text in built.texts if "didn't reach a host" in text]
    assert len(refused) == 3
    for host, text in zip(
        (f"127.0.0.1:{inner.port}", "169.254.169.254:80", "10.0.0.1:80"), refused, strict=True
    ):
        assert text.startswith(f"set-up didn't reach a host: {host} is not allowed; add it to `setup_hosts`")


@isolating
@pytest.mark.usefixtures("scripts")
async def test_modes(built: Built) -> None:
    with reachable_server() as (host, port):
        connect = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
        lines = ('test -z "$HTTP_PROXY"', f'! python3 -c "{connect}" 2>said', "grep -q unreachable said")
        found = await built(Network(mode="none"), *lines, line="cat said")
        assert "Network is unreachable" in found
        found = await built(Network(mode="full"), f'python3 -c "{connect}"', line=f'python3 -c "{connect}"')
        assert "Network is unreachable" in found
    assert not any("set-up reached" in text for text in built.texts)


CANARIES = {
    "SWE_SCALE_CANARY": "zq8canary-one",
    "EXAMPLE_API_KEY": "zq8canary-two",
    "HTTPS_PROXY": "http://me:zq8canary-three@127.0.0.1:9",
    "PIP_INDEX_URL": "https://me:zq8canary-four@packages.example.org/simple",
    "PIP_PROXY": "http://me:zq8canary-five@127.0.0.1:9",
    "GOPROXY": "https://me:zq8canary-six@go.example.org",
}
SEARCH = (
    "{ env; cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline; "
    "grep -rasI zq8canar[y]- /run /tmp /scratch /root /home /etc /opt /var . ; } 2>/dev/null | tr '\\0' '\\n'"
)


@isolating
async def test_nothing_secret_is_inside(built: Built, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in CANARIES.items():
        monkeypatch.setenv(name, value)
    line = f"{SEARCH} >../tmp/found; cp ../tmp/found found"
    found = await built(Network(), line, line=f"cat found; {SEARCH}")
    assert "PIP_INDEX_URL=https://packages.example.org/simple" in found
    assert "zq8canary-" not in found
    withheld = [text for text in built.texts if "passwords" in text]
    assert len(withheld) == 1 and "GOPROXY, PIP_INDEX_URL:" in withheld[0]


@isolating
async def test_a_failing_line_is_shown_in_short_plain_lines(built: Built) -> None:
    with pytest.raises(EnvironmentFailure) as failure:
        await built(Network(), "printf '%05000d\\n' 7; printf '\\033[2Jend\\n'; exit 1")
    *_, long, last = str(failure.value).splitlines()
    assert long == "0" * 400 + " …" and last == "\ufffd[2Jend"


@pytest.fixture
def without_python(docker_config: Docker) -> Iterator[str]:
    client = docker.from_env()
    name = f"swe-scale-test/bare:{token_hex(4)}"
    line = "rm -f /usr/bin/python3* /usr/local/bin/python3*"
    container = client.containers.create(docker_config.base_image, ["sh", "-ec", line], network_mode="none")
    try:
        container.start()
        assert container.wait()["StatusCode"] == 0
        container.commit(*name.split(":"))
        yield name
    finally:
        container.remove(force=True)
        client.images.remove(name, force=True)
        client.close()


@pytest.mark.docker
@pytest.mark.usefixtures("without_settings")
async def test_an_image_without_python_has_its_way(
    docker_config: Docker, without_python: str, tree: Path, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site() as index:
        place = f"127.0.0.1:{index.port}"
        monkeypatch.setenv("PIP_INDEX_URL", f"http://{place}/simple")
        line = (
            "exec 3<>/dev/tcp/127.0.0.1/${HTTP_PROXY##*:}; "
            f"printf 'GET http://{place}/x HTTP/1.1\\r\\nHost: {place}\\r\\n\\r\\n' >&3; grep 200 <&3"
        )
        async with open_backend(docker_config, "tests", Events()) as backend:
            recipe = Recipe(image=without_python, setup=("! command -v python3", f"bash -c {line!r}"))
            forget(await backend.build(recipe, tree, token_hex(8)))
        assert [path for path, _ in index.asked] == ["/x"]


async def test_a_remote_service_is_refused_where_a_proxy_is_wanted() -> None:
    with pytest.raises(EnvironmentFailure, match="--network full"):
        async with open_container_way(Network(), Recipe(setup=("true",)), Events(), local=False):
            pass
    for network, recipe in ((Network(), Recipe()), (Network(mode="none"), Recipe(setup=("true",)))):
        async with open_container_way(network, recipe, Events(), local=False) as way:
            assert way.shown == {} and way.by_python(sys.executable) == ()


async def test_the_local_sandbox_has_the_network_of_this_host(tree: Path, forget: Forget) -> None:
    with reachable_server() as (host, port):
        connect = f"import socket; socket.create_connection(({host!r}, {port}), 5)"
        await Built(Local(), tree, forget)(Network(), f'python3 -c "{connect}"')


async def test_the_local_sandbox_cannot_do_without_network() -> None:
    with pytest.raises(SandboxError, match="can't keep set-up from the network"):
        async with open_backend(Local(), "tests", Events(), Network(mode="none")):
            pass
