"""Finds contexts in real repositories that hold what a test says."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from git_kit import git
from own_loop import run_async

from swe_scale.config import ContextSteps
from swe_scale.context import Wish, find_context
from swe_scale.events import Events
from swe_scale.records import Context, Issue
from swe_scale.repo import Repository


def issue(title: str, body: str = "", *comments: str) -> Issue:
    return Issue(id="i", repo="/r", base_commit="0" * 40, title=title, body=body, comments=comments)


def commit_of(folder: Path, files: Mapping[str, bytes], message: str = "change", parent: str = "") -> str:
    """Return a commit of just these files in a bare repository; paths need not fit a work tree here."""
    if not (folder / "HEAD").exists():
        folder.mkdir(parents=True, exist_ok=True)
        git(folder, "init", "-q", "--bare", "--initial-branch=main", "--template=")
    marks = [b"commit refs/heads/main\ncommitter A <a@example.org> 1 +0000\n"]
    marks.append(b"data %d\n%s\n" % (len(message.encode()), message.encode()))
    marks.append(f"from {parent}\n".encode() if parent else b"")
    marks.append(b"deleteall\n")
    for path, data in files.items():
        quoted = os.fsencode(path).replace(b"\\", b"\\\\").replace(b'"', b'\\"').replace(b"\n", b"\\n")
        marks.append(b'M 100644 inline "%s"\ndata %d\n%s\n' % (quoted, len(data), data))
    git(folder, "fast-import", "--quiet", "--force", input=b"".join(marks))
    return git(folder, "rev-parse", "main").decode().strip()


async def found(
    asked: Issue, folder: Path, commit: str, budget: int, steps: ContextSteps | None = None
) -> Context:
    """Return the context of an issue at a commit of a repository, whose index is kept beside it."""
    repository = await Repository.open(str(folder), folder.with_name(f"{folder.name}-kept"))
    resolved = await repository.resolve(commit)
    return await find_context(Wish(asked, resolved, budget, steps or ContextSteps()), repository, Events())


def find(asked: Issue, files: Mapping[str, bytes], budget: int, steps: ContextSteps | None = None) -> Context:
    """Return the context of an issue in a repository that holds these files and has no history."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "repository"
        return run_async(found, asked, folder, commit_of(folder, files), budget, steps)
