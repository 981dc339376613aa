"""The one door to a Docker or Podman service: its errors become ours, its calls can be waited for."""

from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, closing
from secrets import token_hex
from time import monotonic, sleep
from typing import IO, Any, TypeVar

import anyio
import docker
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from requests.exceptions import RequestException, Timeout

from swe_scale import assets
from swe_scale.config import Docker
from swe_scale.errors import SandboxError
from swe_scale.sandbox.choice import plain_reason
from swe_scale.sandbox.following import Exec, followed
from swe_scale.sandbox.owner import owner
from swe_scale.sandbox.process import Output

T = TypeVar("T")
OWNER = "swe-scale.owner"
RUN = "swe-scale.run"
_LOCAL = ("http+docker://", "http+unix://")
_CONFLICT, _FAILURE = 409, 500
_PAUSE = 0.05
_REMOVAL = 30.0
"""Seconds that the service may take to remove a container."""
_TRIES = 3
"""How often the service may fail at removing a container."""
_MAKE_ROOM = "Make room where it keeps its data, for instance with `swe-scale images prune --keep-free 20GB`"
_PATIENCE = 3600
"""Seconds for an answer that takes as long as there is to copy."""


def script(name: str) -> str:
    """Return the text of a shell script that runs inside."""
    return (assets.folder("sandboxes") / f"{name}.sh").read_text(encoding="utf-8")


class Engine:
    """A service, spoken to from threads of its own."""

    def __init__(self, config: Docker, run: str) -> None:
        self.config = config
        self._run = run
        self._client: Any = None
        self._patient: Any = None
        self.podman = False
        """Whether it is Podman that answers, which differs in places."""
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
            reason = plain_reason(error)
            mend = "let this user use it" if reason.endswith("closed to this user") else "start Docker"
            raise SandboxError(
                f"the container service failed: {reason}\nNo container service answers at {where}: {mend}, "
                "set `base_url`, or use the bubblewrap sandbox"
            ) from error
        self._patient = self._opened(timeout=_PATIENCE, version=self._client.api.api_version)

    def _connected(self) -> Any:
        client = self._opened(timeout=self.config.timeout)
        parts = client.version().get("Components") or ()
        self.podman = any("Podman" in part.get("Name", "") for part in parts)
        return client

    def _opened(self, **options: Any) -> Any:
        # Every sandbox may hold a connection of its own.
        options["max_pool_size"] = 64
        url = self.config.base_url
        client = docker.DockerClient(url, **options) if url else docker.from_env(**options)
        # Of a socket on this host, no proxy of the environment is in the way; it is asked for at every call.
        client.api.trust_env = not str(client.api.base_url).startswith(_LOCAL)
        return client

    async def unbounded(self) -> list[str]:
        """Return what the service says it can't bound."""
        facts = await self.call(self._client.info)
        names = {"MemoryLimit": "memory", "PidsLimit": "processes", "CpuCfsQuota": "CPUs"}
        return [name for key, name in names.items() if not facts.get(key)]

    async def close(self) -> None:
        """Let go of the service."""
        for client in filter(None, (self._client, self._patient)):
            await self.call(client.close)

    @property
    def api(self) -> Any:
        """The connected service's own calls; they block, so make them in `call`."""
        return self._client.api

    @property
    def local(self) -> bool:
        """Whether the service sees this host's files."""
        return str(self._client.api.base_url).startswith(_LOCAL)

    async def image(self, name: str) -> Any | None:
        """Return an image; None where the service has none of this name."""

        def find() -> Any | None:
            try:
                return self._client.images.get(name)
            except ImageNotFound:
                return None

        return await self.call(find)

    @asynccontextmanager
    async def container(
        self, image: str, *, started: bool = True, user: int = 0, **options: Any
    ) -> AsyncIterator[Any]:
        """Return a container that idles; it is removed when the context ends, however it ends."""
        command = ["sh", "-c", script("idle")]
        fixed = self.identity() | {"user": f"{user}:{user}"}
        name = fixed["name"]
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
                await self.remove(name)

    def identity(self) -> dict[str, Any]:
        """Return the options that every container of ours gets, with a name of its own."""
        labels = {RUN: self._run, OWNER: owner()}
        return {
            "name": f"swe-scale-{token_hex(8)}",
            "labels": labels,
            "entrypoint": [],
            "hostname": "sandbox",
        }

    async def remove(self, name: str) -> None:
        """Kill a container and remove it with all that it wrote; one that is gone is no error."""
        await self.call(self._remove, name)

    def _remove(self, name: str) -> None:
        until, failures = monotonic() + _REMOVAL, 0
        while monotonic() < until:
            try:
                self._client.api.remove_container(name, force=True, v=True)
            except NotFound:
                return
            except APIError as error:
                # One that ends between the service's look and its kill makes the service fail, once.
                failures += error.status_code == _FAILURE
                # In a conflict it is being removed already; it is gone when it isn't found.
                if error.status_code != _CONFLICT and (error.status_code != _FAILURE or failures >= _TRIES):
                    raise
                sleep(_PAUSE)

    async def follow(self, container: str, what: Exec, outputs: tuple[Output, Output]) -> int | None:
        """Run a command in a container, by its id; see `followed`.

        Can't be cancelled: kill the container's processes to end it.
        """
        return await anyio.to_thread.run_sync(
            _translated, followed, self._client.api, container, what, outputs, limiter=self._streams
        )

    async def put(self, container: Any, archive: bytes | IO[bytes]) -> None:
        """Unpack an archive inside, with the container's root as its root."""
        # Anywhere else the service refuses symbolic links that lead out of the folder.
        await self.call(self._patient.api.put_archive, container.id, "/", archive)

    async def commit(self, container: Any, repository: str, tag: str, labels: Mapping[str, str]) -> None:
        """Keep a container's files as an image."""
        conf = {"Labels": dict(labels)}
        await self.call(
            lambda: self._patient.api.commit(container.id, repository, tag, conf=conf, pause=False)
        )

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
    except Timeout as error:
        raise SandboxError(
            "the container service didn't answer in time; `timeout` under [sandbox] is how long it may take"
        ) from error
    except (DockerException, RequestException, OSError) as error:
        said = str(getattr(error, "explanation", None) or error)
        full = any(words in said for words in ("no space left on device", "disk quota exceeded"))
        mend = f"\n{_MAKE_ROOM}" if full else ""
        raise SandboxError(f"the container service failed: {said}{mend}") from error
