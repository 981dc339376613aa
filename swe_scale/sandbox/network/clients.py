"""Asks this machine's package clients, at run time, which registries they are configured for."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from swe_scale.sandbox.network.allowed import Entry
from swe_scale.sandbox.network.authority import parse_authority
from swe_scale.sandbox.packages import public

T = TypeVar("T")

_PIP = """
import glob, json, os, sys, sysconfig
try:
    from pip._internal.models.index import PyPI
except ImportError:
    import ensurepip
    folder = sysconfig.get_config_var("WHEEL_PKG_DIR") or os.path.dirname(ensurepip.__file__) + "/_bundled"
    sys.path[:0] = glob.glob(folder + "/pip-*.whl")
    from pip._internal.models.index import PyPI
print(json.dumps([PyPI.simple_url, "https://" + PyPI.file_storage_domain]))
"""
_SECONDS = 20
_PORTS = {"http": 80, "https": 443}
_INDEX = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
_FURTHER = (
    "PIP_EXTRA_INDEX_URL",
    "PIP_FIND_LINKS",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "GOPROXY",
    "NPM_CONFIG_REGISTRY",
    "npm_config_registry",
)
_OFF = {"1", "true", "yes", "on"}


def _said(*command: str) -> str:
    """Return what a program of this host answers; nothing where it isn't there or fails."""
    program = shutil.which(command[0])
    if program is None:
        return ""
    try:
        # In a folder of the system's: a repository's own settings are not this machine's.
        done = subprocess.run(
            [program, *command[1:]], cwd="/", stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _decoded(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _pip(variables: Mapping[str, str]) -> Iterator[str]:
    if variables.get("PIP_NO_INDEX", "").lower() in _OFF:
        return
    named = [variables[name] for name in _INDEX if variables.get(name)]
    yield from named
    if not variables.get("PIP_INDEX_URL"):
        answers = (_decoded(_said(python, "-I", "-c", _PIP)) for python in (sys.executable, "python3"))
        yield from next((answer for answer in answers if answer), ())


def _npm() -> Iterator[tuple[str, str]]:
    found = _decoded(_said("npm", "config", "list", "--json"))
    for name, value in found.items() if isinstance(found, dict) else ():
        if isinstance(value, str) and (name == "registry" or name.endswith(":registry")):
            yield "NPM_CONFIG_REGISTRY" if name == "registry" else "", value


def _go() -> Iterator[tuple[str, str]]:
    lines = _said("go", "env", "GOPROXY", "GOSUMDB").splitlines()
    yield from zip(("GOPROXY", "GOSUMDB"), lines, strict=False)
    # A checksum database is named by its host, its key, and then perhaps its address.
    words = lines[1].split() if len(lines) > 1 else []
    if words and words[0] != "off":
        yield "", words[-1] if "://" in words[-1] else f"https://{words[0].partition('+')[0]}"


def _cargo() -> Iterator[str]:
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    for file in (home / "config.toml", home / "config"):
        try:
            settings = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError):
            continue
        for table, key in (("source", "registry"), ("registries", "index")):
            entries = settings.get(table)
            for entry in entries.values() if isinstance(entries, dict) else ():
                if isinstance(entry, dict) and isinstance(entry.get(key), str):
                    yield entry[key]
    for name, value in os.environ.items():
        if name.startswith("CARGO_REGISTRIES_") and name.endswith("_INDEX"):
            yield value


def _apt() -> Iterator[str]:
    yield from _said("apt-get", "indextargets", "--format", "$(SITE)").splitlines()


@dataclass(frozen=True, slots=True)
class Clients:
    """What the package clients of this machine are configured for."""

    entries: tuple[Entry, ...]
    variables: Mapping[str, str]
    """Tells clients inside what those of this machine keep in files, without passwords."""


def configured(variables: Mapping[str, str]) -> Clients:
    """Return the registries of this machine's package clients; runs them, which may take some seconds.

    Args:
        variables: their settings as far as they are known; see `host_settings`.
    """
    with ThreadPoolExecutor(max_workers=5) as pool:
        named = [pool.submit(_all, found) for found in (_npm(), _go())]
        plain = [pool.submit(_all, found) for found in (_pip(variables), _cargo(), _apt())]
        pairs = [pair for found in named for pair in found.result()]
        values = [value for found in plain for value in found.result()]
    values += [value for _, value in pairs] + [variables.get(name, "") for name in _FURTHER]
    told = {name: public(value) for name, value in pairs if name and name not in variables}
    return Clients(entries_of(values), {name: value for name, value in told.items() if value})


def _all(found: Iterable[T]) -> list[T]:
    return list(found)


def entries_of(values: Iterable[str]) -> tuple[Entry, ...]:
    """Return the hosts and ports that settings name, each in any number of addresses."""
    found: dict[Entry, None] = {}
    for value in values:
        for word in value.replace(",", " ").replace("|", " ").split():
            entry = _entry(word)
            if entry is not None:
                found[entry] = None
    return tuple(found)


def _entry(word: str) -> Entry | None:
    # Cargo puts a protocol before the scheme, uv a name.
    before, _, rest = word.partition("://")
    usual = _PORTS.get(re.split("[=+]", before)[-1].lower())
    if usual is None:
        return None
    try:
        place = urlsplit(f"//{rest}").netloc.rpartition("@")[2]
    except ValueError:
        return None
    authority = parse_authority(place, usual)
    return Entry(authority.host, (authority.port,), inner=True) if authority else None
