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


def run_rm(image: str, script: str) -> Callable[[], float]:
    """Return what measures `docker run --rm`."""
    line = [
        "docker",
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "sh",
        image,
        "-c",
        f"cd /work; {script}",
    ]
    return lambda: timed(line, code=42)


def running(image: str) -> str:
    """Start a container that idles; return its name."""
    name = f"bench-{token_hex(6)}"
    line = [
        "docker",
        "run",
        "-d",
        "--name",
        name,
        "--network",
        "none",
        "--entrypoint",
        "sh",
        image,
        "-c",
        _IDLE,
    ]
    subprocess.run(line, check=True, capture_output=True)
    return name


def exec_cli(name: str, script: str) -> Callable[[], float]:
    """Return what measures an exec by the Docker CLI, which gives no fresh state."""
    return lambda: timed(["docker", "exec", "-w", "/work", name, "sh", "-c", script], code=42)


def life_cycle(image: str, script: str) -> float:
    """Return the seconds of a cell as CodeMonkeys runs it: create, start, exec, stop, remove."""
    name = f"bench-{token_hex(6)}"
    create = [
        "docker",
        "create",
        "--name",
        name,
        "--network",
        "none",
        "--entrypoint",
        "sh",
        image,
        "-c",
        _IDLE,
    ]
    return timed(
        create,
        ["docker", "start", name],
        ["docker", "exec", "-w", "/work", name, "sh", "-c", script],
        ["docker", "stop", "-t", str(_GRACE), name],
        ["docker", "rm", name],
        code=0,
    )
