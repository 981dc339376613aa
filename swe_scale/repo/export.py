"""Puts a tree into a folder with a history of one commit, so that no fix can be looked up in it."""

import shutil
import tempfile
from pathlib import Path

from swe_scale.errors import RepositoryError
from swe_scale.repo.git import Git, object_id

_NOBODY = {
    f"GIT_{role}_{name}": value
    for role in ("AUTHOR", "COMMITTER")
    for name, value in (("NAME", "swe-scale"), ("EMAIL", "swe-scale"), ("DATE", "2000-01-01T00:00:00 +0000"))
}
_BRANCH = "refs/heads/main"
_EXACT = "* -text -eol -crlf -filter -ident !working-tree-encoding\n"
"""Above every .gitattributes of the tree: files are what the objects hold, byte for byte."""


async def copy_commit(source: Git, target: Git, commit: str) -> None:
    """Copy one commit and what its tree holds, but none of its ancestors.

    Raises:
        RepositoryError: the source lacks objects, or the target can't be written.
    """
    revisions = f"--shallow {object_id(commit)}\n{commit}\n".encode()
    with tempfile.TemporaryFile(dir=target.home.parent) as pack:
        quick = ("--delta-base-offset", "--window=0", "--compression=1")
        await source.ask(
            "pack-objects", "--revs", "--shallow", "--stdout", "-q", *quick, input=revisions, output=pack
        )
        pack.seek(0)
        await target.ask("index-pack", "--stdin", input=pack)


async def export(git: Git, tree: str, folder: Path, tag: str | None) -> None:
    """Write a tree as plain files below an empty or new folder, with a `.git` of one commit.

    Bytes, executable bits and symbolic links are those of the tree; submodules are empty folders. The
    commit depends on the tree alone, so its hash does, too.

    Args:
        git: the store.
        tree: hash of the tree.
        folder: it is removed again if anything fails.
        tag: name of a lightweight tag on the commit, for packages that take their version from one.

    Raises:
        RepositoryError: the folder isn't empty or can't be written, or the tree holds a path that no
            work tree may have.
    """
    place = _make_empty(folder)
    done = False
    try:
        await _export(git, tree, place, tag)
        done = True
    except RepositoryError as error:
        raise RepositoryError(f"The tree can't be written to {folder}: {error}") from error
    finally:
        if not done:
            shutil.rmtree(folder, ignore_errors=True)


def _make_empty(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if next(folder.iterdir(), None) is not None:
            raise RepositoryError(f"{folder} is not empty; a tree is only written to an empty folder.")
        return folder.resolve()
    except OSError as error:
        raise RepositoryError(f"{folder} can't be written: {error.strerror}") from error


async def _export(git: Git, tree: str, folder: Path, tag: str | None) -> None:
    assert git.git_dir is not None
    author = git.at(git.git_dir, **_NOBODY)
    message = ("-m", "The repository at the base commit")
    commit = (await author.ask("commit-tree", object_id(tree), *message)).decode("ascii").strip()
    fresh = git.at(folder / ".git", GIT_WORK_TREE=str(folder))
    kind = (await git.ask("rev-parse", "--show-object-format")).decode("ascii").strip()
    await fresh.ask("init", "-q", "--template=", f"--object-format={kind}")
    await copy_commit(git, fresh, commit)
    _write_attributes(folder / ".git" / "info")
    await fresh.ask("symbolic-ref", "HEAD", _BRANCH)
    await fresh.ask("update-ref", _BRANCH, commit)
    if tag is not None:
        await fresh.ask("update-ref", f"refs/tags/{tag}", commit)
    await fresh.ask("read-tree", "--reset", "-u", commit)


def _write_attributes(info: Path) -> None:
    info.mkdir(exist_ok=True)
    (info / "attributes").write_text(_EXACT, encoding="ascii")


def uncopied(name: str, commit: str, error: RepositoryError) -> RepositoryError:
    """Return what to say of a commit that couldn't be copied from a repository."""
    if "No space left" in str(error):
        mend = "Make room, or set XDG_CACHE_HOME to a folder on another disk."
        return RepositoryError(f"{name} can't be copied: {error}\n{mend}")
    mend = "It is damaged or a partial clone: `git fetch --refetch` in it or a full clone can help."
    return RepositoryError(f"{name} lacks objects of its commit {commit[:12]} ({error})\n{mend}")
