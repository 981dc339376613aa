"""Deletes what hostile code made, however deep and however closed, without following a link."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from swe_scale.errors import SandboxError

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def remove_entry(name: str, folder: int) -> None:
    """Delete an entry of an open folder, with everything in it; one that isn't there is deleted already.

    Nothing may move what is in it meanwhile.

    Raises:
        OSError: something can't be deleted.
    """
    with suppress(FileNotFoundError):
        if (inner := _removed_or_opened(name, folder)) is not None:
            _clear(inner)
            os.rmdir(name, dir_fd=folder)


def remove_tree(path: Path) -> None:
    """Delete a folder with everything in it, also where hostile code took the permissions away.

    Raises:
        SandboxError: something can't be deleted.
    """
    try:
        above = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            remove_entry(path.name, above)
        finally:
            os.close(above)
    except FileNotFoundError:
        return
    except OSError as error:
        raise SandboxError(f"{path} can't be removed: {error.strerror}; remove it by hand") from error


def _removed_or_opened(name: str, folder: int) -> int | None:
    """Delete an entry, or return the folder that it is, open, where something is in it."""
    try:
        os.unlink(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.EISDIR, errno.EPERM):
            raise
    else:
        return None
    try:
        os.rmdir(name, dir_fd=folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES):
            raise
    else:
        return None
    with suppress(PermissionError):
        return os.open(name, _FOLDER, dir_fd=folder)
    os.chmod(name, 0o700, dir_fd=folder)
    return os.open(name, _FOLDER, dir_fd=folder)


def _clear(folder: int) -> None:
    """Empty an open folder, which is closed then; the way up is the way down, however deep."""
    depth = 0
    try:
        while True:
            if (following := _thinned(folder)) is not None:
                depth += 1
            elif depth:
                depth -= 1
                following = os.open("..", _FOLDER, dir_fd=folder)
            else:
                return
            os.close(folder)
            folder = following
    finally:
        os.close(folder)


def _thinned(folder: int) -> int | None:
    """Delete what is in a folder up to the first folder with something in it, which is returned open."""
    os.fchmod(folder, 0o700)
    with os.scandir(folder) as entries:
        for entry in entries:
            if (inner := _removed_or_opened(entry.name, folder)) is not None:
                return inner
    return None
