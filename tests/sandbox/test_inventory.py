import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from secrets import token_hex

import docker
import pytest

from swe_scale.config import Docker, Local, cache_folder
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, open_backend
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.inventory import kept, prune
from swe_scale.sandbox.usage import is_used, last_used, used

pytestmark = pytest.mark.anyio
EVERYTHING = 1 << 60
Make = Callable[[str], str]


def make(digest: str, when: int) -> Path:
    """Return the folder of a complete environment, last used at a time."""
    root = cache_folder() / "environments" / "local" / digest
    (root / "tree").mkdir(parents=True)
    (root / "tree" / "file").write_bytes(bytes(1 << 20))
    (root / "environment.json").write_text("{}")
    stamp = root.with_name(f"{digest}.used")
    stamp.touch()
    os.utime(stamp, (when, when))
    return root


async def test_folders_are_listed_by_their_last_use() -> None:
    make("bb", 2000), make("aa", 1000), make("cc", 1500)
    (cache_folder() / "environments" / "local" / "half").mkdir()
    found = await kept(None)
    assert [one.name for one in found] == ["local/aa", "local/cc", "local/bb"]
    assert found[0].size >= 1 << 20 and found[0].used.timestamp() == 1000
    assert found[0].kind == "environment" and found[0].users == ()


async def test_the_least_recently_used_go_until_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    roots = [make("old", 1000), make("middle", 2000), make("new", 3000)]
    real = shutil.disk_usage

    def measured(path: Path) -> object:
        free = 12 - 4 * sum(root.exists() for root in roots)
        return real(path)._replace(free=free << 20)

    monkeypatch.setattr("swe_scale.sandbox.inventory.shutil.disk_usage", measured)
    done = await prune(None, 0)
    assert done.removed == () and done.reached
    done = await prune(None, 4 << 20)
    assert [one.name for one in done.removed] == ["local/old"] and done.reached
    assert [root.exists() for root in roots] == [False, True, True]
    assert last_used("local", "old") is None


async def test_a_dry_run_removes_nothing() -> None:
    root = make("aa", 1000)
    done = await prune(None, EVERYTHING, dry=True)
    assert [one.name for one in done.removed] == ["local/aa"] and not done.reached
    assert root.exists() and last_used("local", "aa") == 1000


async def test_what_is_in_use_stays() -> None:
    root = make("aa", 1000)
    async with used("local", "aa"), used("local", "aa"):
        assert (await kept(None))[0].users == ("a run",)
        done = await prune(None, EVERYTHING)
        assert (done.removed, done.in_use, root.exists()) == ((), 1, True)
    assert not is_used("local", "aa")
    assert len((await prune(None, EVERYTHING)).removed) == 1
    assert not root.exists()


async def test_opening_an_environment_is_a_use(tree: Path) -> None:
    async with open_backend(Local(), "tests", Events()) as backend:
        built = await backend.build(Recipe(), tree, "aa")
        assert last_used("local", "aa") is None
        async with backend.open(built):
            assert (await kept(None))[0].users == ("a run",)
        assert last_used("local", "aa") is not None
        assert (await prune(None, EVERYTHING)).in_use == 0
        with pytest.raises(SandboxError, match="gone from this host; build it again"):
            async with backend.open(built):
                pass


@pytest.fixture
async def engine(docker_config: Docker) -> AsyncIterator[Engine]:
    found = Engine(docker_config, "tests")
    try:
        await found.connect()
        yield found
    finally:
        await found.close()


@pytest.fixture
def images(docker_config: Docker) -> Iterator[Make]:
    """Make images by their name, each with a layer of its own on the one before."""
    client, base = docker.from_env(), docker_config.base_image
    made: list[str] = []

    def commit(name: str) -> str:
        container = client.containers.create(
            made[-1] if made else base, ["dd", "if=/dev/urandom", f"of=/{token_hex(4)}", "bs=1M", "count=1"],
            network_mode="none",
        )  # fmt: skip
        container.start()
        container.wait()
        container.commit(*name.split(":"))
        container.remove()
        made.append(name)
        return name

    yield commit
    for name in reversed(made):
        with contextlib.suppress(docker.errors.ImageNotFound):
            client.images.remove(name, force=True)
    client.close()


@pytest.mark.docker
async def test_images_are_listed_with_what_is_made_of_them(
    engine: Engine, images: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = token_hex(8)
    names = [f"swe-scale/{name}:{digest}" for name in ("base", "environment", "box")]
    for name in names:
        images(name)
    found = {one.name: one for one in await kept(engine)}
    base, environment, box = (found[name] for name in names)
    assert [base.kind, environment.kind, box.kind] == ["base", "environment", "box"]
    assert box.size >= 1 << 20 and base.users == ()
    async with used("docker", digest):
        for one in await kept(engine):
            if one.name in names:
                assert one.users == ("a run",) and one.used > environment.used
    order = [one.name for one in await kept(engine) if one.name in names]
    assert order == [names[2], names[1], names[0]], "what is made of another goes first"
    client = docker.from_env()
    container = client.containers.create(names[2], ["true"], name=f"swe-scale-test-{digest}")
    try:
        for one in await kept(engine):
            if one.name in names:
                assert one.users == (f"container swe-scale-test-{digest}",)
    finally:
        container.remove()
        client.close()


@pytest.mark.docker
async def test_images_are_removed_and_those_in_use_are_not(
    engine: Engine, images: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = token_hex(8)
    name = images(f"swe-scale/environment:{digest}")
    others = [one for one in await kept(engine) if one.name != name]
    mine = [one for one in await kept(engine) if one.name == name]

    async def only_mine(_: object) -> object:
        return mine

    # The machine's own images stay, whatever this test does.
    assert others is not None
    monkeypatch.setattr("swe_scale.sandbox.inventory.kept", only_mine)
    async with used("docker", digest):
        done = await prune(engine, EVERYTHING)
        assert (done.removed, done.in_use) == ((), 1)
    client = docker.from_env()
    container = client.containers.create(name, ["true"])
    try:
        assert (await prune(engine, EVERYTHING)).in_use == 1
    finally:
        container.remove()
        client.close()
    done = await prune(engine, EVERYTHING)
    assert [one.name for one in done.removed] == [name] and not done.reached
    assert await engine.image(name) is None
    assert (await prune(engine, EVERYTHING)).failures == ()


@pytest.mark.docker
async def test_an_environment_that_was_removed_is_said_to_be_gone(docker_config: Docker) -> None:
    absent = Environment(digest="absent", workdir="/work", image="swe-scale/environment:absent")
    async with open_backend(docker_config, "tests", Events()) as backend:
        with pytest.raises(SandboxError, match="the image of environment absent is gone; build it again"):
            async with backend.open(absent):
                pass
