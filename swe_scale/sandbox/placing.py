"""Puts a work tree into an image, and takes out what else there tells of the repository's history."""

import tempfile
from pathlib import Path

import anyio

from swe_scale.errors import EnvironmentFailure
from swe_scale.sandbox import Recipe
from swe_scale.sandbox.archive import pack_folder
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.engine import script
from swe_scale.sandbox.preparation import SCRATCH, SETUP

_RULES = "history-cut"
"""What was built before there was this is built again."""


def rules(recipe: Recipe) -> tuple[str, ...]:
    """Return what names the way in which an image of somebody else's is prepared; nothing for our own."""
    return (_RULES,) if recipe.image is not None or recipe.build is not None else ()


async def ready(cell: Cell, name: str, *arguments: str) -> None:
    """Run one of our own scripts in an image.

    Raises:
        EnvironmentFailure: it failed.
        SandboxError: the service failed.
    """
    ran = await cell.run(("sh", "-c", script(name), "sh", *arguments), SETUP)
    if ran.exit_code != 0:
        raise EnvironmentFailure(f"the image can't be prepared: {ran.output.strip()[-300:]}")


async def place(cell: Cell, tree: Path, workdir: str, recipe: Recipe) -> None:
    """Put the work tree in; of one that the image has already, what isn't tracked stays.

    Clones of the repository that an image of somebody else's holds anywhere are removed.

    Raises:
        EnvironmentFailure: there is no room, or the image can't be written to.
        SandboxError: the service failed.
    """
    await ready(cell, "replace", workdir, SCRATCH)
    with tempfile.TemporaryFile() as packed:
        await anyio.to_thread.run_sync(pack_folder, tree, packed, workdir)
        packed.seek(0)
        await cell.engine.put(cell.container, packed)
    if rules(recipe):
        await ready(cell, "forget", workdir)
