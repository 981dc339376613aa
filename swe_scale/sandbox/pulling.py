"""Gets images from their registries: with progress, again where a fault may pass, with a reason where not."""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from docker.auth import get_config_header, resolve_repository_name
from docker.errors import APIError
from docker.utils import parse_repository_tag
from requests.exceptions import Timeout

from swe_scale.config import cache_folder
from swe_scale.errors import EnvironmentFailure, SandboxError
from swe_scale.events import Events
from swe_scale.records import digest
from swe_scale.retry import retrying
from swe_scale.sandbox.engine import Engine
from swe_scale.sandbox.preparation import locked
from swe_scale.sandbox.sizes import size
from swe_scale.sandbox.streaming import Ask, Progress, follow

_TRIES = 4
_ELSEWHERE = "or name another image in `[environment]` or as `base_image`."
_MEND = "Try `docker pull {name}` to see more, " + _ELSEWHERE


@dataclass(frozen=True, slots=True)
class _Fault:
    """A refusal that another try doesn't mend."""

    pattern: str
    text: str
    mend: str


_FAULTS = (
    _Fault(
        "no space left on device|disk quota exceeded",
        "there is no space left for it where the container service keeps its data",
        "Make room, for instance with `swe-scale images prune --keep-free 20GB`, and start again.",
    ),
    _Fault(
        "no matching manifest|does not match the specified platform|image operating system",
        "its registry has it, but not for this machine's architecture ({said})",
        "Name an image that is built for this machine, or build it here.",
    ),
    _Fault(
        "manifest unknown|manifest for .* not found|name unknown|repository name not known",
        "its registry has no such image",
        "Check name and tag, " + _ELSEWHERE,
    ),
    _Fault(
        "pull access denied|repository does not exist",
        "its registry has no such image, or shows it only after a login",
        "Check the name; if it is right, run `docker login{registry}` as this user and start again.",
    ),
    _Fault(
        "unauthorized|authentication required|no basic auth|denied|forbidden|incorrect username",
        "its registry wants a login, or refuses the one it got",
        "Run `docker login{registry}` as this user and start again.",
    ),
    _Fault(
        "invalid reference format|invalid repository name|must be lowercase",
        "that is not the name of an image",
        "Names look like `python:3.11` or `registry.example.org/group/image:tag`.",
    ),
    _Fault(
        "no such host|server gave HTTP response to HTTPS|certificate|x509",
        "its registry can't be talked to ({said})",
        _MEND,
    ),
)


class _Passing(SandboxError):
    """A fault that another try may mend."""

    again: int | None = None


@dataclass(slots=True)
class _Layers:
    """What is known of the layers on their way."""

    fetched: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Bytes here and bytes in all, by layer."""
    seen: set[str] = field(default_factory=set)
    complete: set[str] = field(default_factory=set)

    def take(self, line: Mapping[str, Any]) -> None:
        """Learn from a line of the service's answer."""
        layer, status = str(line.get("id", "")), str(line.get("status", ""))
        detail = line.get("progressDetail") or {}
        if status in ("Pulling fs layer", "Waiting", "Already exists"):
            self.seen.add(layer)
        if status == "Downloading" and detail.get("total"):
            self.fetched[layer] = (int(detail.get("current", 0)), int(detail["total"]))
        if status in ("Download complete", "Verifying Checksum") and layer in self.fetched:
            self.fetched[layer] = (self.fetched[layer][1],) * 2
        if status in ("Pull complete", "Already exists"):
            self.complete.add(layer)

    @property
    def text(self) -> str:
        """How far it is."""
        here = sum(one for one, _ in self.fetched.values())
        total = sum(all_of_it for _, all_of_it in self.fetched.values())
        layers = f"{len(self.complete)} of {len(self.seen)} layers are here" if self.seen else "waiting"
        return f"{size(here)} of {size(total)} ({here / total:.0%}), {layers}" if total else layers


async def obtain(engine: Engine, name: str, events: Events) -> Any:
    """Return an image, pulled where it isn't here.

    Raises:
        EnvironmentFailure: there is no such image, it may not be had, or it can't be had now.
        SandboxError: the service failed.
    """
    try:
        found = await engine.image(name)
    except SandboxError as error:
        if isinstance(error.__cause__, APIError) and error.__cause__.is_client_error():
            raise _understood(name, error, 0) from error
        raise
    if found is not None:
        return found
    async with locked(cache_folder() / "environments" / "docker" / f"pull-{digest(name)}.lock"):
        if (found := await engine.image(name)) is not None:
            return found
        await _pull(engine, name, events)
    if (found := await engine.image(name)) is None:
        raise SandboxError(f"the container service lost the image {name} at once; is it being cleaned up?")
    return found


async def _pull(engine: Engine, name: str, events: Events) -> None:
    progress = Progress(events, f"pulling the image {name}")
    progress.say("asking its registry")
    began, tried = time.monotonic(), 0

    async def attempt() -> None:
        nonlocal tried
        tried += 1
        if tried > 1:
            progress.say(f"try {tried}")
        await _attempt(engine, name, progress)

    try:
        await retrying(_TRIES, _Passing)(attempt)
    except _Passing as error:
        raise _failure(name, f"{error}; {tried} tries", _MEND) from error
    progress.say(f"here after {time.monotonic() - began:.0f} s")


async def _attempt(engine: Engine, name: str, progress: Progress) -> None:
    repository, tag = parse_repository_tag(name)
    layers = _Layers()

    def credentials() -> Mapping[str, str]:
        header = get_config_header(engine.api, resolve_repository_name(repository)[0])
        return {"X-Registry-Auth": header.decode() if isinstance(header, bytes) else header} if header else {}

    try:
        headers = await engine.call(credentials)
        params = {"fromImage": repository, "tag": tag or "latest"}
        ask = Ask("images/create", params, headers, silence=engine.config.pull_timeout)
        await follow(engine, ask, layers.take, lambda: progress.say(layers.text))
    except SandboxError as error:
        raise _understood(name, error, engine.config.pull_timeout) from error


def _understood(name: str, error: SandboxError, silence: float) -> Exception:
    """Return what a fault of the service comes to: a failure for good, or one that may pass."""
    cause = error.__cause__
    said = " ".join(str(getattr(cause, "explanation", None) or cause or error).split())
    for fault in _FAULTS:
        if re.search(fault.pattern, said, re.IGNORECASE):
            return _failure(name, fault.text.format(said=said), fault.mend)
    if isinstance(cause, APIError) and cause.status_code in (400, 404):
        return _failure(name, said, _MEND)
    if isinstance(error.__cause__, Timeout) or "read timed out" in said.lower():
        said = f"nothing came for {silence:g} s (`pull_timeout` under [sandbox])"
    passing = _Passing(said)
    if "connection refused" in said:
        passing.again = 1
    return passing


def _failure(name: str, reason: str, mend: str) -> EnvironmentFailure:
    first, slash, _ = name.partition("/")
    registry = f" {first}" if slash and re.search(r"[.:]|^localhost$", first) else ""
    return EnvironmentFailure(
        f"the image {name} isn't here and can't be pulled: {reason}.\n"
        + mend.format(name=name, registry=registry)
    )
