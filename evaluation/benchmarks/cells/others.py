"""Runs the same script without a sandbox, and in containers in the ways that others do."""

import subprocess
import time
from collections.abc import Callable
from secrets import token_hex

_IDLE = "trap '' TERM; while :; do sleep 1; done"
"""A first process that ignores the signal to end, as a shell does that waits for a command."""
_APART = ("--network", "none", "--entrypoint", "sh")
_GRACE = 15
"""Seconds that CodeMonkeys gives a container to end by itself."""


def timed(*commands: list[str], code: int | None = None) -> float:
    """Return the seconds of commands one after another; the last ends with `code` where one is given."""
    started = time.perf_counter()
    for command in commands:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    took = time.perf_counter() - started
    if code is not None and done.returncode != code:
        raise SystemExit(f"{' '.join(commands[-1])} went wrong: {done.stderr!r}")
    return took


def bare(script: str, folder: str) -> float:
    """Return the seconds of the script on this host, in a folder."""
    started = time.perf_counter()
    done = subprocess.run(["sh", "-c", script], cwd=folder, stdin=subprocess.DEVNULL, capture_output=True)
    took = time.perf_counter() - started
    if done.returncode != 42:
        raise SystemExit(f"the script went wrong: {done.stderr!r}")
    return took


def container(*verb: str, image: str, line: str) -> list[str]:
    """Return the command that makes a container without network, whose first process is a shell."""
    return ["docker", *verb, "--network", "none", "--entrypoint", "sh", image, "-c", line]


def run_rm(image: str, script: str) -> Callable[[], float]:
    """Return what measures `docker run --rm`."""
    return lambda: timed(container("run", "--rm", image=image, line=f"cd /work; {script}"), code=42)


def running(image: str) -> str:
    """Start a container that idles; return its name."""
    name = f"bench-{token_hex(6)}"
    start = container("run", "-d", "--name", name, image=image, line=_IDLE)
    subprocess.run(start, check=True, capture_output=True)
    return name


def exec_cli(name: str, script: str) -> Callable[[], float]:
    """Return what measures an exec by the Docker CLI, which gives no fresh state."""
    return lambda: timed(["docker", "exec", "-w", "/work", name, "sh", "-c", script], code=42)


def life_cycle(image: str, script: str) -> float:
    """Return the seconds of a cell as CodeMonkeys runs it: create, start, exec, stop, remove."""
    name = f"bench-{token_hex(6)}"
    return timed(
        container("create", "--name", name, image=image, line=_IDLE),
        ["docker", "start", name],
        ["docker", "exec", "-w", "/work", name, "sh", "-c", script],
        ["docker", "stop", "-t", str(_GRACE), name],
        ["docker", "rm", name],
        code=0,
    )
