"""Finds what of this host a prepared checkout is run with: interpreters, compilers, package folders."""

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from swe_scale.errors import EnvironmentFailure
from swe_scale.records import digest
from swe_scale.sandbox.in_place.secrets import is_secret
from swe_scale.sandbox.python import find_python

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
"""Shown in any case."""
_NEVER = ("/", "/proc", "/sys", "/dev", "/run", "/etc", "/tmp")  # noqa: S108 - not written to
_PASSED = (
    "CC", "CFLAGS", "CMAKE_GENERATOR", "CMAKE_PREFIX_PATH", "CONDA_DEFAULT_ENV", "CPPFLAGS", "CXX",
    "CXXFLAGS",
    "DJANGO_SETTINGS_MODULE", "GEM_HOME", "GEM_PATH", "GOFLAGS", "LANG", "LANGUAGE", "LC_ALL", "LC_CTYPE",
    "LDFLAGS", "NODE_ENV", "PYENV_VERSION", "RUSTFLAGS", "RUSTUP_TOOLCHAIN", "TZ",
)  # fmt: skip
_PLACES = (
    "CARGO_HOME", "CONDA_PREFIX", "GOPATH", "GOROOT", "JAVA_HOME", "MAVEN_HOME", "NVM_DIR", "PYENV_ROOT",
    "RBENV_ROOT", "RUSTUP_HOME", "VIRTUAL_ENV",
)  # fmt: skip
"""Variables that name one folder, which is shown."""
_LISTS = ("LD_LIBRARY_PATH", "NODE_PATH", "PKG_CONFIG_PATH", "PYTHONPATH")
"""Variables that name several."""
_PREFIXED = ("bin", "sbin", "shims", "condabin")
_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*")
_VENVS = (".venv", "venv")


@dataclass(frozen=True, slots=True)
class Toolchains:
    """What of this host is used."""

    shown: tuple[str, ...]
    """Folders, at their own paths; of their secrets nothing is shown."""
    variables: Mapping[str, str]
    state: str
    """What changes when another version of something is there."""


def find_toolchains(checkout: Path, given: Mapping[str, str]) -> Toolchains:
    """Return what the search path and some other variables name, as far as it may be shown.

    Args:
        checkout: root of the prepared checkout, which is shown by other means.
        given: this process's own environment.
    """
    venv = _venv(checkout, given)
    search = _search(given, venv)
    variables = {name: given[name] for name in _PASSED if given.get(name)}
    variables |= {name: given[name] for name in _PLACES if Path(given.get(name) or "/-").is_dir()}
    variables |= {"VIRTUAL_ENV": str(venv)} if venv is not None else {}
    wanted = Wanted(checkout, Path.home())
    for folder in search:
        wanted.program(folder)
    for place in (*(variables[name] for name in _PLACES if name in variables), *_listed(given).values()):
        for part in filter(os.path.isabs, place.split(":")):
            wanted.folder(Path(part))
    _with_rust(wanted, variables)
    first = next(filter(None, map(_python, search)), None)
    pythons = filter(None, (_python(venv) if venv else None, first))
    versions = [wanted.interpreter(python) for python in dict.fromkeys(pythons)]
    lists = {name: wanted.seen(value.split(":")) for name, value in _listed(given).items()}
    variables |= {name: value for name, value in lists.items() if value}
    variables["PATH"] = wanted.seen(map(str, search))
    files = (line for folder in search for line in _listing(folder))
    outside = venv is not None and not venv.is_relative_to(checkout)
    packages = _packages(venv) if venv is not None and outside else ()
    return Toolchains(wanted.shown, variables, digest(*versions, *files, *packages))


def _search(given: Mapping[str, str], venv: Path | None) -> tuple[Path, ...]:
    """Return the folders of the search path, a virtual environment's own first."""
    path = [part for part in given.get("PATH", "").split(":") if part.startswith("/")]
    if venv is not None and f"{venv}/bin" not in path:
        path.insert(0, f"{venv}/bin")
    return tuple(Path(part) for part in dict.fromkeys(path) if Path(part).is_dir())


def _listed(given: Mapping[str, str]) -> dict[str, str]:
    return {name: given[name] for name in _LISTS if given.get(name)}


def _venv(checkout: Path, given: Mapping[str, str]) -> Path | None:
    active = given.get("VIRTUAL_ENV")
    if active and Path(active, "bin").is_dir():
        return Path(active)
    return next((checkout / name for name in _VENVS if (checkout / name / "pyvenv.cfg").is_file()), None)


def _python(folder: Path) -> Path | None:
    names = (folder / part for part in ("bin/python", "python", "python3"))
    return next((name for name in names if name.is_file() and os.access(name, os.X_OK)), None)


def _with_rust(wanted: "Wanted", variables: dict[str, str]) -> None:
    """Show what rustup's own programs look for in the home, which is another inside."""
    for name, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
        place = wanted.home / folder
        if name not in variables and (wanted.home / ".cargo/bin") in wanted.named and place.is_dir():
            wanted.folder(place)
            variables[name] = str(place)


def _listing(folder: Path) -> Iterator[str]:
    if any(folder.is_relative_to(place) for place in ("/usr/bin", "/usr/sbin", "/bin", "/sbin")):
        return
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if not entry.is_dir():
            status = entry.stat(follow_symlinks=False)
            yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"


def _packages(venv: Path) -> Iterator[str]:
    """Yield what changes with the packages of a virtual environment that lies elsewhere."""
    for place in sorted(venv.glob("lib/python*/site-packages/*")):
        yield f"{place} {place.lstat().st_mtime_ns}"


class Wanted:
    """Folders that are to be shown, of which none is so wide that it would show a home."""

    def __init__(self, checkout: Path, home: Path) -> None:
        self.home = home
        self.named: set[Path] = set()
        self._checkout = checkout
        self._shown: set[Path] = set()

    @property
    def shown(self) -> tuple[str, ...]:
        """Return them, those within others left out."""
        alone = (one for one in self._shown if not any(other in one.parents for other in self._shown))
        return tuple(sorted(map(str, alone)))

    def covers(self, folder: Path) -> bool:
        """Return whether a folder can be seen inside."""
        places = (self._checkout, *map(Path, _SYSTEM), *self._shown)
        return any(folder.is_relative_to(place) for place in places)

    def seen(self, folders: Iterable[str]) -> str:
        """Return those of some folders that can be seen inside, as a search path."""
        return ":".join(folder for folder in folders if folder and self.covers(Path(folder)))

    def folder(self, folder: Path) -> None:
        """Want a folder, and where it leads to."""
        for place in {folder, folder.resolve()}:
            if place.is_dir() and not self.covers(place) and not self._wide(place):
                self._shown.add(place)

    def program(self, folder: Path) -> None:
        """Want a folder of programs with what they need, which lies beside it or where its links lead."""
        self.named.add(folder)
        self.folder(self._prefix(folder))
        if folder.is_relative_to("/usr") or folder.is_relative_to(self._checkout):
            # Where links in the checkout lead is for the repository to say, and not what is shown.
            return
        for entry in os.scandir(folder):
            if entry.is_symlink() and (target := Path(entry.path).resolve()).is_file():
                self.folder(self._prefix(target.parent))

    def interpreter(self, python: Path) -> str:
        """Want a Python's standard library; return its version.

        Nothing that lies in the checkout is run, nor what only a link there calls a Python.
        """
        real = python.resolve()
        if real.is_relative_to(self._checkout) or not _INTERPRETER.fullmatch(real.name):
            return str(real)
        try:
            found = find_python(str(real))
        except EnvironmentFailure:
            # A shim of a version manager stands for versions that aren't chosen, too.
            return str(python)
        self.folder(found.prefix)
        self.program(Path(found.executable).parent)
        return found.identity

    def _prefix(self, folder: Path) -> Path:
        above = folder.parent
        return above if folder.name in _PREFIXED and not self._wide(above) else folder

    def _wide(self, folder: Path) -> bool:
        """Return whether a folder holds more than programs, or must not be seen at all."""
        if any(is_secret(part, folder=True) for part in folder.parts):
            return True
        local = self.home / ".local"
        wide = {
            self.home,
            *self.home.parents,
            local,
            local / "share",
            Path("/opt"),
            Path("/usr"),
            Path("/var"),
        }
        below = any(folder.is_relative_to(place) for place in _NEVER[1:])
        return below or folder in wide or folder in (self._checkout, *self._checkout.parents)
