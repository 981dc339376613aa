"""The trees of one issue: how each differs from the base, remembered, since every cell asks again."""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from swe_scale.records import BASE, Changes, File
from swe_scale.repo import Repository

_REMEMBERED = 256
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

    async def paths(self) -> frozenset[str]:
        """Return the paths of the base."""
        if self._paths is None:
            self._paths = frozenset(entry.path for entry in await self.repository.files(self.base))
        return self._paths

    async def changes(self, tree: str) -> Changes:
        """Return how a tree differs from the base.

        Raises:
            RepositoryError: the tree isn't in the repository.
        """
        if tree in (BASE, self.base):
            return {}
        if tree not in self._changes:
            self._changes[tree] = await self.repository.changes(self.base, tree)
        self._changes.move_to_end(tree)
        while len(self._changes) > _REMEMBERED:
            self._changes.popitem(last=False)
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
        modes = {
            entry.path: entry.mode for entry in await self.repository.files(tree) if entry.path in wanted
        }
        contents = await self.repository.read(tree, modes)
        return {path: File(mode=_MODES[modes[path]], data=data) for path, data in contents.items()}

    async def write(self, start: str, changes: Changes) -> str:
        """Return the tree that comes of changing another.

        Raises:
            PatchError: a path or link leaves the work tree.
        """
        return await self.repository.write_tree(start, changes) if changes else start
