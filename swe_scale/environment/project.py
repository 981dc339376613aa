"""The part of a repository's tree that tells how it is installed and tested."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from swe_scale.environment.options import FILE
from swe_scale.profiles import find_tests
from swe_scale.repo import Repository

_TOLD_BY = ("pyproject.toml", "setup.py", "setup.cfg", "tox.ini", FILE)
_TESTS_READ = 64
_LARGEST = 1 << 20
"""Bytes of a file that is read."""


@dataclass(frozen=True, slots=True)
class Project:
    """Paths of a tree, and the texts of those files that describe it."""

    paths: tuple[str, ...]
    texts: Mapping[str, str]


async def read_project(repository: Repository, tree: str) -> Project:
    """Return what the tree says of itself: its declarations, requirement lists and some of its tests.

    Raises:
        RepositoryError: the tree can't be read.
    """
    paths = tuple(sorted(entry.path for entry in await repository.files(tree)))
    tests = sorted(find_tests(paths), key=lambda path: (path.count("/"), path))[:_TESTS_READ]
    wanted = [path for path in paths if path in _TOLD_BY or is_requirements(path)]
    read = await repository.read(tree, [*wanted, *tests], _LARGEST)
    return Project(paths, {path: data.decode("utf-8", "replace") for path, data in read.items()})


def is_requirements(path: str) -> bool:
    """Return whether the path is a list of requirements, at the root or in `requirements/`."""
    name = PurePosixPath(path)
    listed = str(name.parent) == "requirements" or (str(name.parent) == "." and "requirements" in name.stem)
    return listed and name.suffix == ".txt"
