"""The three backends, each with one environment that is built once."""

import json
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import docker
import pytest
from sandbox_kit import BACKENDS, configured

from swe_scale.config import Bubblewrap, Docker, SandboxConfig
from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.records import Environment
from swe_scale.sandbox import Recipe, Sandbox, Template, boxes, bubblewrap, open_backend
from swe_scale.sandbox.boxes import profile

SETUP = (
    "echo built >product.bin",
    "echo home >~/kept",
    # What an editable install comes to.
    'python -c \'import os, site; open(site.getsitepackages()[0] + "/demo.pth", "w").write(os.getcwd())\'',
)
FILES = {
    "demo.py": "def answer():\n    return 41\n",
    "pkg/__init__.py": "",
    "pkg/deep/data.txt": "data\n",
    "tool.sh": "echo tool\n",
    "naïve – \"quoted\" 'name'.txt": "unicode\n",
    "linked": "",
}


async def no_compiler(machine: str, elsewhere: object = None) -> Path:
    raise SandboxError("no C compiler was found")


def without_namespaces(folder: Path) -> Path:
    """The profile of a service that keeps containers from making namespaces."""
    found = json.loads(profile().read_text())
    found["syscalls"][0]["names"].remove("unshare")
    (folder / "seccomp.json").write_text(json.dumps(found))
    return folder / "seccomp.json"


def write_tree(folder: Path) -> Path:
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name == "linked":
            path.symlink_to("pkg/deep")
        else:
            path.write_text(text, encoding="utf-8")
    (folder / "tool.sh").chmod(0o755)
    git = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org"]
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    return folder


def remove_image(environment: Environment) -> None:
    if environment.image:
        client = docker.from_env()
        for image in client.images.list(filters={"label": f"{boxes.BOX}={environment.digest}"}):
            client.images.remove(image.id, force=True)
        client.images.remove(environment.image, force=True)
        client.close()


@pytest.fixture(scope="session")
def docker_config() -> Docker:
    found = configured("docker")
    assert isinstance(found, Docker)
    return found


@pytest.fixture(scope="session")
def bubblewrap_config() -> Bubblewrap:
    found = configured("bubblewrap")
    assert isinstance(found, Bubblewrap)
    return found


@pytest.fixture(scope="module", params=BACKENDS)
def config(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SandboxConfig]:
    kind, _, way = str(request.param).partition("-")
    found = configured(kind)
    with pytest.MonkeyPatch.context() as patch:
        if way == "strict":
            found = found.model_copy(update={"mode": "strict"})
        elif way == "plain":
            file = without_namespaces(tmp_path_factory.mktemp("profile"))
            patch.setattr(boxes, "profile", lambda: file)
        elif way == "exec":
            # A box made in another way may be there already.
            patch.setattr(boxes.Boxes, "image", no_compiler)
        elif way == "copies":
            patch.setattr(bubblewrap, "provide", no_compiler)
        if way in ("exec", "copies"):
            found = found.model_copy(update={"allow_unbounded": True})
        yield found


@pytest.fixture
def forget() -> Iterator[Callable[[Environment], None]]:
    """Remove the images of environments when the test has ended."""
    built: list[Environment] = []
    yield built.append
    for environment in built:
        remove_image(environment)


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
def environments() -> Iterator[dict[str, Environment]]:
    """Those that are built already, by the kind of the sandbox."""
    built: dict[str, Environment] = {}
    yield built
    for environment in built.values():
        remove_image(environment)


@pytest.fixture(scope="module")
async def environment(
    anyio_backend: str,
    config: SandboxConfig,
    tree: Path,
    shared_cache: Path,
    environments: dict[str, Environment],
) -> Environment:
    if config.kind not in environments:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_CACHE_HOME", str(shared_cache))
            async with open_backend(config, "tests", Events()) as backend:
                recipe = Recipe(setup=SETUP, python=True, test="true {tests}")
                environments[config.kind] = await backend.build(recipe, tree, token_hex(8))
    return environments[config.kind]


@asynccontextmanager
async def opened(config: SandboxConfig, environment: Environment, events: Events) -> AsyncIterator[Template]:
    async with open_backend(config, "tests", events) as backend, backend.open(environment) as template:
        yield template


@pytest.fixture(scope="module")
async def template(
    anyio_backend: str, config: SandboxConfig, environment: Environment, shared_cache: Path
) -> AsyncIterator[Template]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(shared_cache))
        async with opened(config, environment, Events()) as found:
            yield found


@pytest.fixture
async def sandbox(template: Template) -> AsyncIterator[Sandbox]:
    async with template.fork() as fork:
        yield fork


@pytest.fixture
def canary(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("SWE_SCALE_CANARY", "sings")
    return "SWE_SCALE_CANARY"
