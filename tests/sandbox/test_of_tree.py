"""Images built by a repository's own Dockerfile, in the network of set-up."""

import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import anyio
import pytest
from network_kit import recording, site
from service_kit import remove_images

from swe_scale.config import Docker, Limits, Network
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Event
from swe_scale.records import Environment
from swe_scale.sandbox import Backend, Build, Recipe, open_backend
from swe_scale.sandbox.layers import REPOSITORY
from swe_scale.sandbox.starting import of_version, workdir_of

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
Forget = Callable[[Environment], None]
CONNECT = "python3 -c \"import socket; socket.create_connection(('192.0.2.1', 80), 5)\""
FETCH = "python3 -c \"import urllib.request as u; print(u.urlopen('{}', timeout=20).read())\""


@pytest.fixture
def digest() -> Iterator[str]:
    name = token_hex(8)
    yield name
    remove_images(f"{REPOSITORY}:{name}")


@asynccontextmanager
async def backend(
    config: Docker, mode: str = "setup-only", run: str = "tests"
) -> AsyncIterator[tuple[Backend, list[Event]]]:
    events, seen = recording()
    network = Network.model_validate({"mode": mode})
    async with open_backend(config, run, events, network) as opened:
        yield opened, seen


def recipe(config: Docker, *lines: str, **fields: str) -> Recipe:
    text = "\n".join((f"FROM {config.base_image} AS first", *lines, ""))
    return Recipe(build=Build(dockerfile="Dockerfile", text=text, **fields))


def changed(tree: Path, name: str, text: str) -> Path:
    folder = tree.parent / f"copy-{token_hex(4)}"
    shutil.copytree(tree, folder, symlinks=True)
    (folder / name).write_text(text)
    return folder


async def test_it_is_started_from_with_the_tree_where_it_keeps_it(
    docker_config: Docker, tree: Path, digest: str, forget: Forget
) -> None:
    lines = (
        "WORKDIR /srv/app",
        "COPY . .",
        "RUN ls -A >/listed && touch made",
        "FROM first",
        "RUN echo two >/two",
    )
    context = changed(tree, ".dockerignore", "# nothing of it\npkg\n!pkg/deep\n")
    async with backend(docker_config) as (opened, _):
        environment = await opened.build(recipe(docker_config, *lines), context, digest)
        forget(environment)
        assert environment.workdir == "/srv/app"
        async with opened.open(environment) as template, template.fork() as sandbox:
            line = "pwd; cat /two; ls made pkg/deep/data.txt pkg/__init__.py; cat /listed"
            ran = await sandbox.run(("sh", "-c", line), limits=Limits())
    shown = ran.output.split()
    assert shown[:5] == ["/srv/app", "two", "made", "pkg/__init__.py", "pkg/deep/data.txt"]
    assert "demo.py" in shown[5:] and ".git" not in shown[5:]


async def test_it_stops_at_the_stage_that_is_meant(
    docker_config: Docker, tree: Path, digest: str, forget: Forget
) -> None:
    wanted = recipe(
        docker_config, "ARG WORD=no", "RUN echo $WORD >/word", "FROM first", "RUN exit 3", target="first"
    )
    assert wanted.build is not None
    build = wanted.build.model_copy(update={"arguments": {"WORD": "said"}})
    async with backend(docker_config) as (opened, _):
        environment = await opened.build(Recipe(build=build), tree, digest)
        forget(environment)
        async with opened.open(environment) as template, template.fork() as sandbox:
            assert (await sandbox.run(("cat", "/word"), limits=Limits())).output == "said\n"


async def test_its_commands_reach_the_registries_alone(
    docker_config: Docker, tree: Path, digest: str, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with site() as index, site() as other:
        monkeypatch.setenv("PIP_INDEX_URL", f"http://127.0.0.1:{index.port}/simple")
        allowed, refused = (f"http://127.0.0.1:{one.port}/x" for one in (index, other))
        # The loopback is the container's own; who is to be asked is named by another name of this host.
        lines = (
            f"RUN no_proxy= NO_PROXY= {FETCH.format(allowed)} && env | grep -q ^PIP_INDEX_URL=",
            f"RUN ! no_proxy= NO_PROXY= {FETCH.format(refused)}",
            f"RUN ! {CONNECT}",
        )
        async with backend(docker_config) as (opened, seen):
            forget(await opened.build(recipe(docker_config, *lines), tree, digest))
        assert len(index.asked) == 1 and other.asked == []
    texts = [event.text for event in seen]
    assert any("reached" in text and str(index.port) in text for text in texts)
    assert any(f"{other.port} is not allowed" in text for text in texts)


async def test_without_network_it_has_none(
    docker_config: Docker, tree: Path, digest: str, forget: Forget
) -> None:
    line = 'RUN test -z "$http_proxy" && test "$(ls /sys/class/net)" = lo'
    async with backend(docker_config, "none") as (opened, _):
        forget(await opened.build(recipe(docker_config, line), tree, digest))


async def test_a_step_that_fails_is_named(docker_config: Docker, tree: Path, digest: str) -> None:
    lines = (
        "RUN echo fine",
        "RUN echo 'a.c:1:2: fatal error: libpq-fe.h: No such file' && exit 7",
        "RUN echo never",
    )
    async with backend(docker_config, run=digest) as (opened, _):
        with pytest.raises(EnvironmentFailure) as failure:
            await opened.build(recipe(docker_config, *lines), tree, digest)
    text = str(failure.value)
    assert "the step that failed is `RUN echo 'a.c" in text and "returned a non-zero code: 7" in text
    assert "Debian's package libpq-dev" in text and "fine" not in text and "--->" not in text
    left = ["docker", "ps", "-aq", "--filter", f"label=swe-scale.run={digest}"]
    assert (await anyio.run_process(left)).stdout == b""


@pytest.mark.parametrize("line", ["NONSENSE", "COPY nothing-there /x", "COPY ../x /x", "ADD /etc/passwd /x"])
async def test_what_is_no_dockerfile_is_said(
    docker_config: Docker, tree: Path, digest: str, line: str
) -> None:
    async with backend(docker_config) as (opened, _):
        with pytest.raises(EnvironmentFailure, match="the image of Dockerfile can't be built"):
            await opened.build(recipe(docker_config, line), tree, digest)


async def test_a_context_outside_the_tree_is_refused(docker_config: Docker, tree: Path, digest: str) -> None:
    context = changed(tree, "x", "")
    (context / "out").symlink_to("/etc")
    async with backend(docker_config) as (opened, _):
        with pytest.raises(EnvironmentFailure, match="wants the folder out, which isn't there"):
            await opened.build(recipe(docker_config, "COPY . /x", context="out"), context, digest)


async def test_another_base_makes_another_environment(docker_config: Docker) -> None:
    name = f"swe-scale-test/base:{token_hex(4)}"
    await anyio.run_process(["docker", "tag", docker_config.base_image, name])
    try:
        async with backend(docker_config) as (opened, _):
            plain = recipe(docker_config)
            same = Recipe(build=Build(dockerfile="D", text=f"FROM {name}\n"))
            assert await opened.identity(plain) == await opened.identity(same)
            absent = Recipe(build=Build(dockerfile="D", text="FROM swe-scale.invalid/no/such:1\n"))
            with pytest.raises(EnvironmentFailure, match="can't be pulled"):
                await opened.identity(absent)
    finally:
        remove_images(name)


async def test_a_python_that_the_image_lacks_is_named(docker_config: Docker, tree: Path, digest: str) -> None:
    async with backend(docker_config) as (opened, _):
        with pytest.raises(
            EnvironmentFailure, match=r"wants Python 3\.99, and the image .* has none"
        ) as failure:
            await opened.build(Recipe(python=True, python_version="3.99"), tree, digest)
    assert "python:3.99" in str(failure.value)


@pytest.mark.parametrize(
    ("base", "version", "name"),
    [
        ("python:3.11", "3.9", "python:3.9"),
        ("python:3.11-slim", "3.9.18", "python:3.9.18-slim"),
        ("example.org:5000/a/python:3.11.7-bookworm", "3.12", "example.org:5000/a/python:3.12-bookworm"),
        ("python:3.11.7", "3.11", "python:3.11.7"),
        ("python:3.11", "", "python:3.11"),
        ("debian:12", "3.9", "debian:12"),
        ("python", "3.9", "python"),
        ("my-python:3.11", "3.9", "my-python:3.11"),
    ],
)  # fmt: skip
async def test_a_python_image_is_taken_in_the_version_wanted(base: str, version: str, name: str) -> None:
    assert of_version(base, version) == name


@pytest.mark.parametrize(
    ("named", "place"),
    [
        ("/srv/app", "/srv/app"), ("/app", "/app"), ("/usr/src/app", "/usr/src/app"), ("/", "/work"),
        ("", "/work"), ("/root/app", "/work"), ("/tmp/x", "/work"), ("/usr", "/work"), ("/home", "/work"),
        ("relative", "/work"), ("/data/app", "/work"),
    ],
)  # fmt: skip
async def test_where_a_dockerfile_keeps_the_tree(named: str, place: str) -> None:
    assert workdir_of({"WorkingDir": named, "Volumes": {"/data": {}}}) == place
