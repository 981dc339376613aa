"""Runs the command in a process of its own that needn't import it first.

A process that has imported everything waits for orders and forks for each: argument list, folder, variables
and standard streams are the order's own, and so is all that the command does. What is decided while Python
starts or modules are imported is not: an order whose variables say something of that is run from scratch.
"""

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import Any

_HERE = Path(__file__).parent
_OF_THE_START = ("PYTHON", "LC_", "LANG", "TERM", "COLUMNS", "COV_", "_TYPER", "GITHUB_", "LD_")
_OF_COLOUR = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR", "PY_COLORS", "TTY_")
_STARTING = threading.Lock()
_USED = ("cli", "context", "models", "sandbox", "trajectory")
"""Packages of which everything is imported ahead, but for what needs an extra."""


def _start(variables: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in variables.items() if name.startswith(_OF_THE_START + _OF_COLOUR)}


_HERE_AND_NOW = _start(os.environ)


def run_ready(
    arguments: Sequence[str], folder: Path, variables: Mapping[str, str], stdin: str, timeout: float
) -> subprocess.CompletedProcess[str]:
    """Run `swe-scale` with these arguments.

    Raises:
        subprocess.TimeoutExpired: it took longer; it was killed.
    """
    command = [sys.executable, "-m", "swe_scale", *arguments]
    if _start(variables) != _HERE_AND_NOW:
        return subprocess.run(
            command, cwd=folder, env=dict(variables), input=stdin,
            capture_output=True, text=True, timeout=timeout, check=False,
        )  # fmt: skip
    order = {"arguments": list(arguments), "folder": str(folder), "variables": dict(variables)}
    (given, giving), (telling, told), (warning, warned) = (os.pipe() for _ in range(3))
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as link, ThreadPoolExecutor(3) as pool:
        link.connect(_server(os.getpid()))
        socket.send_fds(link, [json.dumps(order).encode()], [given, told, warned])
        for end in (given, told, warned):
            os.close(end)
        pool.submit(_give, giving, stdin.encode())
        out, err = (pool.submit(_read, end) for end in (telling, warning))
        code = _ended(link, timeout, command)
        return subprocess.CompletedProcess(command, code, out.result(), err.result())


def _give(end: int, data: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), os.fdopen(end, "wb") as file:
        file.write(data)


def _read(end: int) -> str:
    with os.fdopen(end, "rb") as file:
        return file.read().decode()


def _ended(link: socket.socket, timeout: float, command: Sequence[str]) -> int:
    process = int(link.recv(64))
    link.settimeout(timeout)
    try:
        return int(link.recv(64))
    except TimeoutError as error:
        os.kill(process, signal.SIGKILL)
        raise subprocess.TimeoutExpired(list(command), timeout) from error


def _server(process: int) -> str:
    with _STARTING:
        return _started(process)


@cache
def _started(_: int) -> str:
    """Start the process that waits for orders; it ends with this one."""
    address = f"\0swe-scale-ready-{os.urandom(8).hex()}"
    ready, told = os.pipe()
    # One thread, since a process with several can't be forked safely.
    others = {name: value for name, value in os.environ.items() if not _start({name: value})}
    variables = {**others, **_HERE_AND_NOW, "OPENBLAS_NUM_THREADS": "1"}
    with os.fdopen(ready, "rb") as said:
        server = subprocess.Popen(
            [sys.executable, str(_HERE / "ready_kit.py"), address[1:], str(told)],
            stdin=subprocess.PIPE, pass_fds=[told], cwd="/", env=variables,
        )  # fmt: skip
        os.close(told)
        said.read()
    atexit.register(_end, server)
    return address


def _end(server: subprocess.Popen[bytes]) -> None:
    with server:
        server.kill()


class Server:
    """Takes orders until its standard input ends; each is carried out by a fork."""

    def __init__(self, address: str) -> None:
        """Listen, and hear of those that end."""
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.bind("\0" + address)
        self.listening.listen(64)
        self.running: dict[int, socket.socket] = {}
        self.woken, self._wake = os.pipe()
        os.set_blocking(self._wake, False)
        signal.set_wakeup_fd(self._wake)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def take_orders(self) -> list[str]:
        """Return, in a fork, what it shall run. Never returns here."""
        while True:
            ready = select.select([self.listening.fileno(), self.woken, 0], [], [])[0]
            if self.woken in ready:
                os.read(self.woken, 4096)
                self._tell_ends()
            if self.listening.fileno() in ready:
                link = self.listening.accept()[0]
                data, streams, *_ = socket.recv_fds(link, 1 << 20, 3)
                if not (process := os.fork()):
                    return self._become(json.loads(data), streams)
                link.send(str(process).encode())
                self.running[process] = link
                for stream in streams:
                    os.close(stream)
            if 0 in ready:
                os._exit(0)

    def _tell_ends(self) -> None:
        while self.running and (ended := os.waitpid(-1, os.WNOHANG))[0]:
            with self.running.pop(ended[0]) as link, contextlib.suppress(BrokenPipeError):
                link.send(str(os.waitstatus_to_exitcode(ended[1])).encode())

    def _become(self, order: Mapping[str, Any], streams: Sequence[int]) -> list[str]:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
        os.closerange(3, 1024)
        os.environ.clear()
        os.environ.update(order["variables"])
        os.chdir(order["folder"])
        sys.path[0] = order["folder"]
        sys.stdin = os.fdopen(0, closefd=False)
        sys.stdout = os.fdopen(1, "w", closefd=False)
        sys.stderr = os.fdopen(2, "w", 1, closefd=False, errors="backslashreplace")
        found: list[str] = order["arguments"]
        return found


def serve(address: str, told: int) -> None:
    """Import what commands use, say that this is done, and take orders."""
    import gc
    import importlib
    import pkgutil
    import random

    from swe_scale.cli import main

    for package in _USED:
        place = importlib.import_module(f"swe_scale.{package}")
        for module in pkgutil.walk_packages(place.__path__, f"{place.__name__}."):
            with contextlib.suppress(ImportError):
                importlib.import_module(module.name)
    server = Server(address)
    gc.freeze()
    assert len(os.listdir("/proc/self/task")) == 1
    os.close(told)
    arguments = server.take_orders()
    random.seed()
    sys.argv = ["swe-scale", *arguments]
    main()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
