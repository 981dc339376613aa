"""What a repository's history before a commit tells: which files were changed together, why, and by whom."""

import os
import secrets
import tempfile
from dataclasses import dataclass

from swe_scale.repo.git import Git, object_id

_WANTED = (
    "--no-merges", "--no-show-signature", "--no-mailmap", "--no-notes", "--encoding=UTF-8",
    "-z", "--no-renames", "--name-only", "--no-ext-diff", "--no-textconv", "--no-color",
    "--root", "--no-relative", "-O/dev/null",
)  # fmt: skip
"""What is asked of git, so that a repository's configuration starts nothing and leaves nothing out."""
_FORM = "{0}%an <%ae>%x00%cn <%ce>%x00%B{0}"
"""No name holds the byte that ends it."""
_AT_A_TIME = 250
"""Commits that are asked for at a time; some change ten thousand files each."""
_BYTES = 32 << 20
"""Bytes of messages and names beyond which no more is asked for."""
_LONGEST = 4000
"""Bytes of a message that are kept."""
_LONGEST_NAME = 200
"""Bytes of the name and address of an author that are kept."""
_WIDEST = 200
"""Files of a commit beyond which it says nothing of any of them, so that none is kept."""


@dataclass(frozen=True, slots=True)
class Past:
    """One commit."""

    message: str
    paths: tuple[str, ...]
    """Files that it changed, as they were named then; bytes that are not UTF-8 are surrogate-escaped."""
    author: str = ""
    """As git has it: name and address."""
    committer: str = ""
    """Likewise; who put it where it is, such as the service that squashed it."""


async def past(git: Git, commit: str, most: int) -> tuple[Past, ...]:
    """Return a commit and those before it, newest first, merges left out; none where there is no history.

    Args:
        git: on the source's git directory, of which nothing but the configuration of objects is heeded.
        commit: full hash.
        most: commits returned.

    Raises:
        RepositoryError: git can't be started, or took far too long.
    """
    found: list[Past] = []
    read = 0
    # Messages and names may hold any character that a fixed one could be.
    mark = secrets.token_hex(16)
    while len(found) < most and read < _BYTES:
        count = min(_AT_A_TIME, most - len(found))
        bounds = (f"--max-count={count}", f"--skip={len(found)}")
        with tempfile.TemporaryFile(dir=git.home.parent) as file:
            form = f"--format={_FORM.format(mark)}"
            answer = await git.run("log", *_WANTED, *bounds, form, object_id(commit), "--", output=file)
            if answer.code != 0:
                return tuple(found)
            file.seek(0)
            output = file.read(_BYTES)
        parts = output.split(mark.encode())[1:]
        found += map(_past, parts[::2], parts[1::2])
        read += len(output)
        if len(parts) < 2 * count:
            break
    return tuple(found)


def _past(told: bytes, listing: bytes) -> Past:
    author, _, rest = told.partition(b"\0")
    committer, _, message = rest.partition(b"\0")
    paths = tuple(os.fsdecode(path) for path in listing.removeprefix(b"\0\n").split(b"\0") if path)
    names = (name[:_LONGEST_NAME].decode("utf-8", "replace") for name in (author, committer))
    kept = paths if len(paths) <= _WIDEST else ()
    return Past(message[:_LONGEST].decode("utf-8", "replace"), kept, *names)
