"""Which sandbox is used where none was asked for: one that isolates, or none."""

import contextlib
import os
import socket
import subprocess

from swe_scale.config import Bubblewrap, Docker, SandboxConfig
from swe_scale.errors import UsageError

_SOCKET = "unix:///var/run/docker.sock"
_NAMESPACES = ("bwrap", "--unshare-all", "--die-with-parent", "--new-session", "--cap-drop", "ALL")
_VIEW = ("--uid", "1000", "--gid", "1000", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev")


def why_not_docker(base_url: str | None = None, seconds: float = 2.0) -> str | None:
    """Return why the container service can't be used; None when it answers.

    Args:
        base_url: the service's socket. None: as the environment says.
        seconds: how long to wait for it.
    """
    import docker
    from docker.errors import DockerException
    from requests.exceptions import RequestException

    address = base_url or os.environ.get("DOCKER_HOST") or _SOCKET
    # With a version, the client asks for nothing on its own and there is always one to close.
    options = {"version": "1.41", "timeout": seconds}
    try:
        if address.startswith("unix://"):
            _knock(address.removeprefix("unix://"), seconds)
        client = docker.DockerClient(base_url, **options) if base_url else docker.from_env(**options)
        with contextlib.closing(client):
            client.version(api_version=False)
    except (DockerException, RequestException, OSError, ValueError) as error:
        return plain_reason(error)
    return None


def _knock(path: str, seconds: float) -> None:
    """Connect to a socket and hang up. The client library leaves its own open where that fails."""
    with socket.socket(socket.AF_UNIX) as caller:
        caller.settimeout(seconds)
        caller.connect(path)


def why_not_bubblewrap(seconds: float = 5.0) -> str | None:
    """Return why bubblewrap can't be used; None when it ran a program in namespaces of its own."""
    try:
        trial = subprocess.run(
            [*_NAMESPACES, *_VIEW, "true"],
            capture_output=True,
            stdin=subprocess.DEVNULL,
            timeout=seconds,
            check=False,
        )
    except FileNotFoundError:
        return "not installed"
    except subprocess.TimeoutExpired:
        return f"its trial didn't end within {seconds:g} s"
    except OSError as error:
        return f"it can't be started: {error.strerror}"
    if trial.returncode == 0:
        return None
    last = trial.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    return last[0] if last else f"its trial ended with status {trial.returncode}"


def choose_sandbox() -> SandboxConfig:
    """Return Docker where it answers, otherwise bubblewrap where it works. Takes at most some 7 seconds.

    Raises:
        UsageError: neither does. Running without isolation is never chosen, only asked for.
    """
    docker = why_not_docker()
    if docker is None:
        return Docker()
    bubblewrap = why_not_bubblewrap()
    if bubblewrap is None:
        return Bubblewrap()
    raise UsageError(
        f"No sandbox works here. Docker: {docker}. bubblewrap: {bubblewrap}.\n"
        "Install bubblewrap (apt-get install bubblewrap) or start Docker; `swe-scale doctor` says more.\n"
        "On a machine that is itself disposable, `--sandbox local` runs the code without any isolation."
    )


def plain_reason(error: Exception) -> str:
    """Return the reason at the bottom of a chain of wrapped errors, in a few words."""
    reason: BaseException = error
    while reason.__cause__ or reason.__context__:
        reason = reason.__cause__ or reason.__context__ or reason
    if isinstance(reason, FileNotFoundError):
        return "its socket isn't there"
    if isinstance(reason, PermissionError):
        return "its socket is closed to this user"
    if isinstance(reason, ConnectionRefusedError):
        return "nothing listens on its socket"
    if isinstance(reason, TimeoutError):
        return "it didn't answer in time"
    return str(reason).splitlines()[0][:200] if str(reason) else type(reason).__name__
