"""Finds the image that an environment starts from; builds it where the configured base lacks something."""

from dataclasses import dataclass, field
from typing import Any

from swe_scale.config import cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.facts import Facts, Looks
from swe_scale.sandbox.layers import REPOSITORY, Lack, add
from swe_scale.sandbox.preparation import locked
from swe_scale.sandbox.pulling import obtain
from swe_scale.sandbox.usage import touch

__all__ = ["REPOSITORY", "Starts", "Wanted"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Toolchains that an environment needs besides."""

    programs: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    """Debian's packages that bring them."""


@dataclass(slots=True)
class Starts:
    """The images that one service has to start from."""

    engine: Engine
    events: Events
    base_image: str
    """Where no image is named."""
    _looks: Looks = field(init=False)

    def __post_init__(self) -> None:
        """Begin without having looked into any."""
        self._looks = Looks(self.engine, self.events)

    async def identity(self, name: str | None) -> str:
        """Return what names the content of an environment's start, whether or not it is built already.

        Args:
            name: the image that the recipe names. None: what is built on the configured base.

        Raises:
            EnvironmentFailure: there is no such image, or none of its programs run here.
            SandboxError: the service failed.
        """
        image = await obtain(self.engine, name or self.base_image, self.events)
        facts = await self.examine(image)
        return str(image.id) if name or not facts.missing else self._lack(image, facts).tag

    async def find(self, name: str | None, wanted: Wanted = Wanted()) -> Any:
        """Return the image to start from, pulled or built if need be.

        Args:
            name: the image that the recipe names. None: the configured base.
            wanted: what is added to the base, where it can be.

        Raises:
            EnvironmentFailure: there is no such image, none of its programs run here, or it has no Python
                and none can be installed.
            SandboxError: the service failed.
        """
        image = await self._named(name or self.base_image)
        lacks = (await self.examine(image)).missing
        if name is not None:
            return image
        try:
            found = await self.base() if lacks else image
        except EnvironmentFailure as error:
            if "python" in lacks:
                raise
            self.events.emit("note", f"going on without {', '.join(lacks)}: {error}")
            found = image
        return await self._with(found, wanted)

    async def _with(self, image: Any, wanted: Wanted) -> Any:
        """Return an image with toolchains; as it is where they can't be added."""
        if not await self._looks.lacking(image, wanted.programs):
            return image
        lack = Lack(self.base_image, image, await self.examine(image), packages=wanted.packages)
        try:
            return await self._added(lack)
        except EnvironmentFailure as error:
            self.events.emit("note", f"going on without {', '.join(wanted.packages)}: {error}")
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
        image = await self._named(self.base_image)
        facts = await self.examine(image)
        return await self._added(self._lack(image, facts)) if facts.missing else image

    async def _added(self, lack: Lack) -> Any:
        tag = lack.tag
        async with locked(cache_folder() / "environments" / "docker" / f"{tag.replace('/', '-')}.lock"):
            if (built := await self.engine.image(tag)) is None:
                await add(self.engine, self.events, lack)
                built = await self.engine.image(tag)
        touch("docker", f"base-{tag.partition(':')[2]}")
        if built is None:
            raise SandboxError(f"the container service lost the image {tag} at once; is it being cleaned up?")
        return built

    def _lack(self, image: Any, facts: Facts) -> Lack:
        return Lack(self.base_image, image, facts, words=facts.missing)

    async def examine(self, image: Any) -> Facts:
        """Return what an image has; see `Looks.examine`."""
        return await self._looks.examine(image)
