"""Collects the folders of this host that are shown, and refuses those that would show something private."""

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from swe_scale.errors import EnvironmentFailure
from swe_scale.sandbox.in_place.private import Private, is_file, is_folder, way
from swe_scale.sandbox.python import find_python

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
"""Shown in any case."""
_PREFIXED = ("bin", "sbin", "shims", "condabin")
_INTERPRETER = re.compile(r"(python|pypy)[0-9.]*")


class Wanted:
    """Folders that are to be shown, of which none is so wide that it would show a home."""

    def __init__(self, private: Private) -> None:
        self.named: set[Path] = set()
        self._private = private
        self._checkout = private.checkout
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

    def seen(self, folders: Iterable[Path]) -> str:
        """Return those of some folders that can be seen inside, as a search path."""
        return ":".join(str(folder) for folder in folders if self.covers(folder))

    def folder(self, folder: Path) -> None:
        """Want a folder, and where it leads to, unless only a link in the checkout leads there."""
        if self._private.by_repository(folder):
            return
        for place in {folder, Path(os.path.realpath(folder))}:
            if is_folder(place) and not self.covers(place) and not self._private.shows(place):
                self._shown.add(place)

    def program(self, folder: Path) -> None:
        """Want a folder of programs with what they need, which lies beside it or where its links lead."""
        self.named.add(folder)
        self.folder(self._prefix(folder))
        if folder.is_relative_to("/usr") or folder.is_relative_to(self._checkout):
            # Where links in the checkout lead is for the repository to say, and not what is shown.
            return
        for link in _links(folder):
            target = way(link).end
            if target is not None and is_file(target) and not self._private.by_repository(link):
                self.folder(self._prefix(target.parent))

    def interpreter(self, python: Path) -> str:
        """Want a Python's standard library; return its version.

        Nothing that lies in the checkout is run, nor what only a link there calls a Python.
        """
        real = Path(os.path.realpath(python))
        if real.is_relative_to(os.path.realpath(self._checkout)) or not _INTERPRETER.fullmatch(real.name):
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
        return above if folder.name in _PREFIXED and not self._private.shows(above) else folder


def _links(folder: Path) -> Iterator[Path]:
    with suppress(OSError), os.scandir(folder) as entries:
        yield from (Path(entry.path) for entry in entries if entry.is_symlink())
