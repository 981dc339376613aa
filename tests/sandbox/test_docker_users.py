"""Who commands run as in a container, what a build follows, and whose compiler is trusted."""

import platform
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import anyio
import docker
import pytest

from swe_scale.config import Docker, Limits
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Event, Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, Template, helper, open_backend
from swe_scale.sandbox.boxed import BoxTemplate

pytestmark = [pytest.mark.anyio, pytest.mark.docker]
LIMITS = Limits(seconds=60)


@pytest.fixture
def forget() -> Iterator[list[Environment]]:
    """Environments whose images are removed when the test has ended."""
    built: list[Environment] = []
    yield built
    client = docker.from_env()
    for environment in built:
        for image in client.images.list(filters={"label": f"swe-scale.box={environment.digest}"}):
            client.images.remove(image.id, force=True)
        client.images.remove(str(environment.image), force=True)
    client.close()


@asynccontextmanager
async def opened(
    config: Docker, recipe: Recipe, tree: Path, forget: list[Environment]
) -> AsyncIterator[Template]:
    said: list[Event] = []
    async with open_backend(config, "tests", Events([said.append])) as backend:
        forget.append(await backend.build(recipe, tree, token_hex(8)))
        async with backend.open(forget[-1]) as template:
            assert isinstance(template, BoxTemplate), said
            yield template


async def said_by(template: Template, line: str) -> str:
    async with template.fork() as sandbox:
        return (await sandbox.run(["sh", "-c", line], limits=LIMITS)).output


@pytest.mark.parametrize("mode", ["fork", "strict"])
async def test_root_without_its_powers_changes_the_system_for_itself_alone(
    docker_config: Docker, tree: Path, forget: list[Environment], mode: str
) -> None:
    config = docker_config.model_copy(update={"as_root": True, "mode": mode})
    line = (
        "id -u; grep -c '^Cap.*[[:space:]]0*$' /proc/self/status;touch /usr/left /root/left && ls /usr/left"
    )
    async with opened(config, Recipe(), tree, forget) as template:
        assert forget[-1].user == 0
        assert await said_by(template, line) == "1000\n5\n/usr/left\n"
        seen = await said_by(template, "ls /usr/left /root/left 2>&1 | grep -c No; touch /etc/x 2>&1")
        assert seen == "2\ntouch: cannot touch '/etc/x': Read-only file system\n"


async def test_an_image_that_keeps_programs_in_roots_home_runs_as_root(
    docker_config: Docker, tree: Path, forget: list[Environment]
) -> None:
    name = f"swe-scale-test/roots:{token_hex(4)}"
    client = docker.from_env()
    container = client.containers.create(
        docker_config.base_image, "true", environment={"PATH": "/root/bin:/usr/bin:/bin"}
    )
    try:
        container.commit(*name.split(":"))
        line = "mkdir -p /root/bin; printf '#!/bin/sh\necho own\n' >/root/bin/tool; chmod +x /root/bin/tool"
        async with opened(docker_config, Recipe(image=name, setup=(line,)), tree, forget) as template:
            assert forget[-1].user == 0
            assert await said_by(template, "tool") == "own\n"
    finally:
        container.remove(force=True)
        client.images.remove(name, force=True)
        client.close()


async def test_who_commands_run_as_is_part_of_what_a_build_starts_from(docker_config: Docker) -> None:
    names = set()
    for update in ({}, {"as_root": True}):
        async with open_backend(docker_config.model_copy(update=update), "tests", Events()) as backend:
            names.add(await backend.identity(Recipe()))
    assert len(names) == 2


async def test_another_runtime_is_used_and_an_unknown_one_named(
    docker_config: Docker, tree: Path, forget: list[Environment]
) -> None:
    known = docker_config.model_copy(update={"runtime": "io.containerd.runc.v2"})
    async with opened(known, Recipe(), tree, forget) as template:
        assert await said_by(template, "echo runs") == "runs\n"
    unknown = docker_config.model_copy(update={"runtime": "nowhere"})
    with pytest.raises(SandboxError, match=r"(?i)unknown.*runtime.*nowhere"):
        async with open_backend(unknown, "tests", Events()) as backend:
            await backend.build(Recipe(), tree, token_hex(8))


async def test_the_compiler_of_an_untouched_base_is_used_and_none_that_set_up_brought(
    docker_config: Docker,
    tree: Path,
    forget: list[Environment],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(helper, "_COMPILERS", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    line = (
        "for name in cc gcc; do printf '#!/bin/sh\necho evil >box\n' >/usr/local/bin/$name;"
        "chmod +x /usr/local/bin/$name; done"
    )
    async with opened(docker_config, Recipe(setup=(line,)), tree, forget) as template:
        assert await said_by(template, "ls /tmp; echo runs") == "runs\n"
        assert "evil" in await said_by(template, "cd /tmp && cc; cat box")
    program = await helper.provide(platform.machine())
    assert (await anyio.Path(program).read_bytes()).startswith(b"\x7fELF")


async def test_an_image_that_is_named_compiles_nothing_for_others(
    docker_config: Docker,
    tree: Path,
    forget: list[Environment],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.setattr(helper, "_COMPILERS", ())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    recipe = Recipe(image=docker_config.base_image)
    async with open_backend(docker_config, "tests", Events()) as backend:
        forget.append(await backend.build(recipe, tree, token_hex(8)))
        with pytest.raises(SandboxError, match=r"files take together: no C compiler.*\n.*--allow-unbounded"):
            async with backend.open(forget[-1]):
                pass


async def test_set_up_can_not_take_the_whole_machine(
    docker_config: Docker, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("swe_scale.sandbox.docker.SETUP", Limits(seconds=60, pids=64))
    bomb = "i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i+1)); done"
    async with open_backend(docker_config, "tests", Events()) as backend:
        with pytest.raises(EnvironmentFailure, match=r"(?i)cannot fork"):
            await backend.build(Recipe(setup=(bomb,)), tree, token_hex(8))
