"""Tells by its beginning whether a file holds a private key or a password."""

import codecs
import os
import re
import stat

from swe_scale.sandbox.in_place.secrets import is_key

_READ = 64 << 10
"""Bytes of a file that are looked at."""
_ARMOURED = (b"-----BEGIN ", b"Bag Attributes", b"Private-Key:", b"# created:", b"AGE-SECRET-KEY-")
"""Beginnings of files in which a key may come after its parameters or certificates."""
_PRIVATE = re.compile(rb"-----BEGIN ([A-Z0-9]{1,16} ){0,3}PRIVATE KEY|AGE-SECRET-KEY-1")
_PRIVATE_FIELD = re.compile(rb'"private_key"\s{0,9}:\s{0,9}"-----BEGIN')
_SETTINGS = {
    "FETCH_HEAD", "HEAD", "NuGet.Config", "config", "config.toml", "config.worktree", "go.env",
    "gradle.properties", "init.gradle", "local.properties", "nuget.config", "poetry.toml", "settings.xml",
    "sftp.json", "uv.toml",
}  # fmt: skip
"""Names of files that hold passwords in some places, and are needed in others."""
_PASSWORD = re.compile(
    rb"://(?!git@)[^\s/@\"'<>]+@|"
    rb"^[ \t]*\"?[\w.:/-]*(password|passwd|token|secret|_auth|(api|access|secret)_?key|extraheader)\"?"
    rb"[ \t]*[=:]|"
    rb"<(password|passphrase)>[^<]|cleartextpassword|^BUNDLE_(?!BUILD__|LOCAL__|MIRROR__)\w+__\w+:",
    re.IGNORECASE | re.MULTILINE,
)


def is_private(head: bytes) -> bool:
    """Return whether a file that begins so is a private key, alone or as a field of a service account's."""
    armoured = head.removeprefix(codecs.BOM_UTF8).lstrip().startswith(_ARMOURED)
    return bool((armoured and _PRIVATE.search(head)) or _PRIVATE_FIELD.search(head))


def holds_secret(path: str, name: str, *, unpacked: bool) -> bool:
    """Return whether a plain file holds a private key or a password, as far as its name makes that likely.

    Args:
        path: where it is.
        name: its last component.
        unpacked: whether a package manager unpacked it, whose keys are there for tests.
    """
    if name in _SETTINGS:
        return _PASSWORD.search(_uncommented(beginning(path))) is not None
    if unpacked or not is_key(name):
        return False
    return _PRIVATE.search(beginning(path)) is not None


def beginning(path: str) -> bytes:
    """Return the first bytes of a plain file; none of what isn't one, or can't be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(handle, "rb") as stream:
        return stream.read(_READ) if stat.S_ISREG(os.fstat(handle).st_mode) else b""


def _uncommented(text: bytes) -> bytes:
    first, *others = text.split(b"<!--")
    return first + b"".join(other.partition(b"-->")[2] for other in others)
