"""Prepares a root from a checkout that somebody has made ready, and remembers what of the host it needs."""

from functools import partial
from pathlib import Path, PurePosixPath

import anyio

from swe_scale.errors import SandboxError
from swe_scale.records import Record
from swe_scale.sandbox import Here
from swe_scale.sandbox.in_place.covered import covered
from swe_scale.sandbox.in_place.products import Products

_RECORD = "in-place.json"
_FILE, _FOLDER = "nothing", "hollow"
"""Names of an empty file and folder, shown in place of what is secret."""
_OTHER_HOME = "/var/home"
TEMPORARY = "tmp"
"""Folder of a root that holds the place of a work tree below `/tmp`."""


class Furnished(Record):
    """What a prepared root needs besides its own folders."""

    here: Here
    home: str
    """Where the home is inside."""
    left: tuple[str, ...] = ()
    """What of the checkout was left out as secret."""


def furnished(root: Path) -> Furnished | None:
    """Return what was remembered of a root; None where its environment was set up by us."""
    record = root / _RECORD
    return Furnished.model_validate_json(record.read_bytes()) if record.is_file() else None


async def furnish(here: Here, root: Path, home: str) -> Furnished:
    """Copy what the checkout holds beside its tracked files into a root, which has these; secrets stay out.

    Args:
        here: the checkout, and what of this host is to be shown.
        root: with an exported `tree` and a `home`.
        home: where the home is inside unless something else is to be seen there.

    Raises:
        SandboxError: something can't be read or copied.
    """
    return await anyio.to_thread.run_sync(partial(_furnish, here, root, home))


def _furnish(here: Here, root: Path, home: str) -> Furnished:
    try:
        (root / _FILE).touch()
        (root / _FOLDER).mkdir(exist_ok=True)
        left = Products(Path(here.checkout)).copy(root / "tree")
        taken = any(PurePosixPath(folder).is_relative_to(home) for folder in here.shown)
        place = _OTHER_HOME if taken else home
        _hold(root / "home", place, here.checkout)
        _hold(root / TEMPORARY, "/tmp", here.checkout)  # noqa: S108 - inside
        known = Furnished(here=here, home=place, left=left)
        (root / _RECORD).write_text(known.model_dump_json(), encoding="utf-8")
    except OSError as error:
        raise SandboxError(f"{error.filename} can't be prepared: {error.strerror}") from error
    return known


def shown(root: Path, here: Here) -> dict[str, Path]:
    """Return what of this host is shown read-only, as path inside to path on this host.

    In place of secrets, as they are there now, nothing is shown; these come after the folders they are in.

    Args:
        root: as it was prepared.
        here: what is to be shown.
    """
    found = {folder: Path(folder) for folder in here.shown if Path(folder).is_dir()}
    found |= {str(path): root / (_FOLDER if path.is_dir() else _FILE) for path in covered(here.shown)}
    return dict(sorted(found.items()))


def _hold(folder: Path, place: str, checkout: str) -> None:
    """Make the place of a checkout in what will be shown above it, since it can't be made there later."""
    folder.mkdir(exist_ok=True)
    if (path := PurePosixPath(checkout)).is_relative_to(place):
        (folder / path.relative_to(place)).mkdir(parents=True, exist_ok=True)
