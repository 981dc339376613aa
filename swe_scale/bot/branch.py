"""Our branch of an issue, in the project's repository or in a fork of it: bringing a commit to it."""

from collections.abc import Callable

from swe_scale.errors import GitHubError, RepositoryError
from swe_scale.github.address import RepositoryAddress
from swe_scale.github.forms import RepositoryForm
from swe_scale.repo.publish import Publisher
from swe_scale.retry import pause

_TRIES = 3
"""Of a push that another delivery may be quicker with."""
_WAITS = (1, 2, 4, 8, 15, 30, 60, 60, 60, 60)
"""Seconds between looks at a fork; GitHub makes it while nobody waits, and says it may take five minutes."""


def place_of(upstream: RepositoryAddress, form: RepositoryForm) -> RepositoryAddress:
    """Return where a repository is that the service of another one names.

    Raises:
        GitHubError: its name is none.
    """
    found = upstream.beside(form.full_name)
    if found is None:
        raise GitHubError(f"{upstream.host} names a repository as none can be named: {form.full_name[:80]!r}")
    return found


async def await_fork(publisher: Publisher, branch: str, tell: Callable[[str], None]) -> None:
    """Wait until a fork that was asked for can be pushed to.

    Args:
        publisher: to the fork.
        branch: that it has once it is made.
        tell: is told that it is waited for.

    Raises:
        RepositoryError: it still can't after five minutes.
    """
    for tried, seconds in enumerate(_WAITS):
        try:
            if await publisher.at(branch) is not None:
                return
        except RepositoryError as error:
            if tried == 0:
                tell(f"waiting for the fork, five minutes at most: {error}")
        await pause(seconds)
    if await publisher.at(branch) is None:
        raise RepositoryError("The fork isn't there yet. Run the same again in some minutes.")


async def set_branch(publisher: Publisher, branch: str, commit: str) -> bool:
    """Bring a commit to our branch; return whether it is there: what somebody has added to stays as it is.

    Raises:
        RepositoryError: it can't be pushed.
    """
    for tried in range(_TRIES):
        there = await publisher.at(branch)
        if there == commit:
            return True
        if there is not None and not await publisher.made(branch, there):
            return False
        try:
            await publisher.push(commit, branch, there)
            return True
        except RepositoryError:
            # Another delivery may have been quicker.
            if tried == _TRIES - 1 or await publisher.at(branch) == there:
                raise
    raise AssertionError("the last try returns or raises")
