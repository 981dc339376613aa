"""What package clients need of this host during set-up: mirrors, proxies and certificates, never more."""

import configparser
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from swe_scale.events import Events

_PIP = (
    "cert",
    "default-timeout",
    "disable-pip-version-check",
    "extra-index-url",
    "find-links",
    "index-url",
    "no-index",
    "proxy",
    "timeout",
    "trusted-host",
)
_PASSED = {
    "CURL_CA_BUNDLE",
    "GIT_SSL_CAINFO",
    "GOPROXY",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NODE_EXTRA_CA_CERTS",
    "NO_PROXY",
    "NPM_CONFIG_REGISTRY",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
    "UV_DEFAULT_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_INDEX",
    "UV_INDEX_URL",
} | {f"PIP_{key.upper().replace('-', '_')}" for key in _PIP}
_PROXIES = {"HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "PIP_PROXY"}
_MOUNTED = "/run/swe-scale"
"""Folder inside in which files of the host appear during set-up."""
_USER = re.compile(r"(?:(?<=://)|(?<![^\s]))[^/?#\s]*@")
"""User and password in a setting: in an address, or before a proxy without its scheme."""
_USER_IN_FILE = re.compile(rb"://[^/?#\s\"'<>@]{1,256}@")
_READ = 8 << 20
"""Bytes of a file that are searched for passwords."""


@dataclass(frozen=True, slots=True)
class Packages:
    """Settings for set-up lines, and the host files and folders that they name."""

    variables: Mapping[str, str]
    mounts: Mapping[str, str]
    """Path inside to path on the host, to be shown read-only."""
    withheld: tuple[str, ...] = ()
    """Names of the settings from which a user and password, or a file that holds one, were left out."""


def _pip_files() -> Iterator[Path]:
    # In pip's order: a later file wins.
    yield from (Path("/etc/xdg/pip/pip.conf"), Path("/etc/pip.conf"), Path.home() / ".pip/pip.conf")
    yield Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "pip/pip.conf"
    if named := os.environ.get("PIP_CONFIG_FILE"):
        yield Path(named)


def _pip_settings(files: Sequence[Path]) -> dict[str, str]:
    found: dict[str, str] = {}
    for file in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError):
            # pip itself will complain of the file, in words that name it.
            continue
        for section in ("global", "install"):
            for key, value in parser.items(section) if parser.has_section(section) else ():
                if key in _PIP:
                    found[f"PIP_{key.upper().replace('-', '_')}"] = " ".join(value.split())
    return found


def _folder_of(word: str) -> Path | None:
    if word.startswith("file://"):
        path = Path(unquote(urlsplit(word).path))
        # The pages of an index on disk point to files beside it.
        return path.parent if path.name == "simple" else path
    return Path(word) if word.startswith("/") else None


def _tells(word: str) -> bool:
    """Return whether a word names a file that holds an address with a password, or can't be read."""
    path = _folder_of(word)
    if path is None or not path.is_file():
        return False
    try:
        with path.open("rb") as file:
            return bool(_USER_IN_FILE.search(file.read(_READ)))
    except OSError:
        return True


def public(value: str) -> str:
    """Return a setting without passwords, and without files that hold any."""
    words = (_USER.sub("", word) for word in value.split(" "))
    return " ".join(word for word in words if not _tells(word))


def _shown(name: str, value: str, mounts: dict[str, str]) -> str:
    words = value.split()
    for position, word in enumerate(words):
        path = _folder_of(word)
        if path is None or not path.exists():
            continue
        # A folder keeps its path, since its pages may hold it. A file gets one of its own: set-up may
        # replace what the image has there, for instance the system's certificates.
        inside = str(path) if path.is_dir() else f"{_MOUNTED}/{name.lower()}-{position}"
        mounts[inside] = str(path)
        if path.is_file():
            words[position] = inside
    return " ".join(words)


def host_settings() -> dict[str, str]:
    """Return the settings of this host's package clients as they are: they may hold passwords."""
    found = _pip_settings(list(_pip_files()))
    return found | {name: value for name, value in os.environ.items() if name.upper() in _PASSED}


def host_packages(*, mounted: bool, direct: bool = True) -> Packages:
    """Return the settings of this host's package clients, without passwords: set-up runs hostile code.

    Args:
        mounted: whether set-up runs apart from the host's files, so that those named must be shown to it.
        direct: whether set-up has the host's network, so that it needs the host's proxies.
    """
    variables = host_settings()
    if not direct:
        variables = {name: value for name, value in variables.items() if name.upper() not in _PROXIES}
    variables |= {"PIP_NO_CACHE_DIR": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    shown = {name: public(value) for name, value in variables.items()}
    withheld = tuple(sorted(name for name, value in shown.items() if value != variables[name]))
    shown = {name: value for name, value in shown.items() if value}
    if not mounted:
        return Packages(shown, {}, withheld)
    mounts: dict[str, str] = {}
    shown = {name: _shown(name, value, mounts) for name, value in shown.items()}
    return Packages(shown, mounts, withheld)


def report_withheld(events: Events, *, mounted: bool, direct: bool = True) -> None:
    """Say which settings set-up gets without their passwords, if any; arguments as of `host_packages`."""
    names = host_packages(mounted=mounted, direct=direct).withheld
    if names:
        events.emit(
            "note",
            f"set-up doesn't get the passwords in {', '.join(names)}: it can't use what wants them, for "
            "instance a private index",
        )
