"""Makes of a model and the user's settings all that is needed to start its server: command, place, plan."""

import errno
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from anyio.to_thread import run_sync

from swe_scale.config import Serve, cache_folder
from swe_scale.errors import ModelError, UsageError
from swe_scale.models.serving.arguments import Argument, joined, parse
from swe_scale.models.serving.machine import survey
from swe_scale.models.serving.plan import Plan, make_plan
from swe_scale.models.serving.settings import Setting
from swe_scale.models.serving.source import check_name, find_shape, is_folder
from swe_scale.models.serving.variables import server_variables

__all__ = ["Launch", "check_port", "prepare"]

_MODEL = "{model}"
"""Stands for the model in a command that doesn't take it as its first argument."""
_NEAREST = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104 - read, not bound
"""How this machine reaches a server that listens everywhere."""


@dataclass(frozen=True, slots=True)
class Launch:
    """A server that can be started, and started again."""

    model: str
    command: tuple[str, ...]
    variables: Mapping[str, str] = field(repr=False)
    """Its whole environment."""
    host: str
    port: int
    plan: Plan
    log: Path
    start_seconds: float = 900.0
    restarts: int = 5
    steady: float = 300.0
    """Seconds after which a server that ran well counts as healed."""
    pause: float = 1.0
    """Seconds before it is started again for the first time; twice as many each further time."""
    grace: float = 10.0
    """Seconds that it has to end in good order."""

    @property
    def base_url(self) -> str:
        """Where this machine reaches it."""
        host = _NEAREST.get(self.host, self.host)
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    @property
    def program(self) -> str:
        """The program to run, found where the server would find it, or beside our own interpreter.

        Raises:
            ModelError: it isn't there.
        """
        name = self.command[0]
        path = os.pathsep.join((self.variables.get("PATH", os.defpath), str(Path(sys.executable).parent)))
        found = shutil.which(name, path=path)
        if found is None and name == "vllm":
            raise ModelError("vLLM isn't installed: pip install 'swe-scale[vllm]'")
        if found is None:
            raise ModelError(f"there is no program {name!r}; mend `command` of [serve].")
        return found


async def prepare(model: str, serve: Serve, further: Sequence[str] = ()) -> Launch:
    """Return a server's launch; nothing is started, and vLLM needn't be there.

    Args:
        model: a folder, or its name on the hub.
        serve: the user's settings.
        further: arguments for the server, which win over those of the settings.

    Raises:
        UsageError: the model, an argument, the host or the port can't be used.
        ModelError: the model doesn't fit this machine.
    """
    check_name(model)
    variables = server_variables(serve)
    given = joined(parse(serve.arguments), parse(further))
    port = await run_sync(_free_port, serve.host) if serve.port == 0 else serve.port
    plan = make_plan(serve, await survey(variables), await find_shape(model, variables), given)
    plan = replace(plan, settings=(*_place(model, serve.host, port, given), *plan.settings))
    return Launch(
        model=model,
        command=(*_named(model, serve), *plan.words),
        variables=variables,
        host=serve.host,
        port=port,
        plan=plan,
        log=cache_folder() / "serve" / f"{port}.log",
        start_seconds=serve.start_seconds,
        restarts=serve.restarts,
    )


def _named(model: str, serve: Serve) -> tuple[str, ...]:
    placed = tuple(word.replace(_MODEL, model) for word in serve.command)
    return placed if placed != serve.command else (*placed, model)


def _place(model: str, host: str, port: int, given: Sequence[Argument]) -> Iterator[Setting]:
    if is_folder(model) and not any(one.name == "served-model-name" for one in given):
        name = Argument(("--served-model-name", Path(model).resolve().name))
        yield Setting(name, "the folder's name, otherwise it is its whole path")
    yield Setting(Argument(("--host", host)), "who can reach it")
    yield Setting(Argument(("--port", str(port))), "where it listens")


def _free_port(host: str) -> int:
    with _bound(host, 0) as place:
        return int(place.getsockname()[1])


def check_port(launch: Launch) -> None:
    """Make sure that the server will be able to listen.

    Raises:
        ModelError: somebody else listens there.
        UsageError: it isn't a place to listen at.
    """
    _bound(launch.host, launch.port).close()


def _bound(host: str, port: int) -> socket.socket:
    try:
        [family, kind, protocol, _, address], *_ = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        place = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise UsageError(f"there is no host {host!r} to listen at: {error}") from None
    try:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
    except OSError as error:
        place.close()
        if error.errno == errno.EADDRINUSE:
            raise ModelError(
                f"port {port} of {host} is in use: end what listens there, or give --port (0: any free one)."
            ) from None
        raise UsageError(f"nothing can listen at {host}, port {port}: {error.strerror}") from None
    return place
