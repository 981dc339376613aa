"""Builds an environment once however many ask for it, and says which set-up line failed."""

import os
import shlex
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from swe_scale import locks
from swe_scale.config import Limits
from swe_scale.errors import EnvironmentFailure, SandboxError, SetUpFailed
from swe_scale.events import Events, printable
from swe_scale.records import Environment, Execution
from swe_scale.sandbox import Need, Recipe
from swe_scale.sandbox.missing import advice

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOME = "/home/user"
"""Where the home is, where there is none of an image."""
SCRATCH = "/scratch"
VENV = "/opt/venv"
WORK = "/work"
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
SETUP = Limits(
    seconds=3600.0, memory=_MEMORY * 3 // 4, cpus=float(os.cpu_count() or 1), pids=8192, disk=1 << 40
)
"""Limits of a whole set-up: all that this machine can spare, so that hostile code can't halt it."""
_ANSWERED = {
    "CI": "1",
    "COREPACK_ENABLE_DOWNLOAD_PROMPT": "0",
    "DEBIAN_FRONTEND": "noninteractive",
    "GIT_TERMINAL_PROMPT": "0",
    "NEEDRESTART_MODE": "a",
    "PIP_NO_INPUT": "1",
    "npm_config_fund": "false",
    "npm_config_update_notifier": "false",
    "npm_config_yes": "true",
}
"""Keeps set-up from asking: nobody is there to answer."""
_SHOWN = 20
_WIDTH = 400
"""Characters that are shown of a line."""

Run = Callable[[Sequence[str], Limits], Awaitable[Execution]]
"""Runs one command in the work tree, with what network is allowed."""


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
    path = ":".join((*recipe.path, path))
    own = {"PATH": f"{venv}/bin:{path}", "VIRTUAL_ENV": venv} if recipe.python else {"PATH": path}
    return {**recipe.variables, **own}


def set_up_variables(home: str) -> dict[str, str]:
    """Return the variables that every command of a set-up gets: nobody answers its questions."""
    return fixed_variables(home) | _ANSWERED


def environment_of(recipe: Recipe, digest: str, workdir: str, variables: Mapping[str, str]) -> Environment:
    """Return the record of an environment; the backend adds the image or the root."""
    return Environment(
        digest=digest,
        workdir=workdir,
        setup=recipe.setup,
        test_command=recipe.test,
        profile=recipe.profile,
        variables=variables,
        subdir=recipe.subdir,
        services=recipe.services,
        python_version=recipe.python_version,
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


async def set_up(
    recipe: Recipe, run: Run, venv: tuple[str, ...], events: Events, seconds: float = SETUP.seconds
) -> None:
    """Run what a recipe asks for, in order.

    Args:
        recipe: the lines, what must be there, and whether a virtual environment comes first.
        run: runs one command.
        venv: the command that makes the virtual environment.
        events: told of each command that is begun.
        seconds: for all of it together.

    Raises:
        SetUpFailed: a command failed; names it and shows the end of its output.
        EnvironmentFailure: a toolchain isn't there and can't be had.
    """
    steps = _Steps(run, events, seconds)
    if recipe.python:
        await steps.take(shlex.join(venv), venv)
    for need in recipe.needs:
        await _have(need, steps, recipe)
    for line in recipe.setup:
        await steps.take(line, _below(recipe.subdir, line))


def _below(subdir: str, line: str) -> tuple[str, ...]:
    if not subdir:
        return ("sh", "-ec", line)
    return ("sh", "-c", 'cd -- "$1" && exec sh -ec "$2"', "sh", subdir, line)


async def _have(need: Need, steps: "_Steps", recipe: Recipe) -> None:
    """See to it that a toolchain is there, from the Python index where that has it."""
    lacks = await steps.lacking(need.programs)
    if lacks and need.wheels and recipe.python:
        line = f"python -m pip install {shlex.join(need.wheels)}"
        await steps.take(line, ("sh", "-ec", line))
        lacks = await steps.lacking(need.programs)
    if lacks:
        packages = f", or install Debian's {' '.join(need.packages)}" if need.packages else ""
        raise EnvironmentFailure(
            f"a {need.name} project needs {', '.join(lacks)}, which isn't there.\n"
            f"Name an image that has it by --image{packages} where the environment is built."
        )


class _Steps:
    """Runs one command after another until the time for all of them is up."""

    def __init__(self, run: Run, events: Events, seconds: float) -> None:
        self._run = run
        self._events = events
        self._until = time.monotonic() + seconds
        self._seconds = seconds

    async def _ran(self, command: Sequence[str]) -> Execution:
        left = max(0.05, self._until - time.monotonic())
        return await self._run(command, SETUP.model_copy(update={"seconds": left}))

    async def lacking(self, programs: Sequence[str]) -> list[str]:
        """Return those programs that aren't on the search path."""
        line = 'for name; do command -v "$name" >/dev/null 2>&1 || echo "$name"; done'
        said = (await self._ran(("sh", "-c", line, "sh", *programs))).output.split() if programs else []
        return [name for name in programs if name in said]

    async def take(self, name: str, command: Sequence[str]) -> None:
        """Run one command that must end well."""
        self._events.emit("note", f"set-up: {' '.join(name.split())[:_WIDTH]}")
        execution = await self._ran(command)
        if execution.exit_code == 0:
            return
        ended = (
            f"didn't end within the {self._seconds:g} s that set-up may take"
            if execution.timed_out
            else f"failed with exit code {execution.exit_code}"
        )
        lines = printable(execution.output).splitlines()[-_SHOWN:]
        last = "\n".join(line if len(line) <= _WIDTH else f"{line[:_WIDTH]} …" for line in lines)
        text = f"the set-up command `{name}` {ended}; the end of its output:\n{last}".rstrip()
        mend = advice(execution.output)
        raise SetUpFailed(f"{text}\n{mend}".rstrip(), command=name, output=printable(execution.output))
