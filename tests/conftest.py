"""What every test may use."""

import os
from collections.abc import Generator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def helpers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program that is a box's first process is kept, so that it is compiled once."""
    return tmp_path_factory.mktemp("helpers")


@pytest.fixture(autouse=True)
def own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, helpers: Path) -> None:
    """Keep the user's configuration and cache out of the tests."""
    cache = tmp_path.with_name(f"{tmp_path.name}-cache")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg-config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    (cache / "swe-scale").mkdir(parents=True)
    (cache / "swe-scale" / "helper").symlink_to(helpers)
    for name in [name for name in os.environ if name.endswith("_API_KEY")]:
        monkeypatch.delenv(name)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Write the ids of tests that failed into the file that SWE_SCALE_FAILED names, where it does."""
    if place := os.environ.get("SWE_SCALE_FAILED"):
        reports = [*terminalreporter.stats.get("failed", ()), *terminalreporter.stats.get("error", ())]
        lines = dict.fromkeys(f"{report.nodeid}\n" for report in reports)
        Path(place).write_text("".join(lines), encoding="utf-8")


_FORBIDDEN = "skipped, though nothing may be"
_STRICT = os.environ.get("SWE_SCALE_NO_SKIPS") == "1"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Fail a skipped test where SWE_SCALE_NO_SKIPS=1, unless it needs a GPU."""
    report = yield
    if _STRICT and report.skipped and not hasattr(report, "wasxfail") and not item.get_closest_marker("gpu"):
        report.outcome = "failed"
        report.longrepr = f"{_FORBIDDEN}: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """Fail a file that skips itself as a whole, likewise."""
    report = yield
    if _STRICT and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{_FORBIDDEN}: {_reason(report)}"
    return report


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return reason.removeprefix("Skipped: ")
