"""What a project's base tree says of how it tells changes: its paths, and the files that say something."""

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from swe_scale.foreign import parse_toml

LARGEST = 4 << 20
"""Bytes of a file beyond which it is left unread; the caller gives none."""
_FILES = 60
"""Files that are asked for."""
_EXAMPLES = 4
"""Fragments of a folder that are asked for."""
_NAMED = (
    "pyproject.toml", "towncrier.toml", "setup.cfg", "package.json", ".changeset/config.json", ".cz.toml",
    ".cz.json", ".gitlint", ".changie.yaml", ".changie.yml", ".commitlintrc", ".github/dco.yml",
    "changelog.d/scriv.ini",
)  # fmt: skip
_ELSEWHERE = (
    "contributing*", ".github/contributing*", "docs/contributing*", "commitlint.config.*", ".commitlintrc.*",
    ".czrc", "pull_request_template*", ".github/pull_request_template*", "docs/pull_request_template*",
    ".gitlab/merge_request_templates/*",
)  # fmt: skip
"""Patterns of paths in lower case."""
LIVING = re.compile(
    r"(?:changelog|changes|change_log|history|news|release_?notes|whats_?new)(?:\.(?:md|rst|txt))?",
    re.IGNORECASE,
)
"""Names of files that tell every release."""
FRAGMENTS = re.compile(
    r"(?:.*/)?(?:newsfragments|changelog\.d|\.?changelog|\.?changes|news|fragments|upcoming_changes|\.changeset|releasenotes/notes)",
    re.IGNORECASE,
)
"""Folders that hold a file for each change."""


@dataclass(frozen=True, slots=True)
class Base:
    """A base tree, as far as it says something; all of it is data."""

    paths: tuple[str, ...]
    contents: Mapping[str, bytes]
    """Of those of `files_that_tell` that are there."""

    def text(self, path: str) -> str:
        """Return a file's text, bytes that are not UTF-8 surrogate-escaped; empty where there is none."""
        return self.contents.get(path, b"").decode("utf-8", "surrogateescape")

    def toml(self, path: str) -> Mapping[str, Any]:
        """Return the content of a TOML file; nothing where it can't be read."""
        try:
            return parse_toml(self.text(path))
        except ValueError:
            return {}

    def json(self, path: str) -> Mapping[str, Any]:
        """Return the content of a JSON file that holds an object; nothing where it can't be read."""
        try:
            found = json.loads(self.text(path) or "{}")
        except (ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def within(self, folder: str) -> tuple[str, ...]:
        """Return the names of the files directly in a folder."""
        start = f"{folder.strip('/')}/" if folder.strip("/") else ""
        return tuple(
            path[len(start) :]
            for path in self.paths
            if path.startswith(start) and "/" not in path[len(start) :]
        )


def table(content: Mapping[str, Any], *names: str) -> Mapping[str, Any]:
    """Return the table at a place of a document; an empty one where there is none."""
    found: Any = content
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def files_that_tell(paths: Iterable[str], changed: Sequence[str]) -> tuple[str, ...]:
    """Return those files of a tree whose content is wanted for `Base`, the most telling first.

    Args:
        paths: of the tree.
        changed: files that the change touches.
    """
    known = sorted(paths, key=lambda path: (path.count("/"), path))
    return tuple(dict.fromkeys(_telling(known, changed)))[:_FILES]


def _telling(paths: Sequence[str], changed: Sequence[str]) -> Iterator[str]:
    there = frozenset(paths)
    yield from (name for name in _NAMED if name in there)
    yield from (path for path in paths if any(fnmatch.fnmatchcase(path.lower(), one) for one in _ELSEWHERE))
    above = dict.fromkeys(str(folder) for path in changed for folder in PurePosixPath(path).parents)
    places = {".", "docs", "doc", *above}
    near = (path for path in paths if str(PurePosixPath(path).parent) in places)
    yield from (path for path in near if LIVING.fullmatch(PurePosixPath(path).name))
    packages = (str(PurePosixPath(folder) / "package.json") for folder in above)
    yield from (path for path in packages if path in there)
    counted: dict[str, int] = {}
    for path in paths:
        folder, _, name = path.rpartition("/")
        if FRAGMENTS.fullmatch(folder) and not name.startswith((".", "README")):
            counted[folder] = counted.get(folder, 0) + 1
            if counted[folder] <= _EXAMPLES:
                yield path
