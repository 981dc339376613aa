"""The part of a repository's tree that tells how it is installed and tested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from swe_scale.profiles import find_tests
from swe_scale.repo import Repository

_TESTS_READ = 64
_MOST = 400
"""Other files that are read, those nearest to the root."""
_LARGEST = 1 << 20
"""Bytes of a file that is read."""


@dataclass(frozen=True, slots=True)
class Project:
    """Paths of a tree, and the texts of those files that describe it."""

    paths: tuple[str, ...]
    texts: Mapping[str, str]
    outer: "Project | None" = None
    """The whole tree, where this is a folder of it."""
    folder: str = ""
    """Path of that folder in it."""

    def below(self, folder: str) -> "Project":
        """Return what lies in a folder, with paths relative to it; of the empty one, this project itself."""
        if not folder:
            return self
        start = f"{folder}/"
        return Project(
            tuple(path.removeprefix(start) for path in self.paths if path.startswith(start)),
            {path.removeprefix(start): text for path, text in self.texts.items() if path.startswith(start)},
            self.outer or self,
            f"{self.folder}/{folder}" if self.folder else folder,
        )


async def read_project(
    repository: Repository, tree: str, told_by: Iterable[str] = (), folder: str = ""
) -> Project:
    """Return what the tree says of itself: the files that describe it, and some of its tests.

    Args:
        repository: that holds the tree.
        tree: its hash.
        told_by: patterns of `fnmatch` for the paths of files to read, relative to `folder` or one above it.
        folder: of the project in question.

    Raises:
        RepositoryError: the tree can't be read.
    """
    paths = tuple(sorted(entry.path for entry in await repository.files(tree)))
    inside = f"{folder}/" if folder else ""
    starts = ("", *(f"{above}/" for above in (folder, *map(str, PurePosixPath(folder).parents)) if above))
    patterns = tuple(told_by)

    def wanted(path: str) -> bool:
        names = [path.removeprefix(start) for start in starts if path.startswith(start)]
        return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)

    def nearness(path: str) -> tuple[bool, int, str]:
        return not path.startswith(inside), path.count("/"), path

    chosen = sorted(filter(wanted, paths), key=nearness)[:_MOST]
    tests = sorted(find_tests(paths), key=nearness)[:_TESTS_READ]
    read = await repository.read(tree, [*chosen, *tests], _LARGEST)
    return Project(paths, {path: data.decode("utf-8", "replace") for path, data in read.items()})


def is_requirements(path: str) -> bool:
    """Return whether the path is a list of requirements, at the root or in `requirements/`."""
    name = PurePosixPath(path)
    listed = str(name.parent) == "requirements" or (str(name.parent) == "." and "requirements" in name.stem)
    return listed and name.suffix == ".txt"
