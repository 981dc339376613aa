"""Which Python a virtual environment on this host is made from, and where its files are."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from swe_scale.errors import EnvironmentFailure

_ASK = (
    "import os, platform, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix); "
    "print(platform.python_implementation(), platform.python_version())"
)


@dataclass(frozen=True, slots=True)
class Interpreter:
    """A Python installation."""

    executable: str
    prefix: Path
    """Folder with its standard library."""
    version: str
    """With the name of the implementation."""

    @property
    def identity(self) -> str:
        """What tells it from others, and from itself before an update."""
        return f"{self.executable} {self.version}"


def find_python(name: str | None) -> Interpreter:
    """Return the installation of an interpreter; of the one that runs swe-scale if none is named.

    Raises:
        EnvironmentFailure: it can't be run.
    """
    chosen = name or sys.executable
    try:
        asked = subprocess.run([chosen, "-I", "-c", _ASK], capture_output=True, check=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentFailure(
            f"the Python interpreter {chosen} can't be run: {error}; name another as `python` of the sandbox"
        ) from error
    executable, prefix, version = asked.stdout.decode().splitlines()[:3]
    return Interpreter(executable, Path(prefix), version)
