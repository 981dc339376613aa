"""The benchmark of opening a report measures a real one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from viewer_kit import report_of


def test_opening_is_measured(tmp_path: Path, browser: Callable[..., Any]) -> None:
    from opening import open_seconds

    assert open_seconds(report_of(tmp_path / "run", issues=2), repeats=2) > 0
