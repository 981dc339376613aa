"""Finds what must not be seen of the folders of this host that are shown."""

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from swe_scale.sandbox.in_place.contents import holds_secret
from swe_scale.sandbox.in_place.secrets import is_secret, is_unpacked, pointed_to

_SYSTEM = ("/usr/local/etc", "/usr/etc")
"""Of what is shown in any case, where installed programs keep their settings."""


def covered(folders: Iterable[str]) -> frozenset[Path]:
    """Return the files and folders in some folders that are hidden: secrets, and sockets of this host.

    A socket can be connected to even where its folder can't be written.
    """
    places = (*folders, *_SYSTEM)
    found = {Path(path) for folder in places for path in _secrets(folder)}
    # A link can't be covered; where it leads to can.
    links = {path for path in found if path.is_symlink()}
    ends = {Path(os.path.realpath(link)) for link in links} | pointed_to(os.environ)
    shown = {form for place in places for form in (Path(place), Path(os.path.realpath(place)))}
    return frozenset(found - links | {end for end in ends if end.exists() and shown & {*end.parents}})


def _secrets(folder: str) -> Iterator[str]:
    waiting = [(folder, False)]
    while waiting:
        place, unpacked = waiting.pop()
        within = place.rpartition("/")[2]
        # What we can't read, nobody inside can.
        with suppress(OSError), os.scandir(place) as entries:
            for entry in entries:
                if _hidden(entry, within, unpacked=unpacked):
                    yield entry.path
                elif entry.is_dir(follow_symlinks=False):
                    waiting.append((entry.path, unpacked or is_unpacked(entry.name)))


def _hidden(entry: "os.DirEntry[str]", within: str, *, unpacked: bool) -> bool:
    name = entry.name
    if entry.is_dir(follow_symlinks=False):
        return is_secret(name, folder=True)
    if entry.is_symlink():
        return is_secret(name, folder=False, within=within, unpacked=unpacked) or is_secret(name, folder=True)
    if not entry.is_file(follow_symlinks=False):
        return True
    known = is_secret(name, folder=False, within=within, unpacked=unpacked)
    return known or holds_secret(entry.path, name, unpacked=unpacked)
