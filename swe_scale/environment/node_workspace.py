"""Finds the workspace that a JavaScript project is a member of: it is installed as a whole, at its root."""

import re
from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from swe_scale.environment.node_package import FILE, read_package
from swe_scale.environment.project import Project

MEMBERS = "pnpm-workspace.yaml"
_WORDS = re.compile(r"[\s,\[\]'\"]+")
_MOST = 200
"""Patterns of members, and characters of one."""


def root_of(project: Project) -> Project:
    """Return the nearest folder above that says the project is a member; the project where none does."""
    if project.outer is None:
        return project
    place = PurePosixPath(project.folder)
    for parent in place.parents:
        above = project.outer.below("" if str(parent) == "." else str(parent))
        if _is_member(place.relative_to(parent).parts, _members(above)):
            return above
    return project


def _members(project: Project) -> tuple[str, ...]:
    """Return the patterns of the members' folders, of which those with `!` name exceptions."""
    told = project.texts.get(MEMBERS)
    if told is not None:
        return tuple(_listed(told))
    return read_package(project.texts.get(FILE, "")).workspaces


def _listed(text: str) -> Iterator[str]:
    """Yield the words of the list `packages`, whichever of YAML's two forms it has."""
    inside = False
    for line in text.splitlines():
        if line[:1].strip() and not line.startswith(("-", "#")):
            inside = line.startswith("packages:")
        if inside:
            said = line.removeprefix("packages:").partition(" #")[0]
            yield from (word for word in _WORDS.split(said) if word and word != "-")


def _is_member(folder: Sequence[str], patterns: Iterable[str]) -> bool:
    found = False
    for pattern in [*patterns][:_MOST]:
        plain = pattern.removeprefix("!")[:_MOST].removeprefix("./").rstrip("/")
        if _matches(folder, plain.split("/")):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _matches(folder: Sequence[str], pattern: Sequence[str]) -> bool:
    # How many parts of the folder the pattern may have taken so far.
    taken = {0}
    for part in pattern:
        if part == "**":
            taken = {later for one in taken for later in range(one, len(folder) + 1)}
        else:
            taken = {one + 1 for one in taken if one < len(folder) and fnmatchcase(folder[one], part)}
    return len(folder) in taken
