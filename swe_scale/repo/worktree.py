"""Looks at and changes the user's own work tree, starting nothing that its configuration names."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import anyio

from swe_scale.errors import PatchError, RepositoryError
from swe_scale.patch import check_path, touched
from swe_scale.repo.git import Answer, Git
from swe_scale.repo.objects import list_tree
from swe_scale.repo.source import Source, find_commit, find_local

_STATUS = 3
"""Characters before the path of what differs."""


async def apply(store: Git, work_tree: Path, patch: str) -> None:
    """Apply a patch to the files of a work tree, all of it or nothing; its index isn't touched.

    Line ends and encodings follow the .gitattributes files that lie there. Filters don't: they would be
    looked up in the configuration of `store`, which names none.

    Args:
        store: a git directory of ours.
        work_tree: root of the user's work tree.
        patch: as `diff` writes it.

    Raises:
        PatchError: it doesn't apply there or can't be written; names the file.
    """
    assert store.git_dir is not None
    git = store.at(store.git_dir, GIT_WORK_TREE=str(work_tree))

    async def ask(*options: str) -> Answer:
        return await git.run(
            "apply", "--whitespace=nowarn", *options, "-", input=patch.encode(), cwd=work_tree
        )

    if (checked := await ask("--check")).code:
        raise PatchError(f"the patch doesn't apply to {work_tree}: {checked.reason}")
    for path in (paths := touched(patch)):
        check_path(path)
    folder = Path(tempfile.mkdtemp(dir=store.home.parent, prefix="worktree-"))
    # Cut short, git would leave files removed: it removes all the old ones before it writes the new.
    with anyio.CancelScope(shield=True):
        copies = _Copies(work_tree, folder, paths)
        await anyio.to_thread.run_sync(copies.make)
        complete = False
        try:
            written = await ask()
            complete = written.code == 0
        finally:
            if not complete:
                await anyio.to_thread.run_sync(copies.put_back)
        await anyio.to_thread.run_sync(shutil.rmtree, folder)
    if not complete:
        raise PatchError(f"the patch can't be written to {work_tree}, which is as before: {written.reason}")


@dataclass(slots=True)
class _Copies:
    """The files that a patch touches, as they were, since git doesn't undo what it wrote before it failed."""

    root: Path
    folder: Path
    paths: tuple[str, ...]
    _kept: tuple[str, ...] = ()
    _folders: frozenset[Path] = frozenset()

    def make(self) -> None:
        places = [self.root / path for path in self.paths]
        self._folders = frozenset(above for place in places for above in place.parents if above.is_dir())
        there = (path for path in self.paths if (place := self.root / path).is_symlink() or place.is_file())
        self._kept = tuple(there)
        try:
            for path in self._kept:
                _copy(self.root / path, self.folder / path)
        except OSError as error:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise PatchError(
                f"{error.filename} can't be copied: {error.strerror}; nothing was changed"
            ) from error

    def put_back(self) -> None:
        for path in self.paths:
            place = self.root / path
            # Whatever can't be removed is in the way below, or was not written.
            with suppress(OSError):
                place.unlink()
            for above in place.parents:
                if above not in self._folders:
                    with suppress(OSError):
                        above.rmdir()
        try:
            for path in self._kept:
                _copy(self.folder / path, self.root / path)
        except OSError as error:
            raise PatchError(
                f"the patch can't be written to {self.root}, and {error.filename} can't be put back: "
                f"{error.strerror}. The files as they were are in {self.folder}"
            ) from error


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(source, target, follow_symlinks=False)


async def is_dirty(source: Source) -> bool:
    """Return whether tracked files of the user's work tree differ from its last commit.

    Raises:
        RepositoryError: the work tree or its index can't be read.
    """
    return bool(await _changed(source))


async def changed(source: Source) -> tuple[str, ...]:
    """Return the tracked files that differ from the last commit, and submodules at another than it names.

    Raises:
        RepositoryError: a work tree or its index can't be read.
    """
    own = await _changed(source)
    return tuple(sorted((*own, *[path async for path in _submodules(source)])))


async def _submodules(source: Source) -> AsyncIterator[str]:
    if source.work_tree is None or (commit := await find_commit(source, None)) is None:
        return
    for entry in await list_tree(source.git, commit):
        place = source.work_tree / entry.path
        if not entry.submodule or not (place / ".git").exists():
            continue
        inner = await find_local(replace(source.git, git_dir=None), str(place))
        if await find_commit(inner, None) != entry.blob or await changed(inner):
            yield entry.path


async def _changed(source: Source) -> tuple[str, ...]:
    """Return the tracked files of the user's work tree that differ from its last commit.

    Asked with a configuration of ours and a copy of the index, so that no filter, hook or monitor that
    the repository names is started, and nothing is written.

    Raises:
        RepositoryError: the work tree or its index can't be read.
    """
    if source.work_tree is None or (commit := await find_commit(source, None)) is None:
        return ()
    question = ("rev-parse", "--show-object-format", "--git-path", "index", "--git-path", "objects")
    output = await source.git.ask(*question, cwd=source.work_tree)
    kind, index, objects = (os.fsdecode(line) for line in output.splitlines())
    with tempfile.TemporaryDirectory(dir=source.git.home.parent, prefix="status-") as folder:
        try:
            _stand_in(Path(folder), source.work_tree / index, kind, commit)
        except OSError as error:
            raise RepositoryError(f"{source.name}: its index can't be read: {error.strerror}") from error
        places = {"GIT_WORK_TREE": source.work_tree, "GIT_OBJECT_DIRECTORY": source.work_tree / objects}
        asker = source.git.at(Path(folder), **{name: str(place) for name, place in places.items()})
        options = ("--porcelain", "-z", "--untracked-files=no", "--ignore-submodules=all", "--no-renames")
        answer = await asker.run("status", *options, cwd=source.work_tree)
        if answer.code != 0:
            reason = answer.reason.replace(f"{folder}/", "")
            raise RepositoryError(f"{source.name}: its state can't be read: {reason}")
        return tuple(os.fsdecode(line[_STATUS:]) for line in answer.output.split(b"\0") if line)


def _stand_in(folder: Path, index: Path, kind: str, commit: str) -> None:
    """Make a git directory with a copy of the index and none of the repository's configuration."""
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    config = f"[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectFormat = {kind}\n"
    (folder / "config").write_text(config, encoding="ascii")
    # Times are kept: git takes a file that is not older than the index for possibly changed.
    shutil.copy2(index, folder / "index")
    for shared in index.parent.glob("sharedindex.*"):
        shutil.copy2(shared, folder)
