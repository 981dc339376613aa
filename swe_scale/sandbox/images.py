"""Finds the image that an environment starts from; builds it where the configured base lacks something."""

import io
import json
import re
import tarfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import anyio

from swe_scale import assets
from swe_scale.config import Limits, cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events, printable
from swe_scale.records import digest
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.engine import Engine, script
from swe_scale.sandbox.installer import Installer, host_installer
from swe_scale.sandbox.preparation import PATH, locked
from swe_scale.sandbox.pulling import obtain
from swe_scale.sandbox.streaming import Ask, Progress, Refused, follow
from swe_scale.sandbox.usage import touch

REPOSITORY = "swe-scale/base"
_RECIPE = "python"
_LABEL = "swe-scale.base"
_PROBE = Limits(seconds=60)
_SILENCE = 1800.0
"""Seconds that one step of a build may take without a word."""
_SHOWN = 20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What the service puts around a build's standard error."""
_NEEDS = frozenset({"certificates", "compiler", "git", "make", "python"})
_WITHOUT_SHELL = re.compile(
    r"executable file not found|no such file or directory|is not running|exec format", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Facts:
    """What a look into an image told."""

    missing: tuple[str, ...]
    """What environments need and it lacks, in the words of the probe."""
    installer: bool
    """Whether it has the program with which the recipe installs."""
    system: tuple[str, str]
    """Distribution and release."""


def _recipe() -> str:
    return (assets.folder("sandboxes") / "images" / f"{_RECIPE}.dockerfile").read_text(encoding="utf-8")


def _facts(said: str) -> Facts:
    words = [line.split(" ", 1) for line in said.splitlines() if " " in line]
    told = {key: value for key, value in words if key != "missing"}
    missing = sorted({value for key, value in words if key == "missing"} & _NEEDS)
    return Facts(tuple(missing), "installer" in told, (told.get("distribution", ""), told.get("release", "")))


@dataclass(slots=True)
class Starts:
    """The images that one service has to start from; looks into each once."""

    engine: Engine
    events: Events
    _known: dict[str, Facts] = field(default_factory=dict)
    _turn: anyio.Lock = field(default_factory=anyio.Lock)

    async def identity(self, name: str | None) -> str:
        """Return what names the content of an environment's start, whether or not it is built already.

        Args:
            name: the image that the recipe names. None: what is built on the configured base.

        Raises:
            EnvironmentFailure: there is no such image, or none of its programs run here.
            SandboxError: the service failed.
        """
        image = await obtain(self.engine, name or self.engine.config.base_image, self.events)
        facts = await self.examine(image)
        return str(image.id) if name or not facts.missing else self._tag(image, facts)

    async def find(self, name: str | None) -> Any:
        """Return the image to start from, pulled or built if need be.

        Raises:
            EnvironmentFailure: there is no such image, none of its programs run here, or it has no Python
                and none can be installed.
            SandboxError: the service failed.
        """
        image = await self._named(name or self.engine.config.base_image)
        lacks = (await self.examine(image)).missing
        if name is not None or not lacks:
            return image
        try:
            return await self.base()
        except EnvironmentFailure as error:
            if "python" in lacks:
                raise
            self.events.emit("note", f"going on without {', '.join(lacks)}: {error}")
            return image

    async def _named(self, name: str) -> Any:
        image = await obtain(self.engine, name, self.events)
        await self.examine(image)
        return image

    async def base(self) -> Any:
        """Return the configured base, or what was built on it because it lacks something.

        Raises:
            EnvironmentFailure, SandboxError: as `find` does, and where something can't be added.
        """
        name = self.engine.config.base_image
        image = await self._named(name)
        facts = await self.examine(image)
        if not facts.missing:
            return image
        tag = self._tag(image, facts)
        async with locked(cache_folder() / "environments" / "docker" / f"{tag.replace('/', '-')}.lock"):
            if (built := await self.engine.image(tag)) is None:
                await self._build(image, facts, tag)
                built = await self.engine.image(tag)
        touch("docker", f"base-{tag.partition(':')[2]}")
        if built is None:
            raise SandboxError(f"the container service lost the image {tag} at once; is it being cleaned up?")
        return built

    def _tag(self, image: Any, facts: Facts) -> str:
        return f"{REPOSITORY}:{digest(_recipe(), str(image.id), *facts.missing)}"

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
        try:
            async with self.engine.container(str(image.id), network_mode="none") as container:
                settings = dict(one.partition("=")[::2] for one in image.attrs["Config"].get("Env") or ())
                cell = Cell(self.engine, container, "/", {"PATH": settings.get("PATH") or PATH})
                ran = await cell.run(("sh", "-c", script("images/probe")), _PROBE)
        except SandboxError as error:
            if foreign:
                raise EnvironmentFailure(
                    f"the image {name} is made for {foreign[0]}, and this container service runs "
                    f"{foreign[1]}.\nName an image for this machine, or install emulation (binfmt, qemu)."
                ) from error
            if _WITHOUT_SHELL.search(str(error)):
                raise EnvironmentFailure(
                    f"the image {name} has no shell that works: `sh` can't be started in it.\n"
                    "Name an image with a shell and the usual programs, not a minimal one."
                ) from error
            raise
        if ran.exit_code != 0:
            raise EnvironmentFailure(
                f"the shell of the image {name} doesn't work: {_end(ran.output) or 'it never ended'}\n"
                "Name an image with a shell and the usual programs."
            )
        if foreign:
            self.events.emit("note", f"the image {name} is made for {foreign[0]}: it runs emulated, slowly")
        return _facts(ran.output)

    async def _foreign(self, image: Any) -> tuple[str, str] | None:
        """Return the image's platform and the service's, where they differ."""
        served = await self.engine.call(self.engine.api.version)
        own = f"{image.attrs.get('Os') or 'linux'}/{image.attrs.get('Architecture') or served['Arch']}"
        here = f"{served['Os']}/{served['Arch']}"
        return None if own == here else (own, here)

    async def _build(self, image: Any, facts: Facts, tag: str) -> None:
        lacks = ", ".join(facts.missing)
        base = self.engine.config.base_image
        if not facts.installer:
            raise EnvironmentFailure(
                f"the base image {base} lacks {lacks}, and has no apt-get to install it.\n"
                "Name a `base_image` that has it all, for instance python:3.11."
            )
        installer = await anyio.to_thread.run_sync(host_installer, facts.system)
        arguments = {
            "BASE": str(image.id),
            "MISSING": " ".join(facts.missing),
            "OWNER": image.attrs["Config"].get("User") or "root",
            **installer.arguments,
        }
        progress = Progress(self.events, f"building {tag}, which adds {lacks} to {base}")
        progress.say("started")
        said = await self._run_build(tag, arguments, installer, progress)
        if (await self.engine.image(tag)) is None:
            # What the steps before made would stay, without a name.
            await self.engine.call(lambda: self.engine.api.prune_images({"dangling": True, "label": _LABEL}))
            raise EnvironmentFailure(
                f"the base image {base} lacks {lacks}, and it can't be added:\n{_end(said)}\n"
                "Mend what it complains of, or name a `base_image` that has it all."
            )
        progress.say("ready")

    async def _run_build(
        self, tag: str, arguments: Mapping[str, str], installer: Installer, progress: Progress
    ) -> str:
        """Return the end of the build's output; whether there is an image then tells if it worked."""
        said: deque[str] = deque(maxlen=_SHOWN)

        def take(line: Mapping[str, Any]) -> None:
            told = _COLOUR.sub("", str(line.get("stream", "")))
            said.extend(printable(one) for one in told.splitlines() if one.strip())

        params = {"t": tag, "rm": "1", "forcerm": "1", "buildargs": json.dumps(arguments)}
        context = _context(installer.certificates)
        ask = Ask("build", params, {"Content-Type": "application/tar"}, context, _SILENCE)
        try:
            await follow(self.engine, ask, take, lambda: progress.say(said[-1] if said else ""))
        except SandboxError as error:
            if not isinstance(error.__cause__, Refused):
                raise
            said.append(str(error.__cause__))
        return "\n".join(said)


def _end(text: str) -> str:
    return "\n".join(printable(text).strip().splitlines()[-_SHOWN:])


def _context(certificates: bytes) -> bytes:
    """Return the files of a build as an archive, the same for the same content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in (("Dockerfile", _recipe().encode()), ("certificates.crt", certificates)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
