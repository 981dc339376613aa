"""Decides what image an environment starts from, with which interpreter, and where its work tree is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from swe_scale.config import Network
from swe_scale.errors import EnvironmentFailure
from swe_scale.events import Events
from swe_scale.sandbox import Recipe
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.images import Starts, Wanted
from swe_scale.sandbox.of_tree import TreeImages
from swe_scale.sandbox.preparation import SETUP, WORK
from swe_scale.sandbox.python import is_version

_PYTHON_IMAGE = re.compile(r"(?P<name>(?:[\w.:-]+/)*python):(?P<version>\d+(?:\.\d+)*)(?P<variant>-[\w.-]+)?")
_FIND_PYTHON = """
for name in "$2" python3 python; do
	found=$("$name" -c 'import sys; print("%d.%d.%d." % sys.version_info[:3])' 2>/dev/null) || continue
	case $found in "$1".*) echo "$name"; exit ;; esac
done
exit 1
"""
_TAKEN = {"bin", "boot", "dev", "etc", "lib", "lib64", "proc", "root", "run", "sbin", "scratch", "sys", "tmp"}
_SYSTEM = {"home", "opt", "srv", "usr", "var"}


@dataclass(slots=True)
class Origins:
    """What the environments of one service are made from."""

    engine: Engine
    events: Events
    network: Network
    _bases: dict[str, Starts] = field(default_factory=dict)

    async def identity(self, recipe: Recipe) -> str:
        """Return what names the content of the image that a recipe starts from; it is pulled if need be.

        Raises:
            EnvironmentFailure: there is no such image.
            SandboxError: the service failed.
        """
        if recipe.build is not None:
            return await self._trees().identity(recipe.build)
        return await self._base(recipe).identity(recipe.image)

    async def find(self, recipe: Recipe, tree: Path, digest: str) -> Any:
        """Return the image that a recipe starts from, pulled or built if need be.

        Args:
            recipe: which.
            tree: folder of this host that holds the work tree.
            digest: of the environment.

        Raises:
            EnvironmentFailure: there is no such image, or it can't be built.
            SandboxError: the service failed.
        """
        if recipe.build is not None:
            return await self._trees().make(recipe.build, tree, digest)
        lasting = [need for need in recipe.needs if not need.wheels]
        wanted = Wanted(
            tuple(name for need in lasting for name in need.programs),
            tuple(name for need in lasting for name in need.packages),
        )
        return await self._base(recipe).find(recipe.image, wanted)

    def _trees(self) -> TreeImages:
        return TreeImages(self.engine, self.events, self.network)

    def _base(self, recipe: Recipe) -> Starts:
        """Return what to start from: a Python base of the recipe's version, where the base is one."""
        base = of_version(self.engine.config.base_image, recipe.python_version)
        return self._bases.setdefault(base, Starts(self.engine, self.events, base))


def of_version(base: str, version: str) -> str:
    """Return a Python image's name with the tag of a version; another image's as it is."""
    found = _PYTHON_IMAGE.fullmatch(base)
    if found is None or not version or is_version(found["version"], version):
        return base
    return f"{found['name']}:{version}{found['variant'] or ''}"


def workdir_of(config: Mapping[str, Any]) -> str:
    """Return where a Dockerfile keeps the work tree; our own place where it names none that can be used."""
    named = PurePosixPath(str(config.get("WorkingDir") or "/"))
    usable = named.is_absolute() and len(named.parts) > 1 and named.parts[1] not in _TAKEN
    deep = len(named.parts) > 2 or named.parts[-1] not in _SYSTEM
    return str(named) if usable and deep and not volume_over(config, str(named)) else WORK


def volume_over(config: Mapping[str, Any], workdir: str) -> str | None:
    """Return the volume of an image in which a folder would be lost; None where there is none."""
    volumes = config.get("Volumes") or {}
    return next((place for place in volumes if PurePosixPath(workdir).is_relative_to(place)), None)


async def python_of(cell: Cell, recipe: Recipe, image: str) -> str:
    """Return the name of an image's interpreter of the version that a recipe wants.

    Args:
        cell: runs commands in a container of the image.
        recipe: says which version, if any.
        image: its name, for the user.

    Raises:
        EnvironmentFailure: it has none.
        SandboxError: the service failed.
    """
    version = recipe.python_version
    if not version or not recipe.python:
        return "python3"
    minor = ".".join(version.split(".")[:2])
    ran = await cell.run(("sh", "-c", _FIND_PYTHON, "sh", version, f"python{minor}"), SETUP)
    if ran.exit_code == 0:
        return ran.output.strip()
    raise EnvironmentFailure(
        f"this project wants Python {version}, and the image {image} has none.\n"
        f"Set `base_image` under [sandbox] to a Python image such as python:{minor}, name one by --image, or "
        "set `python` under [environment] to a version that is there."
    )
