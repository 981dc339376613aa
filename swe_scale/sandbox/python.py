"""Which Python a virtual environment on this host is made from, and where its files are."""

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
    if chosen == sys.executable:
        version = f"{platform.python_implementation()} {platform.python_version()}"
        return Interpreter(os.path.realpath(chosen), Path(sys.base_prefix), version)
    try:
        asked = subprocess.run([chosen, "-I", "-c", _ASK], capture_output=True, check=True, timeout=60)
        executable, prefix, version = asked.stdout.decode().splitlines()[:3]
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise EnvironmentFailure(
            f"the Python interpreter {chosen} can't be run: {error}; name another as `python` of the sandbox"
        ) from error
    return Interpreter(executable, Path(prefix), version)


def find_version(version: str, name: str | None) -> Interpreter:
    """Return an installation of this version: the named one or ours if it fits, else one of this host's.

    Looked for on the search path, and where pyenv and uv keep theirs.

    Args:
        version: such as `3.9`, or `3.9.18`.
        name: interpreter that is tried first. None: the one that runs swe-scale.

    Raises:
        EnvironmentFailure: there is none.
    """
    for candidate in (name or sys.executable, *_candidates(version)):
        try:
            found = find_python(candidate)
        except EnvironmentFailure:
            # A shim of pyenv is there for versions that aren't chosen, too.
            continue
        if is_version(found.version.rpartition(" ")[2], version):
            return found
    raise EnvironmentFailure(
        f"this project wants Python {version}, and there is no python{version} on the search path nor "
        "among pyenv's and uv's.\n"
        f"Install it (`uv python install {version}` or `pyenv install {version}`), or set `python` under "
        "[environment] to one that is there."
    )


def is_version(found: str, wanted: str) -> bool:
    """Return whether a version is the wanted one, of which as many parts are given as count."""
    parts = wanted.split(".")
    return found.split(".")[: len(parts)] == parts


def _candidates(version: str) -> Iterator[str]:
    minor = ".".join(version.split(".")[:2])
    if found := shutil.which(f"python{minor}"):
        yield found
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home() has no answer where there is none
    pyenv = Path(os.environ.get("PYENV_ROOT") or home / ".pyenv") / "versions"
    data = Path(os.environ.get("XDG_DATA_HOME") or home / ".local/share")
    uv = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv/python")
    kept = [*pyenv.glob(f"{version}*/bin/python"), *uv.glob(f"cpython-{version}*/bin/python{minor}")]
    yield from map(str, sorted(kept, key=_numbers, reverse=True))


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", path.parent.parent.name)]
