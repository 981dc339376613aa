"""What a GitHub holds: users, tokens, repositories with issues and pull requests."""

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

WRITES = ("admin", "maintain", "write")


@dataclass
class Comment:
    """A comment under an issue or a pull request."""

    id: int
    login: str
    body: str
    association: str = "NONE"
    path: str = ""


@dataclass
class Issue:
    """An issue; a pull request is one, too."""

    number: int
    title: str
    body: str | None
    login: str = "reporter"
    state: str = "open"
    locked: bool = False
    labels: list[str] = field(default_factory=list)
    association: str = "NONE"
    comments: list[Comment] = field(default_factory=list)
    gone: int = 0
    """404 or 410, if it isn't there any more."""
    moved_to: str = ""
    """Path of the interface, if it was transferred."""


@dataclass
class Pull:
    """What a pull request has beyond an issue."""

    issue: Issue
    head: str
    """`owner:branch`."""
    base: str
    draft: bool
    merged: bool = False
    reviews: list[Comment] = field(default_factory=list)
    on_lines: list[Comment] = field(default_factory=list)


@dataclass
class Run:
    """A check that ran on a commit."""

    name: str
    status: str = "completed"
    conclusion: str | None = "success"
    summary: str = ""


@dataclass
class Repository:
    """A repository; its objects are in a bare one on disk."""

    full_name: str
    git: Path
    default_branch: str = "main"
    private: bool = False
    archived: bool = False
    parent: str = ""
    roles: dict[str, str] = field(default_factory=dict)
    issues: dict[int, Issue] = field(default_factory=dict)
    pulls: dict[int, Pull] = field(default_factory=dict)
    runs: dict[str, list[Run]] = field(default_factory=dict)
    """By commit."""
    comments_closed: bool = False
    drafts: bool = True
    """Whether its plan has drafts."""

    @property
    def owner(self) -> str:
        return self.full_name.partition("/")[0]

    def may_write(self, login: str) -> bool:
        return self.roles.get(login, "read" if not self.private else "none") in WRITES

    def add_issue(self, title: str, body: str | None = "", **more: Any) -> Issue:
        number = max((*self.issues, 0)) + 1
        self.issues[number] = Issue(number, title, body, **more)
        return self.issues[number]

    def commit_of(self, branch: str) -> str:
        """Return a branch's commit; empty where there is no such branch."""
        return self.ask("rev-parse", "-q", "--verify", f"refs/heads/{branch}")

    def branches(self) -> list[str]:
        return self.ask("for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def ask(self, *arguments: str) -> str:
        command = ["git", f"--git-dir={self.git}", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


@dataclass
class Hub:
    """All that the service knows."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    """Login by token."""
    bots: set[str] = field(default_factory=set)
    renamed: dict[str, str] = field(default_factory=dict)
    """Full names of today by those of before, in small letters."""
    ids: int = 0

    def rename(self, before: str, now: str) -> None:
        """Give a repository another name; the old one leads to it."""
        found = self.repositories.pop(before.lower())
        for pull in found.pulls.values():
            pull.head = pull.head.replace(f"{found.owner}:", f"{now.partition('/')[0]}:")
        found.full_name = now
        self.repositories[now.lower()] = found
        self.renamed[before.lower()] = now

    def next_id(self) -> int:
        self.ids += 1
        return self.ids

    def user(self, login: str) -> dict[str, Any]:
        return {"login": login, "type": "Bot" if login in self.bots else "User"}
