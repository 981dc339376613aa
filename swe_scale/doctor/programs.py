"""The programs that a run calls: Python, which is running, and git."""

import platform
import subprocess
from collections.abc import Sequence

from swe_scale.doctor.findings import Finding

PATIENCE = 5.0
"""Seconds that any single probe may take."""


def first_line(command: Sequence[str]) -> str | None:
    """Return the first line that a program prints; None where it is missing, fails or hangs."""
    try:
        done = subprocess.run(
            command, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    lines = done.stdout.decode("utf-8", "replace").splitlines()
    return lines[0] if lines and done.returncode == 0 else None


def python() -> Finding:
    """Return which interpreter runs this."""
    return Finding(topic="python", status="ok", text=f"{platform.python_version()} on {platform.platform()}")


def git() -> Finding:
    """Return which git there is."""
    version = first_line(["git", "--version"])
    if version is None:
        return Finding(topic="git", status="fault", text="not there", fix="sudo apt-get install git")
    return Finding(topic="git", status="ok", text=version.removeprefix("git version "))
