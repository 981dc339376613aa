"""A repository at a service like GitHub, an answer for one of its issues, and what delivers it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from bot.hub_server import Served
from git_kit import Kit, git

from swe_scale.bot.deliver import Delivered, Means, Wish, deliver
from swe_scale.bot.handover import Handover
from swe_scale.bot.secrets import Secrets
from swe_scale.config import GitHubConfig
from swe_scale.github import IssueAddress, open_door, parse_issue_url
from swe_scale.repo import Repository

TOKEN = "t0ken-of-the-bot"
PATCH = """diff --git a/mean.py b/mean.py
--- a/mean.py
+++ b/mean.py
@@ -1,2 +1,4 @@
 def mean(values):
+    if not values:
+        return 0.0
     return sum(values) / len(values)
"""
BEFORE = b"def mean(values):\n    return sum(values) / len(values)\n"
BRANCH = "swe-scale/issue-1"


class Project:
    """`ada/engine` with one issue, and a work tree from which it is pushed to."""

    def __init__(self, folder: Path, served: Served) -> None:
        self.served = served
        self.folder = folder
        served.hub.tokens.update({TOKEN: "swe-scale[bot]", "admin-token": "ada", "visitor-token": "bob"})
        self.hosted = served.add("ada/engine", roles={"ada": "admin", "swe-scale[bot]": "write"})
        self.kit = Kit(folder / "work")
        self.base = self.pushed({"mean.py": BEFORE, "README.md": b"# engine\n"})
        self.issue = self.hosted.add_issue("mean([]) raises ZeroDivisionError", "It should return 0.0.")

    def pushed(self, files: dict[str, bytes], branch: str = "main") -> str:
        """Commit files on top and push them as somebody of the project."""
        commit = self.kit.commit(files)
        git(self.kit.folder, "push", "-q", str(self.hosted.git), f"HEAD:refs/heads/{branch}")
        return commit

    @property
    def address(self) -> IssueAddress:
        found = parse_issue_url(f"{self.served.url}/ada/engine/issues/{self.issue.number}")
        assert found is not None
        return found

    def answer(self, **changes: Any) -> Handover:
        plain = {
            "issue": "ada__engine-1", "title": self.issue.title, "base_commit": self.base,
            "outcome": "proposed", "patch": PATCH, "confidence": 0.83, "reason": "Most checks say so.",
            "seconds": 1_700_000_000,
        }  # fmt: skip
        return Handover.model_validate(plain | changes)

    def wish(self, **changes: Any) -> Wish:
        return self.wish_for(self.issue.number, **changes)

    def wish_for(self, number: int, **changes: Any) -> Wish:
        return Wish(issue=self.address.repository.issue(number), **changes)

    @asynccontextmanager
    async def means(self, token: str = TOKEN, name: str = "store", **config: Any) -> AsyncIterator[Means]:
        settings = GitHubConfig(api=self.served.api, token_variable="BOT_TOKEN", **config)
        repository = await Repository.open(self.address.clone_url, self.folder / name, token)
        async with open_door(self.address, settings) as door:
            yield Means(door, repository, token, Secrets({"BOT_TOKEN": token}))

    async def deliver(self, handover: Handover | None = None, **wish: Any) -> Delivered:
        """Deliver an answer as a process of its own would."""
        answer = handover or self.answer()
        async with self.means() as means:
            return await deliver(answer, self.wish(**wish), means)

    def comments(self) -> list[str]:
        return [comment.body for comment in self.issue.comments]
