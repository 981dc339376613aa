"""Looks into images: what environments need and they lack, and whether this machine can run them at all."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio

from swe_scale.cached import read_cached, write_cached
from swe_scale.config import Limits, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events, printable
from swe_scale.records import Record, digest
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.engine import Engine, script
from swe_scale.sandbox.preparation import PATH

_PROBE = Limits(seconds=60)
_SHOWN = 20
_NEEDS = frozenset({"certificates", "compiler", "git", "make", "python"})
_WITHOUT_SHELL = re.compile(
    r"executable file not found|no such file or directory|is not running|exec format", re.IGNORECASE
)
_LACKING = 'for name; do command -v "$name" >/dev/null 2>&1 || echo "$name"; done'


class Facts(Record):
    """What a look into an image told."""

    missing: tuple[str, ...]
    """What environments need and it lacks, in the words of the probe."""
    installer: bool
    """Whether it has the program with which the recipe installs."""
    system: tuple[str, str]
    """Distribution and release."""


class Lacking(Record):
    """Programs that an image hasn't got, of those that were asked for."""

    programs: tuple[str, ...]


def _facts(said: str) -> Facts:
    words = [line.split(" ", 1) for line in said.splitlines() if " " in line]
    told = {key: value for key, value in words if key != "missing"}
    missing = sorted({value for key, value in words if key == "missing"} & _NEEDS)
    system = (told.get("distribution", ""), told.get("release", ""))
    return Facts(missing=tuple(missing), installer="installer" in told, system=system)


@dataclass(slots=True)
class Looks:
    """Looks into the images of one service, into each once; what was seen is kept for later runs."""

    engine: Engine
    events: Events
    _known: dict[str, Facts] = field(default_factory=dict)
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

    async def examine(self, image: Any) -> Facts:
        """Return what an image has; runs nothing of its own but a shell and Python's version of modules.

        Raises:
            EnvironmentFailure: it has no shell, or is made for another kind of machine.
            SandboxError: the service failed.
        """
        async with self._turn:
            if (known := self._known.get(str(image.id))) is None:
                known = self._known[str(image.id)] = await self._look(image)
            return known

    async def _look(self, image: Any) -> Facts:
        name = next(iter(image.tags), image.id)
        foreign = await self._foreign(image)
        place = _file(image, script("images/probe"))
        if foreign is None and (known := await read_cached(place, Facts)) is not None:
            return known
        try:
            async with self.engine.container(str(image.id), network_mode="none") as container:
                ran = await self._cell(container, image).run(("sh", "-c", script("images/probe")), _PROBE)
        except SandboxError as error:
            if foreign:
                raise _unfit(name, *foreign) from error
            if _WITHOUT_SHELL.search(str(error)):
                raise EnvironmentFailure(
                    f"the image {name} has no shell that works: `sh` can't be started in it.\n"
                    "Name an image with a shell and the usual programs, not a minimal one."
                ) from error
            raise
        if ran.exit_code != 0 and foreign:
            # It ended a moment after its container had been started.
            raise _unfit(name, *foreign)
        if ran.exit_code != 0:
            raise EnvironmentFailure(
                f"the shell of the image {name} doesn't work: {_end(ran.output) or 'it never ended'}\n"
                "Name an image with a shell and the usual programs."
            )
        if foreign:
            self.events.emit("note", f"the image {name} is made for {foreign[0]}: it runs emulated, slowly")
        found = _facts(ran.output)
        await write_cached(place, found)
        return found

    async def _foreign(self, image: Any) -> tuple[str, str] | None:
        """Return the image's platform and the service's, where they differ."""
        served = await self.engine.call(self.engine.api.version)
        own = f"{image.attrs.get('Os') or 'linux'}/{image.attrs.get('Architecture') or served['Arch']}"
        here = f"{served['Os']}/{served['Arch']}"
        return None if own == here else (own, here)

    async def lacking(self, image: Any, programs: Sequence[str]) -> tuple[str, ...]:
        """Return those programs that an image that was examined hasn't got.

        Raises:
            SandboxError: the service failed.
        """
        if not programs:
            return ()
        place = _file(image, _LACKING, *programs)
        if (known := await read_cached(place, Lacking)) is not None:
            return known.programs
        async with self.engine.container(str(image.id), network_mode="none") as container:
            ran = await self._cell(container, image).run(("sh", "-c", _LACKING, "sh", *programs), _PROBE)
        found = Lacking(programs=tuple(name for name in programs if name in ran.output.split()))
        if ran.exit_code == 0:
            await write_cached(place, found)
        return found.programs

    def _cell(self, container: Any, image: Any) -> Cell:
        settings = dict(one.partition("=")[::2] for one in image.attrs["Config"].get("Env") or ())
        return Cell(self.engine, container, "/", {"PATH": settings.get("PATH") or PATH})


def _file(image: Any, *asked: str) -> Path:
    """Return where it is kept what an image, known by its content, answered."""
    return cache_folder() / "environments" / "images" / f"{digest(str(image.id), *asked)}.json"


def _unfit(name: str, made_for: str, here: str) -> EnvironmentFailure:
    return EnvironmentFailure(
        f"the image {name} is made for {made_for}, and this container service runs {here}.\n"
        "Name an image for this machine, or install emulation (binfmt, qemu)."
    )


def _end(text: str) -> str:
    return "\n".join(printable(text).strip().splitlines()[-_SHOWN:])
