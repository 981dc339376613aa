"""Finds what of this host a prepared checkout is run with: interpreters, compilers, package folders."""

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from swe_scale.records import digest
from swe_scale.sandbox.in_place.private import Private, is_file, is_folder
from swe_scale.sandbox.in_place.wanted import Wanted

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
    private = Private(checkout, given)
    venv = _venv(private, given)
    search = _search(given, venv)
    variables = {name: given[name] for name in _PASSED if given.get(name)}
    variables |= _places(given)
    variables.pop("VIRTUAL_ENV", None)
    variables |= {"VIRTUAL_ENV": str(venv)} if venv is not None else {}
    listed = {name: _split(given[name]) for name in _LISTS if given.get(name)}
    wanted = Wanted(private)
    for folder in search:
        wanted.program(folder)
    for place in (
        *(Path(variables[name]) for name in _PLACES if name in variables),
        *chain(*listed.values()),
    ):
        wanted.folder(place)
    _with_rust(wanted, private.home, variables)
    first = next(filter(None, map(_python, search)), None)
    pythons = filter(None, (_python(venv) if venv else None, first))
    versions = [wanted.interpreter(python) for python in dict.fromkeys(pythons)]
    lists = {name: wanted.seen(folders) for name, folders in listed.items()}
    variables |= {name: value for name, value in lists.items() if value}
    variables["PATH"] = wanted.seen(search)
    files = (line for folder in search for line in _listing(folder))
    outside = venv is not None and not venv.is_relative_to(checkout)
    packages = _packages(venv) if venv is not None and outside else ()
    return Toolchains(wanted.shown, variables, digest(*versions, *files, *packages))


def _search(given: Mapping[str, str], venv: Path | None) -> tuple[Path, ...]:
    """Return the folders of the search path, a virtual environment's own first."""
    path = list(_split(given.get("PATH", "")))
    if venv is not None and venv / "bin" not in path:
        path.insert(0, venv / "bin")
    return tuple(folder for folder in dict.fromkeys(path) if _readable(folder))


def _split(value: str) -> tuple[Path, ...]:
    return tuple(map(_plain, filter(os.path.isabs, value.split(":"))))


def _plain(place: str) -> Path:
    """Return a path without `..`, which would hide what it is below, and with its links."""
    return Path(os.path.normpath(place))


def _readable(folder: Path) -> bool:
    return is_folder(folder) and os.access(folder, os.R_OK | os.X_OK)


def _places(given: Mapping[str, str]) -> dict[str, str]:
    places = {name: given[name] for name in _PLACES if given.get(name, "").startswith("/")}
    return {name: str(_plain(place)) for name, place in places.items() if is_folder(_plain(place))}


def _venv(private: Private, given: Mapping[str, str]) -> Path | None:
    """Return the active virtual environment or the checkout's own, unless a link there leads out of it."""
    active = given.get("VIRTUAL_ENV", "")
    own = (private.checkout / name for name in _VENVS)
    found = [folder for folder in own if is_file(folder / "pyvenv.cfg")]
    if active.startswith("/") and is_folder(Path(active, "bin")):
        found = [_plain(active)]
    return next((folder for folder in found if not private.by_repository(folder)), None)


def _python(folder: Path) -> Path | None:
    names = (folder / part for part in ("bin/python", "python", "python3"))
    return next((name for name in names if is_file(name) and os.access(name, os.X_OK)), None)


def _with_rust(wanted: Wanted, home: Path | None, variables: dict[str, str]) -> None:
    """Show what rustup's own programs look for in the home, which is another inside."""
    if home is None or home / ".cargo/bin" not in wanted.named:
        return
    for name, folder in (("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")):
        place = home / folder
        if name not in variables and is_folder(place):
            wanted.folder(place)
            variables[name] = str(place)


def _listing(folder: Path) -> Iterator[str]:
    if any(folder.is_relative_to(place) for place in ("/usr/bin", "/usr/sbin", "/bin", "/sbin")):
        return
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        # Links may lead in circles, and what was there a moment ago may be gone.
        with suppress(OSError):
            status = entry.stat(follow_symlinks=False)
            if not entry.is_dir():
                yield f"{entry.path} {status.st_size} {status.st_mtime_ns}"


def _packages(venv: Path) -> Iterator[str]:
    """Yield what changes with the packages of a virtual environment that lies elsewhere."""
    for place in sorted(venv.glob("lib/python*/site-packages/*")):
        yield f"{place} {place.lstat().st_mtime_ns}"
