"""Builds an environment once however many ask for it, and says which set-up line failed."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from swe_scale import locks
from swe_scale.config import Limits
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import printable
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Recipe

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SCRATCH = "/scratch"
VENV = "/opt/venv"
WORK = "/work"
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
SETUP = Limits(
    seconds=3600.0, memory=_MEMORY * 3 // 4, cpus=float(os.cpu_count() or 1), pids=8192, disk=1 << 40
)
"""Limits of one set-up line: all that this machine can spare, so that hostile code can't halt it."""
_SHOWN = 20
_WIDTH = 400
"""Characters that are shown of a line."""

Run = Callable[[Sequence[str]], Awaitable[Execution]]


def fixed_variables(home: str) -> dict[str, str]:
    """Return the variables that every command gets, whatever this process's own are."""
    return {
        "PATH": PATH,
        "HOME": home,
        "LANG": "C.UTF-8",
        "TERM": "dumb",
        "PAGER": "cat",
        "GIT_PAGER": "cat",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def own_variables(recipe: Recipe, path: str, venv: str = VENV) -> dict[str, str]:
    """Return the variables that are the environment's own: the search path, and the virtual environment."""
    return {"PATH": f"{venv}/bin:{path}", "VIRTUAL_ENV": venv} if recipe.python else {"PATH": path}


def environment_of(recipe: Recipe, digest: str, workdir: str, variables: Mapping[str, str]) -> Environment:
    """Return the record of an environment; the backend adds the image or the root."""
    return Environment(
        digest=digest,
        workdir=workdir,
        setup=recipe.setup,
        test_command=recipe.test,
        profile=recipe.profile,
        variables=variables,
    )


@asynccontextmanager
async def locked(path: Path) -> AsyncIterator[None]:
    """Hold a lock file, against other tasks and other processes alike.

    Raises:
        SandboxError: the file can't be made.
    """
    async with AsyncExitStack() as held:
        try:
            await held.enter_async_context(locks.locked(path))
        except OSError as error:
            raise SandboxError(f"{path} can't be made: {error.strerror}; set XDG_CACHE_HOME") from error
        yield


async def set_up(recipe: Recipe, run: Run, venv: tuple[str, ...]) -> None:
    """Run what a recipe asks for, in order.

    Args:
        recipe: the lines, and whether a virtual environment comes first.
        run: runs one command in the work tree, with what network is allowed.
        venv: the command that makes the virtual environment.

    Raises:
        EnvironmentFailure: a command failed; names it and shows the end of its output.
    """
    if recipe.python:
        await _step(" ".join(venv), venv, run)
    for line in recipe.setup:
        await _step(line, ("sh", "-ec", line), run)


async def _step(name: str, command: Sequence[str], run: Run) -> None:
    execution = await run(command)
    if execution.exit_code == 0:
        return
    ended = (
        f"didn't end within {SETUP.seconds:g} s"
        if execution.timed_out
        else f"failed with exit code {execution.exit_code}"
    )
    lines = printable(execution.output).splitlines()[-_SHOWN:]
    last = "\n".join(line if len(line) <= _WIDTH else f"{line[:_WIDTH]} …" for line in lines)
    raise EnvironmentFailure(f"the set-up command `{name}` {ended}; the end of its output:\n{last}".rstrip())
