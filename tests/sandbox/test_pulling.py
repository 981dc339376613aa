import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from service_kit import (
    free_port,
    http,
    import_image,
    registry,
    registry_relay,
    remove_images,
    service_relay,
)

from swe_scale.config import Docker
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Event, Events
from swe_scale.retry import without_waiting
from swe_scale.sandbox import streaming
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.pulling import obtain

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
_MEGABYTES = 6


@pytest.fixture(scope="module")
def port(docker_config: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """A registry that has an image `made:1`."""
    with registry(tmp_path_factory.mktemp("registry")) as port:
        made, name = import_image({"data": os.urandom(_MEGABYTES << 20)}), f"127.0.0.1:{port}/made:1"
        try:
            for command in (["tag", made, name], ["push", "-q", name]):
                subprocess.run(["docker", *command], check=True, capture_output=True)
        finally:
            remove_images(made, name)
        yield port


@asynccontextmanager
async def engine(**options: object) -> AsyncIterator[Engine]:
    found = Engine(Docker.model_validate(options), "tests")
    try:
        await found.connect()
        yield found
    finally:
        await found.close()


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def events(said: list[str]) -> Events:
    def hear(event: Event) -> None:
        said.append(event.text)

    return Events([hear])


async def refusal(name: str, events: Events, **options: object) -> str:
    with without_waiting():
        async with engine(**options) as service:
            with pytest.raises(EnvironmentFailure) as failure:
                await obtain(service, name, events)
    text = str(failure.value)
    assert len(text.splitlines()) == 2
    return text


async def test_an_image_is_pulled_once_however_many_ask(
    port: int, events: Events, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streaming, "EVERY", 0.0)
    found = []
    with registry_relay(port) as (relay, near):
        name = f"127.0.0.1:{near}/made:1"
        try:
            async with engine() as service, anyio.create_task_group() as tasks:

                async def ask() -> None:
                    found.append((await obtain(service, name, events)).id)

                for _ in range(3):
                    tasks.start_soon(ask)
        finally:
            remove_images(name)
        blobs = [line for line in relay.asked if line.startswith(b"GET") and b"/blobs/" in line]
    assert len(found) == 3 and len(set(found)) == 1
    assert len(blobs) == 2, "its configuration and its one layer"
    assert said[0] == f"pulling the image {name}: asking its registry"
    assert "here after" in said[-1]
    assert any("1 layers are here" in one for one in said)


async def test_a_registry_that_hangs_up_is_asked_again(port: int, events: Events, said: list[str]) -> None:
    with registry_relay(port) as (relay, near):
        relay.cut = 8
        name = f"127.0.0.1:{near}/made:1"
        try:
            with without_waiting():
                async with engine() as service:
                    assert (await obtain(service, name, events)).tags == [name]
        finally:
            remove_images(name)
        assert relay.cut == 0
    assert any("try 2" in one for one in said)


async def test_a_layer_that_breaks_off_is_fetched_on(port: int, events: Events) -> None:
    with registry_relay(port) as (relay, near):
        relay.cut_after = (2, 1 << 20)
        name = f"127.0.0.1:{near}/made:1"
        try:
            async with engine() as service:
                image = await obtain(service, name, events)
                assert image.attrs["Size"] == _MEGABYTES << 20
        finally:
            remove_images(name)
        assert relay.cut_after[0] == 0


async def test_a_registry_that_is_slow_is_waited_for(port: int, events: Events) -> None:
    with registry_relay(port) as (relay, near):
        relay.delay = 0.3
        name = f"127.0.0.1:{near}/made:1"
        try:
            async with engine(timeout=0.25) as service:
                assert (await obtain(service, name, events)).tags == [name]
        finally:
            remove_images(name)


async def test_a_registry_that_never_answers_is_given_up(port: int, events: Events, said: list[str]) -> None:
    with registry_relay(port) as (relay, near):
        relay.delay = 3.0
        text = await refusal(f"127.0.0.1:{near}/made:1", events, pull_timeout=0.2)
    assert "nothing came for 0.2 s (`pull_timeout` under [sandbox]); 5 tries" in text


async def test_giving_up_ends_a_pull_at_once(port: int, events: Events) -> None:
    with registry_relay(port) as (relay, near):
        relay.delay = 3.0
        async with engine() as service:
            with anyio.move_on_after(0.3) as scope:
                await obtain(service, f"127.0.0.1:{near}/made:1", events)
            assert scope.cancelled_caught
            assert await service.image("swe-scale-test/absent") is None


async def test_what_no_registry_has_is_asked_for_once(port: int, events: Events) -> None:
    with registry_relay(port) as (relay, near):
        text = await refusal(f"127.0.0.1:{near}/made:2", events)
        asked = [line for line in relay.asked if b"/manifests/" in line]
    assert "its registry has no such image" in text and "Check name and tag" in text
    assert len(set(asked)) == len(asked)


async def test_a_registry_where_nothing_listens_is_named(docker_config: Docker, events: Events) -> None:
    text = await refusal(f"127.0.0.1:{free_port()}/made:1", events)
    assert "connection refused; 2 tries" in text and "Try `docker pull 127.0.0.1:" in text


@pytest.mark.parametrize("name", ["Upper/case:1", "a b", "name:", "-x:y z"])
async def test_what_is_no_name_is_said_to_be_none(docker_config: Docker, events: Events, name: str) -> None:
    assert "isn't here and can't be pulled" in await refusal(name, events)


FULL = '{"error": "write /var/lib/x: no space left on device"}'
SECRET = '{"message": "no basic auth credentials"}'
DENIED = '{"message": "pull access denied for x, repository does not exist"}'
FOREIGN = '{"error": "no matching manifest for linux/amd64 in the manifest list"}'
REFUSALS = (
    ("200 OK", FULL, "no space left", "images prune"),
    ("500 Internal Server Error", SECRET, "wants a login", "docker login reg.example.org"),
    ("404 Not Found", DENIED, "only after a login", "docker login reg.example.org"),
    ("200 OK", FOREIGN, "architecture", "built for this machine"),
)


@pytest.mark.parametrize(("status", "body", "reason", "mend"), REFUSALS)
async def test_a_refusal_is_put_in_plain_words(
    docker_config: Docker, events: Events, tmp_path: Path, status: str, body: str, reason: str, mend: str
) -> None:
    with service_relay(tmp_path / "service") as relay:
        relay.rule = lambda sent: http(status, body) if b"/images/create" in sent else None
        text = await refusal("reg.example.org/x:1", events, base_url=f"unix://{tmp_path}/service")
        tries = sum(b"/images/create" in line for line in relay.asked)
    assert reason in text and mend in text
    assert tries == 1


async def test_a_service_that_breaks_off_is_asked_again(
    docker_config: Docker, events: Events, tmp_path: Path
) -> None:
    with service_relay(tmp_path / "service") as relay:
        half = b'HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{"status": "Downloading"}\r\n{"sta'
        relay.rule = lambda sent: half if b"/images/create" in sent else None
        text = await refusal("reg.example.org/x:1", events, base_url=f"unix://{tmp_path}/service")
    assert "5 tries" in text
