"""Knows by what names a project goes: its repository, its packages, the modules that they install."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from swe_scale.records import Issue

_ID = re.compile(r"([A-Za-z0-9.-]{1,100})__([A-Za-z0-9._-]{1,100}?)-\d{1,12}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")
_CHANGED = re.compile(r"^diff --git a/(?:(?:src|lib)/)?([A-Za-z_]\w{0,99})/", re.MULTILINE)
_ELSEWHERE = frozenset({"test", "tests", "testing", "doc", "docs", "examples", "scripts", "tools", "ci"})
"""Folders that hold no package."""
_MOST = 65_536


@dataclass(frozen=True, slots=True)
class Project:
    """The names of one project, in lower case."""

    owner: str
    repo: str
    packages: frozenset[str]
    """As an index of packages normalises them."""
    modules: frozenset[str]
    """Folders under which its code is installed."""


def normal(name: str) -> str:
    """Return a package's name as an index compares it."""
    return re.sub(r"[-_.]+", "-", name).strip("-").lower()


def project_of(issue: Issue, patches: Iterable[str] = ()) -> Project:
    """Return what is known of an issue's project: by its repository, its id, and the folders of patches."""
    owner, repo = _place(issue)
    bare = normal(repo)
    packages = {bare, bare.removeprefix("python-"), bare.removesuffix("-js"), normal(f"{owner}-{repo}")}
    found = {one.lower() for patch in patches for one in _CHANGED.findall(patch[:_MOST])}
    modules = {bare.replace("-", "_")} | found - _ELSEWHERE
    return Project(owner, repo, frozenset(packages - {""}), frozenset(modules - {""}))


def _place(issue: Issue) -> tuple[str, str]:
    """Return owner and name of the repository; what isn't known is empty."""
    parts = [one for one in issue.repo.removesuffix("/").removesuffix(".git").split("/") if one]
    remote = "://" in issue.repo or issue.repo.startswith("git@")
    if len(parts) >= 2 and (remote or (len(parts) == 2 and not issue.repo.startswith("/"))):
        owner, repo = parts[-2].rpartition(":")[2], parts[-1]
    else:
        owner, _, repo = (parts[-1] if parts else "").rpartition("__")
        if not owner and (told := _ID.fullmatch(issue.id)):
            owner, repo = told[1], told[2]
    known = (one.lower() if _NAME.fullmatch(one) else "" for one in (owner, repo))
    return next(known), next(known)
