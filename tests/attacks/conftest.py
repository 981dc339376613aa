"""The project under attack, in each kind of sandbox, prepared once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attack_kit import FILES
from sandbox_kit import configured
from solving_kit import Desk, Spoken, open_desk

from swe_scale.config import SandboxConfig


@pytest.fixture(
    scope="session",
    params=[
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        "local",
    ],
)
def config(request: pytest.FixtureRequest) -> SandboxConfig:
    return configured(request.param)


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
