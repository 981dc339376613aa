"""A thousand deliveries that are cut off anywhere, done again: one branch, one pull request, one comment."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import anyio.from_thread
import pytest
from bot.delivery_kit import PATCH, TOKEN, Project
from bot.hub_server import Served, serving

from swe_scale.bot.deliver import BRANCHES, Delivered, deliver
from swe_scale.retry import without_waiting

pytestmark = pytest.mark.anyio

INTERRUPTIONS = 1000
PARTS = 10
PER_ISSUE = 10
REQUESTS = 12
"""Fewer than a delivery makes, so that most of them are cut off."""


@dataclass
class Cutter:
    """Ends a delivery at a request, before or after the service has carried it out."""

    scope: anyio.CancelScope
    at: int
    after: bool
    token: anyio.lowlevel.EventLoopToken = field(default_factory=anyio.lowlevel.current_token)
    seen: int = 0

    def __call__(self, method: str, path: str, done: bool) -> None:
        self.seen += not done
        if self.seen == self.at and done == self.after:
            self.at = 0
            anyio.from_thread.run_sync(self.scope.cancel, token=self.token)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    (tmp_path / "hosted").mkdir()
    with serving(tmp_path / "hosted") as found, without_waiting():
        yield found
    assert found.wrong == []


async def interrupted(project: Project, number: int, at: int, after: bool) -> Delivered | None:
    """Deliver to an issue, cut off at a request; None if it was."""
    answer = project.answer(patch=PATCH.replace("0.0", f"{number}.0"))
    found: Delivered | None = None
    with anyio.CancelScope() as scope:
        project.served.watch = Cutter(scope, at, after)
        async with project.means() as means:
            wish = project.wish_for(number)
            found = await deliver(answer, wish, means)
    project.served.watch = lambda method, path, done: None
    return found


@pytest.mark.parametrize("part", range(PARTS))
async def test_whatever_is_cut_off_is_made_once(
    tmp_path: Path, served: Served, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.setenv("BOT_TOKEN", TOKEN)
    project = Project(tmp_path, served)
    draw = random.Random(part)
    cuts = 0
    while cuts < INTERRUPTIONS // PARTS:
        issue = project.hosted.add_issue(f"Issue {cuts}")
        wanted = cuts + PER_ISSUE
        while cuts < wanted:
            cuts += (
                await interrupted(project, issue.number, draw.randint(1, REQUESTS), draw.random() < 0.5)
                is None
            )
        done = await interrupted(project, issue.number, 0, False)
        assert done is not None
        assert done.kind == "pull request"
        branch = f"{BRANCHES}{issue.number}"
        pulls = [pull for pull in project.hosted.pulls.values() if pull.head.endswith(f":{branch}")]
        assert [pull.issue.state for pull in pulls] == ["open"]
        assert len(issue.comments) == 1
        assert f"+        return {issue.number}.0" in project.hosted.ask("diff", "main", branch)
    assert len(project.hosted.branches()) == len(project.hosted.pulls) + 1
