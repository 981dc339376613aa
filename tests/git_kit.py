"""A real repository to take things from, made with the git command, and its store."""

import os
import subprocess
from pathlib import Path

from swe_scale.repo import Repository

_ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "A",
    "GIT_COMMITTER_EMAIL": "a@example.org",
    "LC_ALL": "C",
}


def git(folder: Path, *arguments: str | bytes, input: bytes = b"") -> bytes:
    """Run git in a folder as a user without any configuration would."""
    command = ["git", "-c", "protocol.file.allow=always", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=_ENVIRONMENT, input=input, stdout=subprocess.PIPE, check=True
    )
    return done.stdout


class Kit:
    """A work tree with its repository in `folder`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        folder.mkdir()
        git(folder, "init", "-q", "--initial-branch=main", "--template=", *options)

    def write(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)

    def commit(self, files: dict[str, bytes] | None = None) -> str:
        """Commit these files and whatever else is new, byte for byte unless attributes say otherwise."""
        self.write(files or {})
        git(self.folder, "add", "--all", "--force", ".")
        git(self.folder, "commit", "-q", "--allow-empty", "-m", "change")
        return git(self.folder, "rev-parse", "HEAD").decode().strip()

    async def opened(self) -> tuple[Repository, str]:
        """Return its store and the tree of its HEAD."""
        repository = await Repository.open(str(self.folder), self.folder.parent / "store")
        return repository, await repository.tree_of(await repository.resolve())
