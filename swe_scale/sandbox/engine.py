"""The one door to a Docker or Podman service: its errors become ours, its calls can be waited for."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from secrets import token_hex
from typing import IO, Any, TypeVar

import anyio
import docker
from docker.errors import DockerException, ImageNotFound, NotFound
from docker.utils.socket import frames_iter
from requests.exceptions import RequestException

from swe_scale import assets
from swe_scale.config import Docker
from swe_scale.errors import SandboxError
from swe_scale.sandbox.owner import gone, owner
from swe_scale.sandbox.process import Output

T = TypeVar("T")
OWNER = "swe-scale.owner"
RUN = "swe-scale.run"
_SECONDS = 600
"""For one answer of the service."""


def script(name: str) -> str:
    """Return the text of a shell script that runs inside."""
    return (assets.folder("sandboxes") / f"{name}.sh").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Exec:
    """One command in a running container."""

    command: Sequence[str]
    workdir: str
    variables: Mapping[str, str] = field(default_factory=dict)


class Engine:
    """A service, spoken to from threads of its own."""

    def __init__(self, config: Docker, run: str) -> None:
        self.config = config
        self._run = run
        self._client: Any = None
        self._calls = anyio.CapacityLimiter(16)
        # As many as there are sandboxes; a stream that waits must not keep a kill from being sent.
        self._streams = anyio.CapacityLimiter(4096)

    async def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """Return what a blocking call of the service returns.

        Raises:
            SandboxError: the service failed or refused.
        """
        return await anyio.to_thread.run_sync(_translated, function, *arguments, limiter=self._calls)

    async def connect(self) -> None:
        """Reach the service.

        Raises:
            SandboxError: it doesn't answer.
        """
        try:
            self._client = await self.call(self._connected)
        except SandboxError as error:
            where = self.config.base_url or "the usual socket"
            raise SandboxError(
                f"{error}\nNo container service answers at {where}: start Docker, "
                "set `base_url`, or use the bubblewrap sandbox"
            ) from error

    def _connected(self) -> Any:
        url = self.config.base_url
        # Every sandbox may hold a connection of its own, and a large image takes minutes to commit.
        options: dict[str, Any] = {"timeout": _SECONDS, "max_pool_size": 64}
        client = docker.DockerClient(url, **options) if url else docker.from_env(**options)
        client.ping()
        return client

    async def close(self) -> None:
        """Let go of the service."""
        if self._client is not None:
            await self.call(self._client.close)

    @property
    def local(self) -> bool:
        """Whether the service sees this host's files."""
        return str(self._client.api.base_url).startswith(("http+docker://", "http+unix://"))

    async def image(self, name: str) -> Any | None:
        """Return an image; None where the service has none of this name."""

        def find() -> Any | None:
            try:
                return self._client.images.get(name)
            except ImageNotFound:
                return None

        return await self.call(find)

    async def pull(self, name: str) -> Any:
        """Return an image from its registry."""
        repository, colon, tag = name.rpartition(":")
        if not colon or "/" in tag:
            repository, tag = name, "latest"
        return await self.call(lambda: self._client.images.pull(repository, tag=tag))

    @asynccontextmanager
    async def container(self, image: str, *, started: bool = True, **options: Any) -> AsyncIterator[Any]:
        """Return a container that idles; it is removed when the context ends, however it ends."""
        name = f"swe-scale-{token_hex(8)}"
        labels = {RUN: self._run, OWNER: owner()}
        command = ["sh", "-c", script("idle")]
        fixed = {"name": name, "labels": labels, "entrypoint": [], "user": "0:0", "hostname": "sandbox"}
        try:
            container = await self.call(
                lambda: self._client.containers.create(
                    image, command, **fixed, runtime=self.config.runtime, **options
                )
            )
            if started:
                await self.call(container.start)
            yield container
        finally:
            with anyio.CancelScope(shield=True):
                await self.call(self._remove, name)

    def _remove(self, name: str) -> None:
        try:
            self._client.api.remove_container(name, force=True, v=True)
        except NotFound:
            return

    async def remove_left_over(self) -> None:
        """Remove the containers of processes that are dead."""
        for container in await self.call(
            lambda: self._client.containers.list(all=True, filters={"label": OWNER}, ignore_removed=True)
        ):
            if gone(container.labels.get(OWNER, "")):
                await self.call(self._remove, container.id)

    async def follow(self, container: Any, what: Exec, outputs: tuple[Output, Output]) -> int | None:
        """Run a command to its end, adding to `outputs` as it speaks; return its exit code.

        Can't be cancelled: kill the container's processes to end it.
        """

        def run() -> int | None:
            api = self._client.api
            made = api.exec_create(
                container.id,
                list(what.command),
                workdir=what.workdir,
                environment=dict(what.variables),
                user="0:0",
            )["Id"]
            with closing(api.exec_start(made, socket=True)) as stream:
                try:
                    for number, data in frames_iter(stream, tty=False):
                        outputs[number - 1].add(data)
                finally:
                    # The SDK keeps the connection here, and closes it nowhere.
                    stream._response.close()
            code: int | None = api.exec_inspect(made)["ExitCode"]
            return code

        return await anyio.to_thread.run_sync(_translated, run, limiter=self._streams)

    async def put(self, container: Any, archive: bytes | IO[bytes]) -> None:
        """Unpack an archive inside, with the container's root as its root."""
        # Anywhere else the service refuses symbolic links that lead out of the folder.
        await self.call(container.put_archive, "/", archive)

    async def archive(self, container: Any, path: str, use: Callable[[Iterable[bytes]], T]) -> T | None:
        """Return what a function makes of the archive of a path inside; None where there is no such path."""

        def fetch() -> T | None:
            try:
                chunks, _ = container.get_archive(path)
            except NotFound:
                return None
            # Whoever stops early must let go of the connection: the service holds the container for it.
            with closing(chunks):
                return use(chunks)

        return await self.call(fetch)


def _translated(function: Callable[..., T], *arguments: Any) -> T:
    try:
        return function(*arguments)
    except (DockerException, RequestException, OSError) as error:
        said = getattr(error, "explanation", None) or error
        raise SandboxError(f"the container service failed: {said}") from error
