"""Where a repository comes from: a folder of the user's, or a mirror of an address that is kept in ours."""

import difflib
import os
import re
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import anyio

from swe_scale.config import cache_folder
from swe_scale.errors import RepositoryError
from swe_scale.locks import locked
from swe_scale.records import digest
from swe_scale.repo.git import Git

_ADDRESS = re.compile(r"(?:https?|ssh)://(?:[^/@\s]+@)?[^-/@\s][^\s]*|[\w.-]+@[\w][\w.-]*:(?!:)[^\s]+")
_SECRET = re.compile(r"(?<=//)[^/@\s]+@")
_FULL = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_HEAD = "refs/swe-scale/head"
_MIRRORED = (f"+HEAD:{_HEAD}", "+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
"""What a mirror holds: the default branch under a name of its own, all branches, all tags."""


@dataclass(slots=True)
class Source:
    """A git directory that commits are read from; a folder of the user's is never written to."""

    git: Git
    name: str
    """As the user gave it, without any password."""
    head: str
    """The revision that is meant when none is named."""
    work_tree: Path | None
    """Root of the user's work tree; None of a bare repository and of a mirror."""
    address: str | None = field(default=None, repr=False)
    """Of a mirror: where it is fetched from; may hold a password."""
    stale: bool = False
    """Whether the mirror was made earlier, so that its branches may have moved since."""


def is_address(source: str) -> bool:
    """Return whether a source is an address on the network; otherwise it is a local path.

    Raises:
        RepositoryError: it is neither: an option, or an address of another kind.
    """
    if source.startswith("-") or not source.strip() or "\0" in source:
        raise RepositoryError(f"{source[:80]!r} is not a path or URL of a repository.")
    if _ADDRESS.fullmatch(source):
        return True
    if "::" in source.split("/")[0] or ("://" in source and not source.startswith("file://")):
        raise RepositoryError(f"{redacted(source)}: only https, http, ssh and file addresses are read.")
    return False


def complete_source(source: str) -> str:
    """Return a source that means the same from whatever folder it is used.

    Raises:
        RepositoryError: it is neither an address nor a path.
    """
    return source if is_address(source) else str(_place(source))


def _place(path: str) -> Path:
    return Path(path.removeprefix("file://")).expanduser().resolve()


def kept_at(source: str) -> Path:
    """Return where a repository's objects are kept; a password in its address makes no difference."""
    return cache_folder() / "repositories" / digest(redacted(source))


def redacted(address: str) -> str:
    """Return an address without user name and password."""
    return _SECRET.sub("", address)


async def find_local(git: Git, path: str) -> Source:
    """Return the repository that a local folder belongs to.

    Raises:
        RepositoryError: there is none.
    """
    place = _existing(path)
    question = ("rev-parse", "--is-bare-repository", "--is-inside-git-dir", "--absolute-git-dir")
    answer = await git.run(*question, cwd=place)
    if answer.code != 0:
        raise RepositoryError(f"{path} is not in a git repository ({answer.reason}).")
    bare, inside, git_dir = answer.output.rstrip(b"\n").split(b"\n", 2)
    work_tree = None
    if bare == b"false" and inside == b"false":
        top = await git.ask("rev-parse", "--show-toplevel", cwd=place)
        work_tree = Path(os.fsdecode(top.removesuffix(b"\n")))
    return Source(git.at(Path(os.fsdecode(git_dir))), path, "HEAD", work_tree)


def _existing(path: str) -> Path:
    place = _place(path)
    if not place.is_dir():
        raise RepositoryError(f"{path} is not a folder. Give the path or URL of a git repository.")
    return place


async def mirror(git: Git, address: str, folder: Path) -> Source:
    """Return the mirror of an address, kept in `folder`; it is fetched if it isn't there yet.

    However many ask for it, in this process or others, it is fetched once.

    Raises:
        RepositoryError: the address can't be reached, or holds no repository that can be read.
    """
    name = redacted(address)
    async with locked(_lock_of(folder)):
        if await anyio.Path(folder).is_dir():
            return Source(git.at(folder), name, _HEAD, None, address, stale=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix="mirror-") as fresh:
            first = Source(git.at(Path(fresh)), name, _HEAD, None, address)
            await first.git.ask("init", "-q", "--bare", "--template=", "--object-format=sha1")
            await _fetch(first, address, *_MIRRORED)
            keep(Path(fresh), folder)
    return Source(git.at(folder), name, _HEAD, None, address)


def _lock_of(mirror: Path) -> Path:
    return mirror.with_name(f"{mirror.name}.lock")


def keep(fresh: Path, folder: Path) -> None:
    """Move a finished folder to its place, unless another process was quicker."""
    try:
        fresh.rename(folder)
    except OSError:
        if not folder.is_dir():
            raise


async def _fetch(source: Source, address: str, *refspecs: str) -> None:
    # The address may hold a password: it goes to git as an argument and is never written down.
    options = ("-q", "--force", "--no-tags", "--no-write-fetch-head")
    # Branches that are gone go: their name may be a folder of new ones by now, which git can't have besides.
    gone = ("--prune",) if refspecs == _MIRRORED else ()
    answer = await source.git.online().run("fetch", *options, *gone, "--end-of-options", address, *refspecs)
    if answer.code == 0:
        return
    reason = redacted(answer.reason)
    if "couldn't find remote ref HEAD" in reason:
        raise RepositoryError(f"{source.name} has no commits yet.")
    raise RepositoryError(
        f"{source.name} can't be fetched: {reason}\nCheck the address, your access to it, and the network."
    )


async def find_commit(source: Source, revision: str | None) -> str | None:
    """Return the full hash of the commit that a revision names; None where there is no such commit."""
    name = revision or source.head
    if name.startswith("-") or any(ord(character) < 32 for character in name):
        return None
    answer = await source.git.run("rev-parse", "--verify", "-q", f"{name}^{{commit}}")
    return answer.output.decode("ascii").strip() if answer.code == 0 else None


async def locate(source: Source, revision: str | None) -> str:
    """Return the full hash of the commit that a revision names; of None, of the source's head.

    Raises:
        RepositoryError: there is no such commit; says what could be meant.
    """
    full = revision is not None and _FULL.fullmatch(revision) is not None
    commit = None if source.stale and not full else await find_commit(source, revision)
    if commit is None and source.address is not None:
        commit = await _locate_anew(source, source.address, revision, full)
    if commit is None:
        raise await _unknown(source, revision)
    return commit


async def _locate_anew(source: Source, address: str, revision: str | None, full: bool) -> str | None:
    """Look a revision up at the mirror's address; git refuses two fetches that move the same branch."""
    assert source.git.git_dir is not None
    async with locked(_lock_of(source.git.git_dir)):
        if full and (commit := await find_commit(source, revision)) is not None:
            return commit
        if source.stale:
            await _fetch(source, address, *_MIRRORED)
            source.stale = False
            if (commit := await find_commit(source, revision)) is not None:
                return commit
        return await _fetch_lost(source, address, str(revision)) if full else None


async def _fetch_lost(source: Source, address: str, commit: str) -> str | None:
    """Fetch a commit that no branch or tag leads to, such as a pull request's; servers may refuse."""
    try:
        await _fetch(source, address, commit)
    except RepositoryError:
        return None
    return await find_commit(source, commit)


async def _unknown(source: Source, revision: str | None) -> RepositoryError:
    """Return the error that says why a revision isn't there and what could be meant."""
    listing = await source.git.ask("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags")
    names = listing.decode("utf-8", "replace").split("\n")[:-1]
    if revision is None:
        if (await source.git.run("rev-parse", "--verify", "-q", source.head)).code == 0:
            return RepositoryError(
                f"{source.name} lacks the commit at HEAD: it is damaged. `git fsck` says what is missing."
            )
        if names:
            return RepositoryError(
                f"{source.name} has no commit at HEAD. Name a revision: {', '.join(names[:5])}."
            )
        return RepositoryError(f"{source.name} has no commits yet. Commit the code first.")
    text = f"{source.name} has no commit {revision[:80]!r}."
    if near := difflib.get_close_matches(revision, names, n=3):
        text += f" Did you mean {' or '.join(near)}?"
    shallow = await source.git.ask("rev-parse", "--is-shallow-repository")
    if shallow.strip() == b"true":
        text += " Its history is cut (a shallow clone): `git fetch --unshallow` brings the rest."
    return RepositoryError(text)
