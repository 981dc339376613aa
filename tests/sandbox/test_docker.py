from collections.abc import Iterator
from pathlib import Path
from secrets import token_hex

import anyio
import docker
import pytest
from sandbox_backends import IMAGE, remove_image, without_docker

from swe_scale.config import Docker, Limits
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.sandbox import Recipe, open_backend

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
LIMITS = Limits(seconds=60)


@pytest.fixture
def config() -> Docker:
    if reason := without_docker():
        pytest.skip(reason)
    return Docker(base_image=IMAGE)


@pytest.fixture
def ready_made(config: Docker) -> Iterator[str]:
    """An image with another version of the tree, and what was built in it."""
    name = f"swe-scale-test/ready:{token_hex(4)}"
    line = (
        "mkdir /testbed; cd /testbed; git init -q; echo old >demo.py; echo gone >'stale file'; git add -A;"
        "git -c user.name=t -c user.email=t@example.org commit -qm old; mkdir build; echo built >build/product"
    )
    client = docker.from_env()
    container = client.containers.create(
        IMAGE, ["sh", "-ec", line], network_mode="none", environment={"PATH": "/opt/own/bin:/usr/bin:/bin"}
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
    config: Docker, ready_made: str, tree: Path
) -> None:
    async with open_backend(config, "tests", Events()) as backend:
        recipe = Recipe(image=ready_made, workdir="/testbed")
        environment = await backend.build(recipe, tree, token_hex(8))
        try:
            async with backend.open(environment) as template, template.fork() as sandbox:
                line = "git log --format=%s; git status --short; cat build/product; ls; head -n 1 demo.py; echo $PATH"
                found = (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output
                assert await sandbox.snapshot() == {}
        finally:
            remove_image(environment)
    lines = found.splitlines()
    assert lines[:3] == ["base", "?? build/", "built"]
    assert "stale file" not in lines
    assert lines[-2:] == ["def answer():", "/opt/own/bin:/usr/bin:/bin"]


async def test_nothing_of_set_up_is_in_the_image(
    config: Docker, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:secret@packages.example.org/simple")
    async with open_backend(config, "tests", Events()) as backend:
        recipe = Recipe(setup=('test -n "$PIP_INDEX_URL"',))
        environment = await backend.build(recipe, tree, token_hex(8))
        try:
            inspected = await anyio.run_process(["docker", "image", "inspect", str(environment.image)])
            async with backend.open(environment) as template, template.fork() as sandbox:
                line = "env; cat /proc/mounts; grep -rls secret /root /run /etc /tmp /var/tmp /scratch"
                found = (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output
        finally:
            remove_image(environment)
    assert "secret" not in inspected.stdout.decode() + found
    assert "pip" not in found.lower()


async def test_an_image_that_is_nowhere_is_named(config: Docker, tree: Path) -> None:
    name = "localhost:1/swe-scale/absent:1"
    async with open_backend(config, "tests", Events()) as backend:
        with pytest.raises(
            EnvironmentFailure, match=rf"the image {name} isn't here.*\nTry `docker pull {name}`"
        ):
            await backend.build(Recipe(image=name), tree, token_hex(8))


async def test_a_service_that_does_not_answer_is_reported(tmp_path: Path) -> None:
    silent = Docker(base_url=f"unix://{tmp_path}/absent.sock")
    with pytest.raises(SandboxError, match=r"No container service answers at unix://.*start Docker"):
        async with open_backend(silent, "tests", Events()):
            pass


async def test_no_capability_is_left(config: Docker, tree: Path) -> None:
    async with open_backend(config, "tests", Events()) as backend:
        environment = await backend.build(Recipe(), tree, token_hex(8))
        try:
            async with backend.open(environment) as template, template.fork() as sandbox:
                line = "grep -E '^(Cap|NoNewPrivs)' /proc/self/status | cut -f 2 | sort -u"
                assert (
                    await sandbox.run(["sh", "-c", line], limits=LIMITS)
                ).output == "0000000000000000\n1\n"
        finally:
            remove_image(environment)
