"""What a base image's own package installer needs of this machine: mirrors, proxies, trusted certificates."""

import shlex
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from swe_scale.sandbox.packages import host_packages

_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_TRUST = ("SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT")
_SYSTEM_TRUST = Path("/etc/ssl/certs/ca-certificates.crt")
_LARGEST = 8 << 20
_PATIENCE = 20.0
_TARGETS = "$(ORIGIN)|$(REPO_URI)|$(RELEASE)|$(COMPONENT)"
_PROXY_SETTINGS = ("http", "Acquire::http::Proxy", "https", "Acquire::https::Proxy")


@dataclass(frozen=True, slots=True)
class Installer:
    """Arguments of a build, and the certificates that it trusts."""

    arguments: Mapping[str, str]
    certificates: bytes


def host_installer(system: tuple[str, str]) -> Installer:
    """Return what a base of a distribution and release needs of this host, without any password.

    Args:
        system: distribution and release of the base. The host's mirrors serve only its own.
    """
    packages = host_packages(mounted=True)
    lines = tuple(_sources()) if system == _host_system() and all(system) else ()
    proxies = _proxies(packages.variables)
    arguments = {"SOURCES": "\n".join(lines)} if lines else {}
    trusted = next((packages.variables[name] for name in _TRUST if name in packages.variables), "")
    file = Path(packages.mounts.get(trusted, trusted or _SYSTEM_TRUST))
    return Installer({**arguments, **proxies}, _content(file))


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes() if file.is_file() and file.stat().st_size <= _LARGEST else b""
    except OSError:
        return b""


def _proxies(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the proxies, as the variables that builds know without leaving them in the image."""
    upper = {name.upper(): value for name, value in variables.items()}
    found = {name: upper[name] for name in _PROXIES if upper.get(name)}
    words = shlex.split(_said(("apt-config", "shell", *_PROXY_SETTINGS)))
    for name, _, value in (word.partition("=") for word in words):
        if _reachable(value) and value != "DIRECT":
            found.setdefault(f"{name.upper()}_PROXY", value)
    return found | {name.lower(): value for name, value in found.items()}


def _reachable(address: str) -> bool:
    """Return whether an address may be handed to a build: no password in it, and not this host's own."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    own = (parts.hostname or "localhost") == "localhost" or (parts.hostname or "").startswith("127.")
    return parts.scheme in ("http", "https") and parts.username is None and not own


def _sources() -> Iterator[str]:
    """Yield the distribution's own sources of this host, as lines for apt; those of others stay out."""
    origin = _host_system()[0]
    for line in dict.fromkeys(_said(("apt-get", "indextargets", "--format", _TARGETS)).splitlines()):
        whose, address, release, component = (*line.split("|"), "", "", "", "")[:4]
        if whose.lower() == origin and _reachable(address) and release and component:
            yield f"deb {address} {release} {component}"


def _host_system() -> tuple[str, str]:
    try:
        lines = Path("/etc/os-release").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return "", ""
    told = {key: value.strip('"') for key, _, value in (line.partition("=") for line in lines)}
    return told.get("ID", ""), told.get("VERSION_CODENAME", "")


def _said(command: tuple[str, ...]) -> str:
    """Return a program's output; nothing where there is no such program or it fails."""
    try:
        ran = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return ran.stdout.decode("utf-8", "replace") if ran.returncode == 0 else ""
