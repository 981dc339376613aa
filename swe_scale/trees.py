"""The trees of one issue: how each differs from the base, remembered, since every cell asks again."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Literal

from swe_scale.records import BASE, Changes, File
from swe_scale.repo import Repository

_REMEMBERED = 256
_CHANGED = 64 << 20
"""Bytes of changed files that are kept, beside the tree that is asked for."""
_CONTENTS = 8 << 20
"""Bytes of files of the base that are kept."""
_MODES: Mapping[str, Literal["100644", "100755", "120000"]] = {
    "100644": "100644",
    "100755": "100755",
    "120000": "120000",
}


@dataclass(slots=True)
class Trees:
    """Work trees by their git hash, each a set of changes to `base`."""

    repository: Repository
    base: str
    """Tree hash of the base commit."""
    _changes: OrderedDict[str, Changes] = field(default_factory=OrderedDict)
    _patches: dict[str, str] = field(default_factory=dict)
    _paths: frozenset[str] | None = None
    _folders: frozenset[str] = frozenset()
    _files: dict[str, File] = field(default_factory=dict)
    """Of the base, those that were asked for."""
    _size: int = 0
    """Of these, in bytes."""
    _changed: int = 0
    """Bytes of the changed files."""

    async def paths(self, tree: str = BASE) -> frozenset[str]:
        """Return the paths of a tree, submodules among them.

        Raises:
            RepositoryError: the tree isn't in the repository.
        """
        if self._paths is None:
            self._paths = frozenset(entry.path for entry in await self.repository.files(self.base))
            self._folders = frozenset(str(one) for path in self._paths for one in PurePosixPath(path).parents)
        changes = await self.changes(tree)
        gone = {path for path, file in changes.items() if file is None}
        return (self._paths - gone) | (changes.keys() - gone) if changes else self._paths

    async def changes(self, tree: str) -> Changes:
        """Return how a tree differs from the base.

        Raises:
            RepositoryError: the tree isn't in the repository.
        """
        if tree in (BASE, self.base):
            return {}
        if tree not in self._changes:
            self._remember(tree, await self.repository.changes(self.base, tree))
        self._changes.move_to_end(tree)
        return self._changes[tree]

    async def patch(self, tree: str) -> str:
        """Return the difference from the base as git writes it; empty for the base itself."""
        if tree in (BASE, self.base):
            return ""
        if tree not in self._patches:
            self._patches[tree] = await self.repository.diff(self.base, tree)
        return self._patches[tree]

    async def files(self, tree: str, paths: Iterable[str]) -> dict[str, File]:
        """Return those of the named files that a tree holds, submodules left out.

        Raises:
            RepositoryError: the tree isn't in the repository.
        """
        wanted = set(paths)
        if not wanted:
            return {}
        changes = await self.changes(tree)
        changed = {path: file for path, file in changes.items() if path in wanted and file is not None}
        return {**await self._base_files(wanted - changes.keys()), **changed}

    async def write(self, start: str, changes: Changes) -> str:
        """Return the tree that comes of changing another.

        Raises:
            PatchError: a path or link leaves the work tree.
        """
        if not changes:
            return start
        tree = await self.repository.write_tree(start, changes)
        if tree not in (self.base, *self._changes) and await self._plain(start, changes):
            same = await self._base_files(changes)
            together = {**await self.changes(start), **changes}
            self._remember(
                tree,
                {
                    path: file
                    for path, file in sorted(together.items())
                    if path not in changes or (file != same.get(path))
                },
            )
        return tree

    async def _plain(self, start: str, changes: Changes) -> bool:
        """Return whether changes only touch what is a file, or nothing, before and after."""
        there = await self.paths(start)
        made = (path for path, file in (await self.changes(start)).items() if file is not None)
        folders = self._folders.union(*(map(str, PurePosixPath(path).parents) for path in made))
        return all(
            path not in folders
            and not there.intersection(map(str, PurePosixPath(path).parents))
            and (file is not None or path in there)
            for path, file in changes.items()
        )

    async def _base_files(self, wanted: Iterable[str]) -> dict[str, File]:
        missing = set(wanted) - self._files.keys()
        if missing:
            modes = {
                entry.path: entry.mode
                for entry in await self.repository.files(self.base)
                if entry.path in missing
            }
            read = await self.repository.read(self.base, modes)
            found = {path: File(mode=_MODES[modes[path]], data=data) for path, data in read.items()}
        else:
            found = {}
        result = {path: self._files[path] for path in wanted if path in self._files} | found
        self._size += sum(len(file.data) for file in found.values())
        if self._size > _CONTENTS:
            self._files.clear()
            self._size = 0
        else:
            self._files.update(found)
        return result

    def _remember(self, tree: str, changes: Changes) -> None:
        self._changes[tree] = changes
        self._changed += _bytes(changes)
        while len(self._changes) > _REMEMBERED or (self._changed > _CHANGED and len(self._changes) > 1):
            self._changed -= _bytes(self._changes.popitem(last=False)[1])


def _bytes(changes: Changes) -> int:
    return sum(len(file.data) for file in changes.values() if file is not None)
