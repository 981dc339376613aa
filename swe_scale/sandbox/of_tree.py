"""Builds an image by a repository's own Dockerfile, with no more network than set-up has."""

import json
import re
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import anyio
from docker.errors import APIError
from docker.types import Mount

from swe_scale.background import background
from swe_scale.config import Network
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events, printable
from swe_scale.sandbox import Build, Recipe
from swe_scale.sandbox.archive import read_member
from swe_scale.sandbox.build_context import pack_context, placed_at, plain_settings, trusted_certificates
from swe_scale.sandbox.cell import Cell
from swe_scale.sandbox.dockerfile import starts
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.layers import LABEL, REPOSITORY
from swe_scale.sandbox.missing import advice
from swe_scale.sandbox.network.container import before_commands, open_container_way
from swe_scale.sandbox.packages import host_packages
from swe_scale.sandbox.preparation import PATH, SETUP
from swe_scale.sandbox.pulling import obtain
from swe_scale.sandbox.streaming import Ask, Progress, Refused, follow
from swe_scale.sandbox.usage import touch

_SHOWN = 20
_STEP = re.compile(r"Step \d+/\d+ : (?P<text>.*)")
_BUILDERS_OWN = re.compile(r" ---> |Removing intermediate container |\[Warning\] One or more build-args")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_TOLD = "/tmp/swe-scale-way"  # noqa: S108 - inside
_PATIENCE, _PAUSE = 60.0, 0.05


@dataclass(slots=True)
class _Said:
    """The end of what a build says, and the step that it is at."""

    lines: deque[str] = field(default_factory=lambda: deque(maxlen=200))
    step: str = ""

    def take(self, line: Mapping[str, Any]) -> None:
        """Learn from a line of the service's answer."""
        for one in _COLOUR.sub("", str(line.get("stream", ""))).splitlines():
            if found := _STEP.match(one):
                self.step = found["text"].strip()
                self.lines.clear()
            elif one.strip() and not _BUILDERS_OWN.match(one):
                self.lines.append(printable(one.rstrip()))

    @property
    def end(self) -> str:
        """Its last lines."""
        return "\n".join(list(self.lines)[-_SHOWN:])


@dataclass(slots=True)
class TreeImages:
    """Builds images of trees by one service."""

    engine: Engine
    events: Events
    network: Network

    async def identity(self, build: Build) -> str:
        """Return what names the content of the images that a Dockerfile starts from.

        Raises:
            EnvironmentFailure: one isn't there.
            SandboxError: the service failed.
        """
        names = starts(build.text, build.arguments)
        return " ".join([str((await obtain(self.engine, name, self.events)).id) for name in names])

    async def make(self, build: Build, tree: Path, tag: str) -> Any:
        """Return the image of a tree, built now or before.

        Args:
            build: how.
            tree: folder of this host that holds the tree.
            tag: digest of all that it is built from.

        Raises:
            EnvironmentFailure: it can't be built; names the step and shows the end of its output.
            SandboxError: the service failed.
        """
        name = f"{REPOSITORY}:{tag}"
        if (found := await self.engine.image(name)) is None:
            progress = Progress(self.events, f"building the image of {build.dockerfile}")
            progress.say("started")
            with tempfile.TemporaryFile() as context:
                packages = host_packages(mounted=True, direct=self.network.mode == "full")
                settings = plain_settings(packages.variables)
                trusted = trusted_certificates(packages.variables, packages.mounts)
                await anyio.to_thread.run_sync(pack_context, context, build, tree, settings, trusted)
                context.seek(0)
                async with self._network(build) as (mode, proxies):
                    arguments = {**settings, **proxies, **build.arguments}
                    await self._build(
                        build,
                        name,
                        {"networkmode": mode, "buildargs": json.dumps(arguments)},
                        context,
                        progress,
                    )
            found = await self.engine.image(name)
            progress.say("ready")
        if found is None:
            raise SandboxError(
                f"the container service lost the image {name} at once; is it being cleaned up?"
            )
        touch("docker", f"base-{tag}")
        return found

    @asynccontextmanager
    async def _network(self, build: Build) -> AsyncIterator[tuple[str, Mapping[str, str]]]:
        """Return the network of the build's commands, and the proxy that they need to get anywhere."""
        if self.network.mode != "setup-only":
            yield ("default" if self.network.mode == "full" else "none"), {}
            return
        first = next(iter(starts(build.text, build.arguments)), self.engine.config.base_image)
        image = await obtain(self.engine, first, self.events)
        needs_a_way = Recipe(setup=("build",))
        local = self.engine.local
        async with open_container_way(self.network, needs_a_way, self.events, local=local) as way:
            mounts = [Mount(inside, str(host), "bind", read_only=True) for inside, host in way.shown.items()]
            async with (
                self.engine.container(str(image.id), mounts=mounts, network_mode="none") as container,
                background() as tasks,
            ):
                cell = Cell(self.engine, container, "/", {"PATH": PATH})
                before = await before_commands(way, cell, image.attrs["Architecture"])
                line = f'printf %s "$http_proxy" >{_TOLD} && while :; do sleep 3600; done'
                tasks.start_soon(cell.run, (*before, "sh", "-c", line), SETUP)
                proxy = await self._told(container)
                names = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
                own = {"NO_PROXY": "localhost,127.0.0.1", "no_proxy": "localhost,127.0.0.1"}
                try:
                    yield f"container:{container.id}", {**dict.fromkeys(names, proxy), **own}
                finally:
                    tasks.cancel_scope.cancel()

    async def _told(self, container: Any) -> str:
        """Return the address at which the relay in a container listens."""
        with anyio.move_on_after(_PATIENCE):
            while True:
                file = await self.engine.archive(container, _TOLD, read_member)
                if file is not None and file.data:
                    return file.data.decode("ascii", "replace")
                await anyio.sleep(_PAUSE)
        raise SandboxError("the way to the package registries didn't open in the container of the build")

    async def _build(
        self, build: Build, name: str, options: Mapping[str, str], context: IO[bytes], progress: Progress
    ) -> None:
        params = {
            "t": name,
            "rm": "1",
            "forcerm": "1",
            "dockerfile": placed_at(build),
            "target": build.target,
            "memory": str(SETUP.memory),
            "memswap": str(SETUP.memory),
            **options,
        }
        said = _Said()
        ask = Ask("build", params, {"Content-Type": "application/tar"}, context, SETUP.seconds)
        reason = f"it didn't end within {SETUP.seconds:g} s"
        try:
            with anyio.move_on_after(SETUP.seconds):
                await follow(self.engine, ask, said.take, lambda: progress.say(said.step))
                return
        except SandboxError as error:
            if not isinstance(error.__cause__, Refused | APIError):
                raise
            reason = str(getattr(error.__cause__, "explanation", None) or error.__cause__)
        with anyio.CancelScope(shield=True):
            # What the steps before made would stay, without a name.
            await self.engine.call(lambda: self.engine.api.prune_images({"dangling": True, "label": LABEL}))
        text = "\n".join(said.lines)
        raise EnvironmentFailure(
            f"the image of {build.dockerfile} can't be built; the step that failed is `{said.step}`:\n"
            + "\n".join(filter(None, (said.end, printable(reason), advice(text))))
        )
