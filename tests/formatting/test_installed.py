"""A formatter that set-up brings into the environment, at the revision that the project names."""

import json
from contextlib import closing
from pathlib import Path

import docker
import pytest
from sandbox_kit import configured
from solving_kit import Spoken, open_desk

from swe_scale.formatting import Style
from swe_scale.house import formatters_wanted
from swe_scale.records import File
from swe_scale.sandbox import boxes

pytestmark = pytest.mark.anyio

HOOKS = """
repos:
  - repo: https://example.org/ruff-pre-commit
    rev: v0.8.0
    hooks:
      - id: ruff-format
"""
FILES = {
    "a.py": "x = {'a': 1}\n",
    ".pre-commit-config.yaml": HOOKS,
    "ruff.toml": "format.quote-style = 'single'\n",
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("docker", marks=pytest.mark.docker),
        pytest.param("bubblewrap", marks=pytest.mark.bubblewrap),
        "local",
    ],
)
async def test_it_comes_apart_from_the_project_and_formats(kind: str, tmp_path: Path) -> None:
    lines = [*formatters_wanted(FILES, FILES), "! python -c 'import ruff' 2>/dev/null"]
    own = f"[environment]\nlanguage = 'python'\nsetup = {json.dumps(lines)}\n"
    files = {path: text.encode() for path, text in {**FILES, "swe-scale.toml": own}.items()}
    async with open_desk(tmp_path, Spoken({}), sandbox=configured(kind), files=files) as desk:
        changed = File(mode="100644", data=b'x = {"a":\n 2}\n')
        tree = await desk.trees.write(desk.trees.base, {"a.py": changed})
        made = await Style(desk.setting.cells, desk.trees).styled(tree)
        assert await desk.trees.changes(made) == {"a.py": File(mode="100644", data=b"x = {'a': 2}\n")}
        assert not [one for one in desk.events if "/style/" in one.step]
        built = desk.setting.cells.environment
    if built.image:
        with closing(docker.from_env()) as client:
            boxed = client.images.list(filters={"label": f"{boxes.BOX}={built.digest}"})
            for image in (*(one.id for one in boxed), built.image):
                client.images.remove(image, force=True)
