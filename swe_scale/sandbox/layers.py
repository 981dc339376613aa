"""Builds a layer of ours on an image: Debian packages that environments need and it lacks."""

import io
import json
import re
import tarfile
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import anyio

from swe_scale import assets
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events, printable
from swe_scale.records import digest
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.facts import Facts
from swe_scale.sandbox.installer import Installer, host_installer
from swe_scale.sandbox.streaming import Ask, Progress, Refused, follow

REPOSITORY = "swe-scale/base"
LABEL = "swe-scale.base"
_RECIPE = "python"
_SILENCE = 1800.0
"""Seconds that one step of a build may take without a word."""
_SHOWN = 20
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
"""What the service puts around a build's standard error."""


@dataclass(frozen=True, slots=True)
class Lack:
    """What is to be added to an image."""

    name: str
    """Of the image, for the user."""
    image: Any
    facts: Facts
    words: tuple[str, ...] = ()
    """In those of the probe."""
    packages: tuple[str, ...] = ()
    """Debian's, besides."""

    @property
    def tag(self) -> str:
        """Name of the image that has it."""
        return f"{REPOSITORY}:{digest(_recipe(), str(self.image.id), *self.words, *self.packages)}"

    @property
    def in_words(self) -> str:
        """It in words."""
        return ", ".join((*self.words, *self.packages))


def _recipe() -> str:
    return (assets.folder("sandboxes") / "images" / f"{_RECIPE}.dockerfile").read_text(encoding="utf-8")


async def add(engine: Engine, events: Events, lack: Lack) -> None:
    """Build the image that has what another lacks.

    Raises:
        EnvironmentFailure: it can't be added; shows the end of the build's output.
        SandboxError: the service failed.
    """
    if not lack.facts.installer:
        raise EnvironmentFailure(
            f"the base image {lack.name} lacks {lack.in_words}, and has no apt-get to install it.\n"
            "Name a `base_image` that has it all, for instance python:3.11."
        )
    installer = await anyio.to_thread.run_sync(host_installer, lack.facts.system)
    arguments = {
        "BASE": str(lack.image.id),
        "MISSING": " ".join(lack.words),
        "PACKAGES": " ".join(lack.packages),
        "OWNER": lack.image.attrs["Config"].get("User") or "root",
        **installer.arguments,
    }
    progress = Progress(events, f"building {lack.tag}, which adds {lack.in_words} to {lack.name}")
    progress.say("started")
    said = await _run_build(engine, lack.tag, arguments, installer, progress)
    if (await engine.image(lack.tag)) is None:
        # What the steps before made would stay, without a name.
        await engine.call(lambda: engine.api.prune_images({"dangling": True, "label": LABEL}))
        raise EnvironmentFailure(
            f"the base image {lack.name} lacks {lack.in_words}, and it can't be added:\n"
            f"{printable(said).strip()}\n"
            "Mend what it complains of, or name a `base_image` that has it all."
        )
    progress.say("ready")


async def _run_build(
    engine: Engine, tag: str, arguments: Mapping[str, str], installer: Installer, progress: Progress
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
        await follow(engine, ask, take, lambda: progress.say(said[-1] if said else ""))
    except SandboxError as error:
        if not isinstance(error.__cause__, Refused):
            raise
        said.append(str(error.__cause__))
    return "\n".join(said)


def _context(certificates: bytes) -> bytes:
    """Return the files of a build as an archive, the same for the same content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in (("Dockerfile", _recipe().encode()), ("certificates.crt", certificates)):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()
