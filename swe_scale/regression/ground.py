"""What of a commit's tree a test file's run depended on, and whether another commit has the same.

The rule is that of regression test selection by files (Ekstazi, ISSTA 2015): what a test file did holds as
long as every file that it executed is the same. Files that it read, folders that it listed, modules that it
looked for and what steers the runner count, too.
"""

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import translate
from pathlib import PurePosixPath

from swe_scale.environment.python import TOLD_BY
from swe_scale.profiles import Profile, profiles
from swe_scale.records import Record, digest
from swe_scale.regression.executed import Executed
from swe_scale.repo.objects import Entry

_ABSENT = ""
_LINK = "120000"
_COMPILED = (".so", ".pyd", ".dylib")
_STAMPS = frozenset({"_version.py", "__version__.py", "version.py", "_scm_version.py"})
"""Modules that set-up writes anew for each commit, with nothing but its version in them."""
_NOT_COMPILED = (".py", ".pyi", ".md", ".rst", ".txt")
_ABOVE = frozenset({"__init__.py", "conftest.py"})
"""What counts where it lies above a test, and nowhere else."""
_INSTALLS = re.compile("|".join(translate(one) for one in TOLD_BY if not one.endswith("conftest.py")))


class Basis(Record):
    """What a run depended on, as it was then."""

    files: Mapping[str, str]
    """By path, mode and blob of what was executed or read; empty: it wasn't in the tree."""
    folders: Mapping[str, str] = {}
    """By folder whose names were asked for, a digest of them."""
    imported: tuple[str, ...] = ()
    """Names of modules that were looked for."""
    modules: str = ""
    """Digest of the paths that could be one of these."""
    steering: str = ""
    """Digest of what steers the runner, decides what is installed, or leads elsewhere."""
    compiled: str = ""
    """Digest of all that compiled modules may be made of, where such were loaded."""


@dataclass(slots=True)
class Ground:
    """One tree, as the Python tests of a folder see it."""

    entries: Sequence[Entry]
    subdir: str = ""
    _files: dict[str, str] = field(init=False)
    _everywhere: str | None = None
    _above: dict[str, list[str]] | None = None
    _folders: dict[str, set[str]] | None = None
    _stems: dict[str, list[str]] | None = None

    def __post_init__(self) -> None:
        """Order the entries by path."""
        self._files = {entry.path: f"{entry.mode} {entry.blob}" for entry in self.entries}

    def basis(self, test: str, executed: Executed) -> Basis | None:
        """Return what a run of a test file depended on; None where that isn't known as a whole."""
        if not executed.whole or executed.hidden or test not in executed.functions:
            return None
        made = [path for path in executed.functions if path not in self._files]
        if any(posixpath.basename(path) not in _STAMPS for path in made):
            return None
        paths = {*executed.functions, *executed.read} - {*made}
        imported = tuple(sorted(executed.imported))
        compiled = any(path.endswith(_COMPILED) and path not in self._files for path in executed.read)
        return Basis(
            files={path: self._files.get(path, _ABSENT) for path in sorted(paths)},
            folders={folder: self._names(folder) for folder in sorted(executed.listed)},
            imported=imported,
            modules=self._modules(imported),
            steering=self._steering(test),
            compiled=self._sources() if compiled else "",
        )

    def holds(self, basis: Basis, test: str) -> bool:
        """Return whether all that a run of a test file depended on is the same here."""
        return (
            all(self._files.get(path, _ABSENT) == state for path, state in basis.files.items())
            and basis.steering == self._steering(test)
            and all(self._names(folder) == names for folder, names in basis.folders.items())
            and basis.modules == self._modules(basis.imported)
            and basis.compiled in ("", self._sources())
        )

    def _digest(self, paths: Iterable[str]) -> str:
        return digest(*(f"{path}\0{self._files[path]}" for path in sorted(paths)))

    def _sources(self) -> str:
        return self._digest(path for path in self._files if not path.endswith(_NOT_COMPILED))

    def _names(self, folder: str) -> str:
        if self._folders is None:
            self._folders = {}
            for path in self._files:
                while path:
                    above, _, name = path.rpartition("/")
                    self._folders.setdefault(above, set()).add(name)
                    path = above
        return digest(*sorted(self._folders.get(folder, ())))

    def _modules(self, names: Iterable[str]) -> str:
        if self._stems is None:
            self._stems = {}
            for path in filter(_loaded, self._files):
                self._stems.setdefault(_module(path).rpartition("/")[2], []).append(path)
        found: list[str] = []
        for name in names:
            inner = name.replace(".", "/")
            alike = self._stems.get(inner.rpartition("/")[2], ())
            found += (path for path in alike if f"/{_module(path)}".endswith(f"/{inner}"))
        return digest(*sorted(found))

    def _steering(self, test: str) -> str:
        if self._above is None or self._everywhere is None:
            self._above = {}
            everywhere = [path for path in self._files if self._steers(path, self._above)]
            self._everywhere = self._digest(everywhere)
        folders = [str(parent) for parent in PurePosixPath(test).parents]
        near = [path for folder in folders for path in self._above.get("" if folder == "." else folder, ())]
        return digest(self._everywhere, self._digest(near))

    def _steers(self, path: str, above: dict[str, list[str]]) -> bool:
        """Return whether a file steers wherever it lies; note it where it does so for what is below it."""
        folder, _, name = path.rpartition("/")
        if name in _ABOVE:
            above.setdefault(folder, []).append(path)
            return False
        inner = path.removeprefix(f"{self.subdir}/") if self.subdir else path
        if self._files[path].startswith(_LINK) or _INSTALLS.match(path) or _INSTALLS.match(inner):
            return True
        python = _python()
        at_root = folder in ("", self.subdir, *python.source_roots)
        return python.steers(path) or (at_root and name.partition(".")[0] in python.shadowing)


def _module(path: str) -> str:
    folder, _, name = path.rpartition("/")
    stem = name.partition(".")[0]
    return folder if stem == "__init__" else f"{folder}/{stem}" if folder else stem


def _loaded(path: str) -> bool:
    return path.endswith((".py", *_COMPILED))


def _python() -> Profile:
    return next(profile for profile in profiles() if profile.name == "python")
