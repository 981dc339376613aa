"""The row that is graded, its environment built once."""

from pathlib import Path

import pytest
from grading_kit import GradingDesk


@pytest.fixture(scope="session")
def grading_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("grading")


@pytest.fixture(scope="session")
def made_desk(grading_folder: Path) -> GradingDesk:
    return GradingDesk.make(grading_folder)


@pytest.fixture
def desk(made_desk: GradingDesk, grading_folder: Path, monkeypatch: pytest.MonkeyPatch) -> GradingDesk:
    """Return the desk; what was built for it, and graded, is kept over the tests."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(grading_folder / "xdg"))
    return made_desk
