"""A container service that restarts, stays away, drags on or is refused while work goes on."""

from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import anyio
import docker
import pytest
from service_kit import Relay, http, remove_images, service_relay
from solving_kit import Desk, Spoken, open_desk

from swe_scale.config import Docker
from swe_scale.errors import SandboxError
from swe_scale.records import BASE, Check
from swe_scale.sandbox.engine import Engine

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
UNRESOLVED = "exit(42)"


@pytest.fixture
def relay(docker_config: Docker, tmp_path: Path) -> Iterator[Relay]:
    with service_relay(tmp_path / "service") as found:
        yield found


@pytest.fixture
def config(docker_config: Docker, relay: Relay, tmp_path: Path) -> Docker:
    return docker_config.model_copy(update={"base_url": f"unix://{tmp_path}/service", "timeout": 30.0})


@pytest.fixture
async def desk(relay: Relay, config: Docker, tmp_path: Path) -> AsyncIterator[Desk]:
    try:
        async with open_desk(tmp_path, Spoken({}), sandbox=config) as opened:
            yield opened
            # A service that is away when everything is done would leave the containers to the next run.
            relay.rule = None
            image = opened.setting.cells.environment.image
    finally:
        relay.rule = None
    remove_images(str(image))


def away(_: bytes) -> bytes:
    return http("503 Service Unavailable", '{"message": "the service is shutting down"}')


async def test_a_service_that_restarts_in_the_middle_costs_no_verdict(desk: Desk, relay: Relay) -> None:
    cells = desk.setting.cells
    slow, got = Check.of("import time\ntime.sleep(1.5)\nexit(42)", "reproduction"), []

    async def ask() -> None:
        got.append(await cells.verdict(slow, BASE))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.sleep(0.7)
        assert relay.drop() > 0
    assert [one.outcome for one in got] == ["fail"]


async def test_a_service_that_stays_away_ends_the_run_and_not_the_issue(desk: Desk, relay: Relay) -> None:
    cells, check = desk.setting.cells, Check.of(UNRESOLVED, "reproduction")
    relay.rule = away
    relay.drop()
    with pytest.raises(SandboxError) as failure:
        await cells.verdict(check, BASE)
    assert "the container service failed: the service is shutting down" in str(failure.value)
    relay.rule = None
    assert (await cells.verdict(check, BASE)).outcome == "fail", "nothing was kept of the first time"


async def test_a_service_that_drags_on_is_waited_for(desk: Desk, relay: Relay) -> None:
    relay.delay = 0.1
    verdict = await desk.setting.cells.verdict(Check.of(UNRESOLVED, "reproduction"), BASE)
    assert verdict.outcome == "fail"
    relay.delay = 0.0


async def test_a_call_that_hangs_is_given_up(config: Docker, relay: Relay) -> None:
    engine = Engine(config.model_copy(update={"timeout": 0.3}), "tests")
    try:
        await engine.connect()
        relay.delay = 1.5
        with pytest.raises(SandboxError, match="didn't answer in time; `timeout` under \\[sandbox\\]"):
            await engine.image("swe-scale-test/absent")
    finally:
        await engine.close()


async def test_a_removal_at_which_the_service_fails_is_tried_again(config: Docker, relay: Relay) -> None:
    engine = Engine(config, "tests")
    refusals: list[bytes] = []

    def fail_twice(request: bytes) -> bytes | None:
        if not request.startswith(b"DELETE") or len(refusals) == 2:
            return None
        refusals.append(request)
        return http("500 Internal Server Error", '{"message": "could not kill: it is not running"}')

    try:
        await engine.connect()
        relay.rule = fail_twice
        async with engine.container(config.base_image) as container:
            name = container.id
        with closing(docker.from_env()) as service:
            assert name not in [one.id for one in service.containers.list(all=True)]
        assert len(refusals) == 2
    finally:
        relay.rule = None
        await engine.close()


async def test_a_removal_at_which_the_service_always_fails_says_so(config: Docker, relay: Relay) -> None:
    engine = Engine(config, "tests")

    def fail(request: bytes) -> bytes | None:
        if request.startswith(b"DELETE"):
            return http("500 Internal Server Error", '{"message": "the disk is broken"}')
        return None

    try:
        await engine.connect()
        relay.rule = fail
        with pytest.raises(SandboxError, match="the disk is broken"):
            async with engine.container(config.base_image) as container:
                name = container.id
    finally:
        relay.rule = None
        await engine.remove(name)
        await engine.close()
