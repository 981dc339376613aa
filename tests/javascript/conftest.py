"""A JavaScript project with a fault, prepared once per kind of sandbox; skipped without Node."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sandbox_kit import configured
from solving_kit import Desk, Spoken, open_desk

SOURCE = "export function mean(values) {\n  return values.reduce((a, b) => a + b, 0) / values.length;\n}\n"
FILES = {
    "stats.mjs": SOURCE,
    "lib/index.cjs": "exports.mean = (values) => values.length / 0;\n",
    "package.json": '{"name": "stats", "exports": "./stats.mjs"}\n',
    "swe-scale.toml": "[environment]\nsetup = []\n",
}


@pytest.fixture(autouse=True)
def _needs_node() -> None:
    if shutil.which("node") is None:
        pytest.skip("Node isn't installed")


@pytest.fixture(scope="session", params=[pytest.param("bubblewrap", marks=pytest.mark.bubblewrap), "local"])
async def desk(
    request: pytest.FixtureRequest, anyio_backend: str, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Desk]:
    config = configured(request.param)
    folder: Path = tmp_path_factory.mktemp("javascript")
    files = {name: text.encode() for name, text in FILES.items()}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(folder / "xdg"))
        async with open_desk(folder, Spoken({}), sandbox=config, files=files) as opened:
            yield opened
