"""The project under attack, in each kind of sandbox, prepared once."""

import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import docker
import pytest
from attack_kit import FILES
from docker.errors import DockerException, ImageNotFound
from requests.exceptions import RequestException
from solving_kit import Desk, Spoken, open_desk

from swe_scale.config import Bubblewrap, Docker, Local, SandboxConfig

IMAGE = os.environ.get("SWE_SCALE_TEST_IMAGE", "swe-scale-test/debian:bookworm")


def docker_config() -> Docker:
    try:
        client = docker.from_env(timeout=10)
        try:
            client.images.get(IMAGE)
        finally:
            client.close()
    except ImageNotFound:
        pytest.skip(f"no image {IMAGE}: set SWE_SCALE_TEST_IMAGE")
    except (DockerException, RequestException, OSError):
        pytest.skip("no Docker service answers")
    return Docker(base_image=IMAGE)


def bubblewrap_config() -> Bubblewrap:
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap isn't installed")
    tried = subprocess.run(["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"], capture_output=True)
    if tried.returncode:
        pytest.skip("no user namespaces here")
    return Bubblewrap()


@pytest.fixture(
    scope="session",
    params=[
        pytest.param(docker_config, id="docker", marks=pytest.mark.docker),
        pytest.param(bubblewrap_config, id="bubblewrap", marks=pytest.mark.bubblewrap),
        pytest.param(Local, id="local"),
    ],
)
def config(request: pytest.FixtureRequest) -> SandboxConfig:
    found: SandboxConfig = request.param()
    return found


@pytest.fixture(scope="session")
async def desk(
    anyio_backend: str, config: SandboxConfig, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    folder: Path = tmp_path_factory.mktemp("attacks")
    files = {name: text.encode() for name, text in FILES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "xdg"))
        async with open_desk(folder, Spoken({}), sandbox=config, files=files) as opened:
            yield opened
