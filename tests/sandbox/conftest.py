"""The three backends, each with one environment that is built once."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import pytest
from sandbox_backends import BACKENDS, IMAGE, remove_image, without_bubblewrap, without_docker, write_tree

from swe_scale.config import Bubblewrap, Docker, Local, SandboxConfig
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, Sandbox, Template, open_backend


@pytest.fixture(scope="session", params=BACKENDS)
def config(request: pytest.FixtureRequest) -> SandboxConfig:
    if request.param == "docker":
        if reason := without_docker():
            pytest.skip(reason)
        return Docker(base_image=IMAGE)
    if request.param == "bubblewrap":
        if reason := without_bubblewrap():
            pytest.skip(reason)
        return Bubblewrap()
    return Local()


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture(scope="session")
async def environment(
    anyio_backend: str, config: SandboxConfig, tree: Path, shared_cache: Path
) -> AsyncIterator[Environment]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared_cache))
        async with open_backend(config, "tests", Events()) as backend:
            recipe = Recipe(
                setup=("echo built >product.bin", "echo home >~/kept"), python=True, test="true {tests}"
            )
            built = await backend.build(recipe, tree, token_hex(8))
    yield built
    remove_image(built)


@asynccontextmanager
async def opened(config: SandboxConfig, environment: Environment, events: Events) -> AsyncIterator[Template]:
    async with open_backend(config, "tests", events) as backend, backend.open(environment) as template:
        yield template


@pytest.fixture
async def template(
    config: SandboxConfig, environment: Environment, events: Events
) -> AsyncIterator[Template]:
    async with opened(config, environment, events) as found:
        yield found


@pytest.fixture
async def sandbox(template: Template) -> AsyncIterator[Sandbox]:
    async with template.fork() as fork:
        yield fork


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SWE_SCALE_CANARY", "sings")
    return "SWE_SCALE_CANARY"
