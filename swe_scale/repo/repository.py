"""The one repository of an issue: where it comes from, and the store that holds its trees."""

import tempfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from swe_scale.errors import RepositoryError
from swe_scale.records import Changes, File
from swe_scale.repo import export, ignore, objects, patches, worktree
from swe_scale.repo.access import access
from swe_scale.repo.git import Git, object_id
from swe_scale.repo.history import Past, past
from swe_scale.repo.objects import Entry
from swe_scale.repo.source import Source, find_local, is_address, keep, locate, mirror

_LISTINGS = 4
"""Trees whose listing is remembered."""
_RULES_BYTES = 1 << 20
"""Largest .gitignore or .gitattributes file that is heeded."""


@dataclass(slots=True)
class Repository:
    """Trees in a bare object store of ours; any number of coroutines may use it at once.

    Trees are named by their full hash. Whatever is written is addressed by its content and comes to its
    place by a rename, so that a process killed at any moment leaves a usable store.
    """

    source: Source
    store: Git
    _lock: anyio.Lock = field(default_factory=anyio.Lock)
    _listings: OrderedDict[str, tuple[Entry, ...]] = field(default_factory=OrderedDict)

    @classmethod
    async def open(cls, source: str, folder: Path, token: str = "") -> "Repository":
        """Return the repository of a source, with its store and (of an address) its mirror in `folder`.

        Args:
            source: a folder in a work tree, a bare repository, or an https, ssh, http or file address.
            folder: ours alone; it is made where it isn't there. An address is fetched into it once.
            token: shown to the host of an http address; empty if there is none.

        Raises:
            RepositoryError: there is no repository, it can't be reached, or `folder` can't be written.
        """
        try:
            git = replace(Git.prepare(folder / "home"), access=access(source, token))
            place = git.home.parent
            remote = is_address(source)
            found = await (mirror(git, source, place / "mirror") if remote else find_local(git, source))
            store = await _make_store(git, place / "store", found)
        except OSError as error:
            raise RepositoryError(f"{folder} can't be written: {error.strerror}") from error
        return cls(found, store)

    async def resolve(self, revision: str | None = None) -> str:
        """Return the full hash of the commit that a revision names, and take its tree into the store.

        A name (not a full hash) is looked up at its address anew, once per opened repository.

        Args:
            revision: anything that git takes for a commit. None: the source's HEAD, or default branch.

        Raises:
            RepositoryError: there is no such commit, or the source lacks some of its objects.
        """
        async with self._lock:
            commit = await locate(self.source, revision)
            if (await self.store.run("cat-file", "-e", commit)).code == 0:
                return commit
            try:
                await export.copy_commit(self.source.git, self.store, commit)
            except RepositoryError as error:
                raise export.uncopied(self.source.name, commit, error) from error
            return commit

    @property
    def folder(self) -> Path:
        """Where what is kept of it lies, ours alone."""
        return self.store.home.parent

    @property
    def worktree(self) -> Path | None:
        """Root of the user's own work tree; None of a bare repository or an address."""
        return self.source.work_tree

    async def apply_to_worktree(self, patch: str) -> None:
        """Apply a patch to the files of the user's own work tree, all of it or nothing.

        Nothing that the source's configuration names is started, and its index isn't touched.

        Raises:
            PatchError: it doesn't apply there, for instance since the files have changed, or can't be
                written; names the file.
            RepositoryError: the source has no work tree.
        """
        if self.source.work_tree is None:
            raise RepositoryError(f"{self.source.name} has no work tree to apply a patch to.")
        await worktree.apply(self.store, self.source.work_tree, patch)

    async def dirty(self) -> bool:
        """Return whether tracked files of the source's work tree differ from its HEAD.

        Nothing that the source's configuration names is started. Files that git doesn't track don't
        count; of a bare repository or an address the answer is False.

        Raises:
            RepositoryError: the work tree can't be read.
        """
        return await worktree.is_dirty(self.source)

    async def changed(self) -> tuple[str, ...]:
        """Return what of the source's work tree differs from its HEAD: tracked files, and submodules.

        Raises:
            RepositoryError: the work tree can't be read.
        """
        return await worktree.changed(self.source)

    async def tree_of(self, commit: str) -> str:
        """Return the tree hash of a resolved commit.

        Raises:
            RepositoryError: the commit isn't in the store.
        """
        output = await self.store.ask("rev-parse", "--verify", f"{object_id(commit)}^{{tree}}")
        return output.decode("ascii").strip()

    async def nearest_tag(self, commit: str) -> str | None:
        """Return the nearest tag among a commit and its ancestors; None where there is none."""
        answer = await self.source.git.run("describe", "--tags", "--abbrev=0", object_id(commit))
        return answer.output.decode("utf-8", "replace").strip() or None if answer.code == 0 else None

    async def descends(self, commit: str, ancestor: str) -> bool:
        """Return whether a resolved commit is another one or builds on it.

        Raises:
            RepositoryError: git can't be started.
        """
        command = ("merge-base", "--is-ancestor", object_id(ancestor), object_id(commit))
        return (await self.source.git.run(*command)).code == 0

    async def past(self, commit: str, most: int) -> tuple[Past, ...]:
        """Return a commit and those before it, newest first, merges left out, with what each changed.

        Raises:
            RepositoryError: git can't be started, or took far too long.
        """
        return await past(self.source.git, commit, most)

    async def files(self, tree: str) -> tuple[Entry, ...]:
        """Return every file, symbolic link and submodule of a tree, in git's order.

        Raises:
            RepositoryError: the tree isn't in the store.
        """
        if tree not in self._listings:
            self._listings[tree] = await objects.list_tree(self.store, tree)
        self._listings.move_to_end(tree)
        listing = self._listings[tree]
        while len(self._listings) > _LISTINGS:
            self._listings.popitem(last=False)
        return listing

    async def read(self, tree: str, paths: Iterable[str], limit: int | None = None) -> dict[str, bytes]:
        """Return the content of files by path; of a symbolic link, its target.

        Args:
            tree: hash of the tree.
            paths: those that aren't in the tree, or are folders or submodules, are absent in the result.
            limit: files of more bytes than this are absent, too.

        Raises:
            RepositoryError: the tree isn't in the store.
        """
        wanted = set(paths)
        blobs = {
            entry.path: entry.blob
            for entry in await self.files(tree)
            if entry.path in wanted and not entry.submodule and (limit is None or entry.size <= limit)
        }
        contents = await objects.read_blobs(self.store, blobs.values())
        return {path: contents[blob] for path, blob in blobs.items()}

    async def changes(self, old: str, new: str) -> dict[str, File | None]:
        """Return how a tree differs from another.

        Raises:
            PatchError: they differ in a submodule.
            RepositoryError: one of the trees isn't in the store.
        """
        return await objects.read_changes(self.store, old, new)

    async def write_tree(self, base: str, changes: Changes) -> str:
        """Return the hash of the tree that comes of changing another; contents are stored byte for byte.

        A file may take a folder's place and the other way round; deleting what isn't there is no error.

        Raises:
            PatchError: a path or a symbolic link leaves the work tree, a file is also a folder, or a
                submodule would be changed.
            RepositoryError: the base isn't in the store, or the store can't be written.
        """
        return await objects.write_tree(self.store, base, changes)

    async def diff(self, base: str, tree: str) -> str:
        """Return the patch from one tree to another, as `git apply` takes it; always text.

        Raises:
            RepositoryError: one of the trees isn't in the store.
        """
        return await patches.diff(self.store, base, tree)

    async def apply(self, base: str, patch: str) -> str:
        """Return the hash of the tree that comes of applying a patch; of an empty one, the base itself.

        Raises:
            PatchError: it doesn't apply or would write where it must not; names the file.
            RepositoryError: the base isn't in the store.
        """
        return await patches.apply(self.store, base, patch)

    async def export(self, tree: str, folder: Path, tag: str | None = None) -> None:
        """Write a tree to an empty folder, with a `.git` of one commit that depends on the tree alone.

        Raises:
            RepositoryError: the folder isn't empty or can't be written, or the tree can't be a work tree.
        """
        await export.export(self.store, tree, folder, tag)

    async def ignored(self, tree: str, paths: Iterable[str]) -> set[str]:
        """Return those paths that the .gitignore files of a tree leave out, tracked or not.

        Raises:
            PatchError: a path leaves the work tree.
            RepositoryError: the tree isn't in the store.
        """
        rules = await self._named(tree, ignore.NAME)
        return await ignore.ignored(self.store, rules, paths)

    async def notes(self, tree: str) -> tuple[str, ...]:
        """Return what a user should know of a tree: content that isn't in the repository itself.

        Raises:
            RepositoryError: the tree isn't in the store.
        """
        submodules = [entry.path for entry in await self.files(tree) if entry.submodule]
        attributes = await self._named(tree, ".gitattributes")
        notes: list[str] = []
        if submodules:
            notes.append(
                f"Submodules are left empty: {', '.join(submodules[:5])}{', …' * (len(submodules) > 5)}."
            )
        if any(b"filter=lfs" in data for data in attributes.values()):
            notes.append("Files kept in Git LFS are only the pointers that git holds, not their content.")
        return tuple(notes)

    async def _named(self, tree: str, name: str) -> dict[str, bytes]:
        """Return the plain files of this name in every folder of a tree."""
        paths = [
            entry.path
            for entry in await self.files(tree)
            if entry.path.rpartition("/")[2] == name and entry.mode.startswith("100")
        ]
        return await self.read(tree, paths, _RULES_BYTES)


async def _make_store(git: Git, folder: Path, source: Source) -> Git:
    if not await anyio.Path(folder).is_dir():
        kind = (await source.git.ask("rev-parse", "--show-object-format")).decode("ascii").strip()
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="store-") as fresh:
            await git.at(Path(fresh)).ask("init", "-q", "--bare", "--template=", f"--object-format={kind}")
            keep(Path(fresh), folder)
    return git.at(folder)
