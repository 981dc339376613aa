"""Images ahead of the issues that need them, and a disk that doesn't fill up."""

import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import pytest
from service_kit import import_image, registry, remove_images

from swe_scale.config import Docker
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Event, Events
from swe_scale.sandbox import supply
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.supply import Record, Supply, open_supply

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
_COUNT = 6
_DIGEST = "feedfacefeedface"


@pytest.fixture(scope="module")
def names(docker_config: Docker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[str]]:
    """Images of a registry, each with a layer of its own."""
    with registry(tmp_path_factory.mktemp("registry")) as port:
        made = [f"127.0.0.1:{port}/row{number}:latest" for number in range(_COUNT)]
        for number, name in enumerate(made):
            image = import_image({"data": f"{number}".encode() * 1000})
            for command in (["tag", image, name], ["push", "-q", name]):
                subprocess.run(["docker", *command], check=True, capture_output=True)
            remove_images(image, name)
        yield made
        remove_images(*made)


class Disk:
    """A disk whose free space is what the test says."""

    def __init__(self) -> None:
        self.free = 100
        self.gain = 0
        """What each look finds more than the one before."""
        self.real = shutil.disk_usage

    def usage(self, path: Path) -> object:
        self.free += self.gain
        return self.real(path)._replace(free=self.free)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    made = Disk()
    monkeypatch.setattr("swe_scale.sandbox.supply.shutil.disk_usage", made.usage)
    return made


class Desk:
    """A supply with what it told."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.noted: list[list[str]] = []

    @asynccontextmanager
    async def open(
        self, wanted: Sequence[str], keep_free: int | None = None, pulled: Sequence[str] = ()
    ) -> AsyncIterator[tuple[Supply, Engine]]:
        async def note(names: Sequence[str]) -> None:
            self.noted.append(list(names))

        def hear(event: Event) -> None:
            self.said.append(event.text)

        engine = Engine(Docker(), "tests")
        try:
            await engine.connect()
            async with open_supply(engine, Events([hear]), wanted, Record(pulled, note), keep_free) as made:
                yield made, engine
        finally:
            await engine.close()


async def here(engine: Engine, names: Sequence[str]) -> list[bool]:
    return [await engine.image(name) is not None for name in names]


async def until(engine: Engine, names: Sequence[str], count: int) -> None:
    """Wait until so many are here."""
    with anyio.fail_after(60):
        while sum(await here(engine, names)) < count:  # noqa: ASYNC110 - nothing tells when
            await anyio.sleep(0.05)


def docker(*arguments: str, text: str = "") -> None:
    subprocess.run(["docker", *arguments], input=text.encode(), check=True, capture_output=True)


async def test_images_are_pulled_ahead_of_their_issues_and_no_further(names: list[str]) -> None:
    remove_images(*names)
    async with Desk().open(names) as (made, engine):
        await until(engine, names, supply.AHEAD)
        for _ in range(5):
            await anyio.sleep(0.02)
        assert await here(engine, names) == [True] * supply.AHEAD + [False] * (_COUNT - supply.AHEAD)
        async with made.using(names[0]):
            await until(engine, names, supply.AHEAD + 1)
        assert await engine.image(names[0]) is not None, "without a bound nothing is removed"


async def test_images_of_finished_issues_make_room_least_recently_used_first(
    names: list[str], disk: Disk
) -> None:
    remove_images(*names)
    docker("pull", "-q", names[2])
    desk = Desk()
    async with desk.open([names[0], names[0], *names[1:4]], keep_free=50) as (made, engine):
        await until(engine, names[:4], 4)
        async with made.using(names[1]), made.using(names[0]):
            pass
        async with made.using(names[2]):
            pass
        disk.free = 10
        async with made.using(names[3]):
            # It is here already, so nothing had to go for it.
            assert all(await here(engine, names[:4]))
        made.wanted[names[4]] = 1
        async with made.using(names[4]):
            # One of row 0's two issues isn't finished; row 2 was here before the run.
            assert await here(engine, names[:5]) == [True, False, True, False, True]
        async with made.using(names[0]):
            pass
        made.wanted[names[5]] = 1
        async with made.using(names[5]):
            assert await here(engine, names) == [False, False, True, False, False, True]
    assert desk.noted[-1] == [names[5]]
    gone = [text for text in desk.said if text.startswith("removed the image")]
    assert [text.split()[3].rstrip(":") for text in gone] == [names[i] for i in (1, 3, 4, 0)]


async def test_what_was_made_of_an_image_goes_with_it_unless_it_is_used(names: list[str], disk: Disk) -> None:
    remove_images(*names)
    tag = f"swe-scale/environment:{_DIGEST}"
    docker("pull", "-q", names[0])
    docker("build", "-q", "-t", tag, "-", text=f"FROM {names[0]}\nCOPY . /more\n")
    try:
        async with Desk().open([names[1]], keep_free=50, pulled=[names[0]]) as (made, engine):
            disk.free = 10
            remove_images(names[1])
            async with made.using(names[1]):
                assert await here(engine, [names[0], tag, names[1]]) == [False, False, True]
    finally:
        remove_images(tag)


async def test_an_image_that_can_not_be_had_fails_its_issue_alone(names: list[str]) -> None:
    lost = names[0].replace("row0", "nowhere")
    desk = Desk()
    async with desk.open([lost, names[1]]) as (made, _):
        with pytest.raises(EnvironmentFailure, match="its registry has no such image"):
            async with made.using(lost):
                pytest.fail("there is no such image")
        async with made.using(names[1]):
            pass


async def test_where_nothing_can_go_the_issue_goes_on(names: list[str], disk: Disk) -> None:
    remove_images(*names)
    disk.free = 10
    desk = Desk()
    async with (
        desk.open(names[:2], keep_free=50) as (made, engine),
        made.using(names[0]),
        made.using(names[1]),
    ):
        assert all(await here(engine, names[:2]))
    assert any("all images are in use" in text for text in desk.said)
