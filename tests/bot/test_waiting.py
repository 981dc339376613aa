"""Waiting for a project's own checks: none, those that end, those that fail, those that never end."""

import pytest
from bot.delivery_kit import Project
from bot.hub_state import Run

from swe_scale.bot.waiting import Checked, wait_for_checks

pytestmark = pytest.mark.anyio


async def checked(project: Project, seconds: float = 60.0) -> tuple[Checked, list[str]]:
    told: list[str] = []
    async with project.means() as means:
        address = project.address.repository
        return await wait_for_checks(means.door, address, project.base, seconds, told.append), told


async def test_checks_that_pass_and_fail(project: Project) -> None:
    tests = Run("tests (3.11)", conclusion="failure", summary="2 failed\u202e")
    project.hosted.runs[project.base] = [Run("lint"), Run("docs", conclusion="skipped"), tests]
    found, told = await checked(project)
    assert found.told == "checks: 1 failed (tests (3.11)), 2 passed"
    assert told == []
    [observation] = found.observations
    assert observation.startswith("[tests (3.11), a check of the project's CI, failed on the patch")
    assert "2 failed" in observation
    assert "\u202e" not in observation


async def test_it_waits_until_all_have_ended(project: Project) -> None:
    run = Run("tests", status="in_progress", conclusion=None)
    project.hosted.runs[project.base] = [run]
    looks = 0

    def watch(method: str, path: str, done: bool) -> None:
        nonlocal looks
        looks += path.endswith("/check-runs") and not done
        if looks == 3:
            run.status, run.conclusion = "completed", "success"

    project.served.watch = watch
    found, told = await checked(project)
    assert (found.told, looks) == ("checks: 1 passed", 3)
    assert told == ["waiting for the checks of the pull request (1 running)"]


async def test_time_is_bounded(project: Project) -> None:
    project.hosted.runs[project.base] = [Run("tests", status="queued", conclusion=None), Run("lint")]
    found, _ = await checked(project, 0.3)
    assert found.told == "checks: 1 passed, 1 didn't end in time"
    project.hosted.runs.clear()
    found, _ = await checked(project, 0.3)
    assert (found.told, found.observations) == ("no check ran on it", ())
