"""Lets the set-up in a container reach the proxy of this process, or says why it can't."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from swe_scale.config import Limits, Network
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.sandbox import Recipe
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.helper import provide
from swe_scale.sandbox.network.way import INSIDE, Way, open_way

_TRIAL = Limits(seconds=60)
_INSTEAD = "Use --network full if set-up is trusted, --network none if it needs nothing, or bubblewrap"


@asynccontextmanager
async def open_container_way(
    network: Network, recipe: Recipe, events: Events, *, local: bool
) -> AsyncIterator[Way]:
    """Return the way by which a recipe's set-up in a container reaches what it may; see `open_way`.

    Args:
        network: what it may reach.
        recipe: what is set up; without lines of its own, it needs no way.
        events: told of every host that was asked for.
        local: whether the service sees this host's files, and so the proxy's socket.

    Raises:
        EnvironmentFailure: the service is remote, or this host's own proxy can't be used.
        UsageError, SandboxError: as `open_way` does.
    """
    if not recipe.setup:
        yield Way()
        return
    if network.mode == "setup-only" and not local:
        raise EnvironmentFailure(
            "the container service is remote, so that set-up there can't reach the proxy that keeps it to "
            f"the package registries.\n{_INSTEAD}"
        )
    async with open_way(network, events) as way:
        yield way


async def before_commands(way: Way, cell: Cell, machine: str) -> tuple[str, ...]:
    """Return what comes before a command in a container so that it reaches the proxy.

    Args:
        way: is shown in the container.
        cell: runs commands there.
        machine: architecture of its image.

    Raises:
        EnvironmentFailure: nothing that runs there can reach it.
    """
    if not way.shown:
        return ()
    python = way.by_python("python3")
    problem = await _tried(cell, python)
    if problem is None:
        return python
    try:
        way.show(await provide(machine), "relay")
    except SandboxError as error:
        problem = f"there is no usable python3 in the image, and {error}"
    else:
        program = way.by_program(f"{INSIDE}/relay", "relay")
        problem = await _tried(cell, program)
        if problem is None:
            return program
    raise EnvironmentFailure(
        f"set-up in this image can't reach the proxy that keeps it to the package registries: {problem}\n"
        f"{_INSTEAD}"
    )


async def _tried(cell: Cell, before: tuple[str, ...]) -> str | None:
    """Return what keeps a way from being taken; None if nothing does."""
    ran = await cell.run((*before, "sh", "-c", ":"), _TRIAL)
    return None if ran.exit_code == 0 else ran.output.strip()[-300:] or "it fails without a word"
