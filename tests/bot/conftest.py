"""A service like GitHub with a project, for tests that wait for nothing."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from bot.delivery_kit import TOKEN, Project
from bot.hub_server import Served, serving

from swe_scale.retry import without_waiting


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "hosted").mkdir()
    with serving(tmp_path / "hosted") as found, without_waiting():
        yield found
    assert found.wrong == []


@pytest.fixture
def project(tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    return Project(tmp_path, served)
