import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import anyio
import docker
import pytest

from swe_scale.config import Docker, Limits
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, Sandbox, open_backend

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
LIMITS = Limits(seconds=60)
Forget = Callable[[Environment], None]


@asynccontextmanager
async def forked(config: Docker, recipe: Recipe, tree: Path, forget: Forget) -> AsyncIterator[Sandbox]:
    async with open_backend(config, "tests", Events()) as backend:
        environment = await backend.build(recipe, tree, token_hex(8))
        forget(environment)
        async with backend.open(environment) as template, template.fork() as sandbox:
            yield sandbox


READY = (
    "mkdir /testbed; cd /testbed; git init -q; echo old >demo.py; echo gone >'stale file'; git add -A;"
    "git -c user.name=t -c user.email=t@example.org commit -qm old; mkdir build; echo built >build/product"
)


@pytest.fixture
def ready_made(docker_config: Docker) -> Iterator[str]:
    """An image with another version of the tree, and what was built in it."""
    name = f"swe-scale-test/ready:{token_hex(4)}"
    client = docker.from_env()
    path = {"PATH": "/opt/own/bin:/usr/bin:/bin"}
    container = client.containers.create(
        docker_config.base_image, ["sh", "-ec", READY], network_mode="none", environment=path
    )
    try:
        container.start()
        assert container.wait()["StatusCode"] == 0
        container.commit(*name.split(":"))
        yield name
    finally:
        container.remove(force=True)
        client.images.remove(name, force=True)
        client.close()


async def test_the_tree_of_a_ready_made_image_is_replaced(
    docker_config: Docker, ready_made: str, tree: Path, forget: Forget
) -> None:
    line = "git log --format=%s; git status --short; cat build/product; ls; head -n 1 demo.py; echo $PATH"
    recipe = Recipe(image=ready_made, workdir="/testbed")
    async with forked(docker_config, recipe, tree, forget) as sandbox:
        found = (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output
        assert await sandbox.snapshot() == {}
    lines = found.splitlines()
    assert lines[:3] == ["base", "?? build/", "built"]
    assert "stale file" not in lines
    assert lines[-2:] == ["def answer():", "/opt/own/bin:/usr/bin:/bin"]


async def test_nothing_of_set_up_is_in_the_image(
    docker_config: Docker, tree: Path, forget: Forget, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@packages.example.org/simple")
    line = "env; cat /proc/mounts; grep -rls secret /root /run /etc /tmp /var/tmp /scratch"
    built: list[Environment] = []

    def keep(environment: Environment) -> None:
        built.append(environment)
        forget(environment)

    recipe = Recipe(setup=('test -n "$PIP_INDEX_URL"',))
    async with forked(docker_config, recipe, tree, keep) as sandbox:
        found = (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output
        inspected = await anyio.run_process(["docker", "image", "inspect", str(built[0].image)])
    assert "secret" not in inspected.stdout.decode() + found
    assert "pip" not in found.lower()


async def test_no_capability_is_left(docker_config: Docker, tree: Path, forget: Forget) -> None:
    line = "grep -E '^(Cap|NoNewPrivs)' /proc/self/status | cut -f 2 | sort -u"
    async with forked(docker_config, Recipe(), tree, forget) as sandbox:
        assert (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output == "0000000000000000\n1\n"


async def test_a_name_that_moves_to_another_image_is_another_start(
    docker_config: Docker, ready_made: str
) -> None:
    name = f"swe-scale-test/moving:{token_hex(4)}"
    client = docker.from_env()
    try:
        async with open_backend(docker_config, "tests", Events()) as backend:
            found = []
            for image in (docker_config.base_image, ready_made):
                client.images.get(image).tag(name)
                found.append(await backend.identity(Recipe(image=name)))
                assert found[-1] == await backend.identity(Recipe(image=image))
            assert found[0] != found[1]
    finally:
        client.images.remove(name)
        client.close()


async def test_an_image_that_is_nowhere_is_named(docker_config: Docker, tree: Path) -> None:
    name = "localhost:1/swe-scale/absent:1"
    async with open_backend(docker_config, "tests", Events()) as backend:
        with pytest.raises(EnvironmentFailure, match="isn't here and can't be pulled"):
            await backend.identity(Recipe(image=name))
        with pytest.raises(EnvironmentFailure) as failure:
            await backend.build(Recipe(image=name), tree, token_hex(8))
    assert f"the image {name} isn't here" in str(failure.value)
    assert f"Try `docker pull {name}`" in str(failure.value)


async def test_a_service_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    # In a process of its own: the SDK never closes a socket that could not be connected.
    program = (
        "import sys, anyio\n"
        "from swe_scale.config import Docker\n"
        "from swe_scale.events import Events\n"
        "from swe_scale.sandbox import open_backend\n"
        "async def main():\n"
        "    async with open_backend(Docker(base_url=sys.argv[1]), 'tests', Events()): pass\n"
        "anyio.run(main)\n"
    )
    url = f"unix://{tmp_path}/absent.sock"
    done = await anyio.run_process([sys.executable, "-c", program, url], check=False)
    last = done.stderr.decode().splitlines()[-2:]
    assert last[0].startswith("swe_scale.errors.SandboxError: the container service failed")
    assert last[1].startswith(f"No container service answers at {url}: start Docker")
