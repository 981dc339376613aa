"""Packs what a repository's Dockerfile may take of its tree, and what package clients need beside it."""

import tarfile
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import IO

from docker.utils.build import exclude_paths

from swe_scale.errors import EnvironmentFailure
from swe_scale.sandbox import Build
from swe_scale.sandbox.dockerfile import adapted
from swe_scale.sandbox.layers import LABEL

_OURS = ".swe-scale-build"
"""Folder of the build's context with what is ours."""
_TRUSTED = "/run/swe-scale-build/certificates.crt"
_TRUST = (
    "SSL_CERT_FILE",
    "CURL_CA_BUNDLE",
    "REQUESTS_CA_BUNDLE",
    "PIP_CERT",
    "NODE_EXTRA_CA_CERTS",
    "GIT_SSL_CAINFO",
)
_LARGEST = 8 << 20


def plain_settings(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of package clients that mean the same in any container: no files of this host."""
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "PIP_PROXY"}
    plain = {
        name: " ".join(word for word in value.split() if not word.startswith(("/", "file:")))
        for name, value in variables.items()
        if name.upper() not in proxies and name not in _TRUST
    }
    return {name: value for name, value in plain.items() if value}


def trusted_certificates(variables: Mapping[str, str], mounts: Mapping[str, str]) -> bytes:
    """Return what this host's package clients trust, where they are told so."""
    named = next((variables[name] for name in _TRUST if name in variables), "")
    file = Path(mounts.get(named, named))
    try:
        usable = bool(named) and file.is_file() and file.stat().st_size <= _LARGEST
        return file.read_bytes() if usable else b""
    except OSError:
        return b""


def placed_at(build: Build) -> str:
    """Return where the Dockerfile is in the context: in its own place if it has one there."""
    path, context = PurePosixPath(build.dockerfile), PurePosixPath(build.context)
    return str(path.relative_to(context)) if path.is_relative_to(context) else f"{_OURS}/Dockerfile"


def pack_context(
    out: IO[bytes], build: Build, tree: Path, settings: Mapping[str, str], certificates: bytes
) -> None:
    """Write the archive of a build's context, as .dockerignore wants it, without history.

    Args:
        out: the archive.
        build: how.
        tree: folder of this host that holds the tree.
        settings: of package clients, which every stage of the build gets.
        certificates: what they trust; empty: what the image has.

    Raises:
        EnvironmentFailure: the context isn't a folder of the tree.
    """
    root = tree / build.context
    if root.is_symlink() or not root.resolve().is_relative_to(tree.resolve()) or not root.is_dir():
        raise EnvironmentFailure(
            f"the build of {build.dockerfile} wants the folder {build.context}, which isn't there"
        )
    ignored = _ignored(root)
    placed = placed_at(build)
    added = [f"LABEL {LABEL}=built", *(f"ARG {name}" for name in settings)]
    extra: dict[str, bytes] = {}
    if certificates:
        extra[f"{_OURS}/certificates.crt"] = certificates
        added += [f"COPY {_OURS}/certificates.crt {_TRUSTED}", *(f"ARG {name}={_TRUSTED}" for name in _TRUST)]
    extra[placed] = adapted(build.text, added).encode()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path in sorted(
            exclude_paths(str(root), [*ignored, "/.git", "/.dockerignore"], dockerfile=placed)
        ):
            if path and path not in extra:
                archive.add(root / path, arcname=path, recursive=False, filter=_owned)
        for path, content in extra.items():
            entry = tarfile.TarInfo(path)
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, BytesIO(content))


def _owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return member


def _ignored(root: Path) -> list[str]:
    file = root / ".dockerignore"
    if file.is_symlink() or not file.is_file():
        return []
    lines = (line.strip() for line in file.read_text(encoding="utf-8", errors="replace").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
