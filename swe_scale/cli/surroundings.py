"""Understands where code is to run: the sandbox, what set-up may reach, and what is said of the rest."""

from collections.abc import Sequence
from typing import get_args

from pydantic import ValidationError

from swe_scale.cli.options import SolveOptions
from swe_scale.config import (
    Bubblewrap,
    Docker,
    Local,
    Network,
    OfferedSandbox,
    SandboxConfig,
    UserConfig,
    explain,
)
from swe_scale.environment import Options
from swe_scale.errors import UsageError
from swe_scale.records import HostServer
from swe_scale.swebench.images import search_path_of, tree_in


def sandbox_of(options: SolveOptions, user: UserConfig) -> SandboxConfig:
    """Return the sandbox to use: the one named, else the configured one, else the first that works.

    Raises:
        UsageError: it is unknown, or none works.
    """
    found = _sandbox_of(options, user)
    if options.allow_unbounded and isinstance(found, Docker | Bubblewrap):
        return found.model_copy(update={"allow_unbounded": True})
    return found


def _sandbox_of(options: SolveOptions, user: UserConfig) -> SandboxConfig:
    match options.sandbox:
        case None if options.here and not isinstance(user.sandbox, Bubblewrap | Local):
            # It uses this host's programs, of which a container has none.
            return Bubblewrap()
        case None if user.sandbox is not None:
            return user.sandbox
        case None:
            from swe_scale.sandbox.choice import choose_sandbox

            return choose_sandbox()
        case name if user.sandbox is not None and user.sandbox.kind == name:
            return user.sandbox
        case "docker":
            return Docker()
        case "bubblewrap":
            return Bubblewrap()
        case "local":
            return Local()
        case name:
            try:
                return OfferedSandbox(kind=name)
            except ValidationError as error:
                raise UsageError(f"{error.errors()[0]['ctx']['error']}.") from error


def network_of(options: SolveOptions, user: UserConfig) -> Network:
    """Return what set-up may reach: as the option says, else as configured.

    Raises:
        UsageError: there is no such mode.
    """
    if options.network is None:
        return user.network
    if options.network not in (known := get_args(Network.model_fields["mode"].annotation)):
        raise UsageError(f"--network {options.network!r}: known are {', '.join(known)}.")
    return Network.model_validate({**user.network.model_dump(), "mode": options.network})


def options_of(options: SolveOptions, sandbox: SandboxConfig, agents: Sequence[str] = ()) -> Options:
    """Return what the user says of the environment.

    Args:
        options: of the command.
        sandbox: where code runs.
        agents: shell lines that install command-line agents.

    Raises:
        UsageError: an image is named for a sandbox that has none, a container for a checkout in place, or a
            folder outside the repository.
    """
    if options.here and (options.image or isinstance(sandbox, Docker)):
        raise UsageError("--here uses this host's programs: it needs --sandbox bubblewrap, and no --image.")
    if options.service and not options.here:
        raise UsageError(
            "--service is for --here: elsewhere, services are declared ([[environment.services]])."
        )
    if options.image and not isinstance(sandbox, Docker):
        raise UsageError(f"--image needs the docker sandbox, not {sandbox.kind}.")
    image = options.image or ""
    basis = _basis(sandbox)
    file = options.environment.absolute() if options.environment else None
    try:
        return Options(
            environment_file=file,
            image=options.image,
            workdir=tree_in(image),
            path=search_path_of(image),
            basis=basis,
            subdir=options.subdir or "",
            here=options.here,
            servers=_servers(options.service or ()),
            agents=tuple(agents),
        )
    except ValidationError as error:
        raise UsageError(f"--subdir {options.subdir!r} can't be used:\n{explain(error)}") from error


def _basis(sandbox: SandboxConfig) -> str:
    match sandbox:
        case Docker():
            return sandbox.base_image
        case OfferedSandbox():
            return sandbox.model_dump_json()
        case _:
            return sandbox.python or ""


def _servers(texts: Sequence[str]) -> tuple[HostServer, ...]:
    """Return servers as they are given.

    Raises:
        UsageError: one isn't, or two have the same port.
    """
    found = tuple(map(_server, texts))
    if len({one.port for one in found}) < len(found):
        raise UsageError("--service: two have the same port, at which cells could find only one of them.")
    return found


def _server(text: str) -> HostServer:
    """Return a server as it is given.

    Raises:
        UsageError: it is no port, with or without a host.
    """
    host, _, port = text.rpartition(":")
    try:
        return HostServer.model_validate({"port": port} | ({"host": host} if host else {}))
    except ValidationError as error:
        raise UsageError(f"--service {text!r:.80} can't be used: write PORT or HOST:PORT.") from error
