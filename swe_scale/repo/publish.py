"""Brings a tree to a branch of a remote repository, and never a branch that isn't ours.

A commit that is made here says so in a trailer, which depends on all that it holds. So a branch is ours
exactly if its head carries the right one: whoever adds to it, or changes it, has made it theirs.
"""

import hashlib
import hmac
import os
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio

from swe_scale.errors import RepositoryError
from swe_scale.locks import locked
from swe_scale.repo.access import access
from swe_scale.repo.git import Git, object_id
from swe_scale.repo.repository import Repository
from swe_scale.repo.source import redacted

TRAILER = "Swe-Scale-Made"
_DIGITS = 32
_MADE = re.compile(rf"\n{TRAILER}: ([0-9a-f]{{{_DIGITS}}})\n*\Z")
_BRANCH = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,200}")


@dataclass(frozen=True, slots=True)
class Signature:
    """Who makes a commit, and when: the same commit made again has the same hash."""

    name: str
    email: str
    seconds: int
    """Since the epoch."""


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository that is pushed to."""

    address: str
    """https, http, ssh, or a local folder."""
    token: str = field(default="", repr=False)
    """Goes to the host of an http address, in git's environment."""


@dataclass(frozen=True, slots=True)
class Publisher:
    """A git directory beside a repository's store, from which commits are pushed that are made in it."""

    git: Git
    remote: Remote

    @classmethod
    async def open(cls, repository: Repository, remote: Remote) -> "Publisher":
        """Return what publishes a repository's trees.

        Raises:
            RepositoryError: the folder beside the store can't be written.
        """
        place = repository.folder / "publish"
        source, store = repository.source.git.git_dir, repository.store.git_dir
        assert source is not None
        assert store is not None
        async with locked(place.with_name("publish.lock")):
            if not await anyio.Path(place / "HEAD").is_file():
                kind = (await repository.source.git.ask("rev-parse", "--show-object-format")).decode().strip()
                arguments = ("init", "-q", "--bare", "--template=", f"--object-format={kind}")
                await repository.store.at(place).ask(*arguments)
        shared = [str(await _objects(folder)) for folder in (store, source)]
        variables = {"GIT_ALTERNATE_OBJECT_DIRECTORIES": os.pathsep.join(shared)}
        if await anyio.Path(source / "shallow").is_file():
            variables["GIT_SHALLOW_FILE"] = str(source / "shallow")
        return cls(repository.store.at(place, **variables), remote)

    async def commit(self, tree: str, parent: str, message: str, who: Signature) -> str:
        """Return the hash of a commit, the same for the same arguments.

        Args:
            tree: in the repository's store.
            parent: commit of the source, or one that was fetched.
            message: without the trailer that says who made it; trailers of its own stand last.
            who: as author and committer.

        Raises:
            RepositoryError: tree or parent isn't there, or the object can't be written.
        """
        text = f"{message.strip()}\n{TRAILER}: {_digest(tree, parent, message)}\n"
        named = {"NAME": who.name, "EMAIL": who.email, "DATE": f"{who.seconds} +0000"}
        variables = {
            f"GIT_{role}_{name}": value for role in ("AUTHOR", "COMMITTER") for name, value in named.items()
        }
        assert self.git.git_dir is not None
        git = self.git.at(self.git.git_dir, **variables)
        command = ("commit-tree", object_id(tree), "-p", object_id(parent), "-F", "-")
        return (await git.ask(*command, input=text.encode("utf-8", "replace"))).decode("ascii").strip()

    async def at(self, branch: str) -> str | None:
        """Return the commit at a branch of the remote; None where there is no such branch.

        Raises:
            RepositoryError: the remote can't be reached, or the name is no branch's.
        """
        found = await self._online("ls-remote", self.remote.address, f"refs/heads/{_checked(branch)}")
        for line in found.decode("utf-8", "replace").splitlines():
            commit, _, name = line.partition("\t")
            if name == f"refs/heads/{branch}":
                return object_id(commit)
        return None

    async def made(self, branch: str, commit: str) -> bool:
        """Return whether a branch's head was made here, and is as it was made.

        Args:
            branch: of the remote.
            commit: its head.

        Raises:
            RepositoryError: it can't be fetched.
        """
        text = (await self._read(branch, object_id(commit))).decode("utf-8", "replace")
        head, _, message = text.partition("\n\n")
        names = dict(line.split(" ", 1) for line in head.splitlines() if " " in line)
        match = _MADE.search(message)
        if match is None or head.count("\nparent ") != 1:
            return False
        expected = _digest(names["tree"], names["parent"], message[: match.start()])
        return hmac.compare_digest(expected, match[1])

    async def _read(self, branch: str, commit: str) -> bytes:
        """Return a commit at the head of a branch, without what it holds."""
        found = await self.git.run("cat-file", "commit", commit)
        if found.code == 0:
            return found.output
        # In a folder of its own: fetching a cut history into one that has another is refused.
        with tempfile.TemporaryDirectory(dir=self.git.home.parent, prefix="head-") as folder:
            git = replace(self.git, git_dir=Path(folder), variables={})
            await git.ask("init", "-q", "--bare", "--template=", f"--object-format={_format(commit)}")
            options = ("-q", "--no-tags", "--no-write-fetch-head", "--depth=1", "--filter=tree:0")
            head = f"refs/heads/{_checked(branch)}"
            await replace(self, git=git)._online("fetch", *options, self.remote.address, head)
            return await git.ask("cat-file", "commit", commit)

    async def push(self, commit: str, branch: str, expected: str | None) -> None:
        """Set a branch of the remote to a commit, if it is still where it was expected.

        Args:
            commit: made or fetched here.
            branch: its name.
            expected: where it is now; None if it must not be there.

        Raises:
            RepositoryError: it has moved, the remote refuses or can't be reached.
        """
        lease = f"--force-with-lease=refs/heads/{_checked(branch)}:{expected or ''}"
        target = f"{object_id(commit)}:refs/heads/{branch}"
        await self._online("push", "-q", "--porcelain", "--no-verify", lease, self.remote.address, target)

    async def _online(self, *arguments: str) -> bytes:
        online = self.git.online()
        assert online.git_dir is not None
        shared = {name: value for name, value in self.git.variables.items() if name.startswith("GIT_")}
        own = {**access(self.remote.address, self.remote.token), **_local(self.remote.address)}
        git = online.at(online.git_dir, **shared, **own)
        answer = await git.run(*arguments)
        if answer.code == 0:
            return answer.output
        name, refused = redacted(self.remote.address), b"\t[" in answer.output
        reason = _rejection(answer.output) if refused else redacted(answer.reason)
        hint = "" if refused else " Check the address, the token's rights, and the network."
        raise RepositoryError(f"git {arguments[0]} failed for {name}: {reason}.{hint}")


def _format(object_hash: str) -> str:
    return "sha1" if len(object_hash) == 40 else "sha256"


def _digest(tree: str, parent: str, message: str) -> str:
    """Return what the trailer holds; spaces at the message's ends don't count, as git removes them."""
    lines = [line.rstrip() for line in message.strip().splitlines()]
    return hashlib.sha256("\n".join((tree, parent, *lines)).encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def _checked(branch: str) -> str:
    unfit = ("..", "//", "/.", ".lock/", "@{")
    if (
        not _BRANCH.fullmatch(branch)
        or branch.endswith(("/", ".", ".lock"))
        or any(x in branch for x in unfit)
    ):
        raise RepositoryError(f"{branch[:80]!r} is not the name of a branch.")
    return branch


def _rejection(output: bytes) -> str:
    """Return why a remote didn't take a branch, from what `git push --porcelain` prints."""
    lines = output.decode("utf-8", "replace").splitlines()
    return next((line.split("\t")[-1] for line in lines if line.startswith("!")), "it was refused")


def _local(address: str) -> Mapping[str, str]:
    return {} if "://" in address or "@" in address else {"GIT_ALLOW_PROTOCOL": "file"}


async def _objects(git_dir: Path) -> Path:
    """Return a git directory's objects; those of a linked work tree are the main one's."""
    common = anyio.Path(git_dir / "commondir")
    if await common.is_file():
        return (git_dir / (await common.read_text()).strip() / "objects").resolve()
    return git_dir / "objects"
