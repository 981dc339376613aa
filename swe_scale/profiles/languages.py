"""Reads the language profiles, so that what differs between languages is data and not code."""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import cache, lru_cache
from pathlib import PurePosixPath
from types import MappingProxyType

from swe_scale import assets
from swe_scale.patch import is_test
from swe_scale.profiles.runners import CheckRun, Runner, Toolchain
from swe_scale.records import Changes, Record

WHOLE = "(all tests)"
"""Stands for a path in the ids of tests of which no file is known."""

_LONGEST_LINE = 10_000
"""Characters of a line that is searched for runners: some of their patterns take quadratic time."""


class Profile(Record):
    """What is known of one language. Patterns are those of `fnmatch`, for one part of a path."""

    name: str
    recognise: tuple[str, ...]
    """Files at the root that make it a project of this language."""
    perhaps: tuple[str, ...] = ()
    """Files at the root that make it one where nothing speaks for another language."""
    source_files: tuple[str, ...] = ()
    source_roots: tuple[str, ...] = (".",)
    """Folders from which modules are imported, most specific first; `.` is the root."""
    test_files: tuple[str, ...]
    """Those that a runner can be given, or that its report speaks of."""
    test_folders: tuple[str, ...] = ()
    """Folders in which every source is one."""
    not_tests: tuple[str, ...] = ()
    """Sources, or folders of them, that are none all the same."""
    steering: tuple[str, ...] = ()
    """Files that steer a runner or the interpreter, or stand in for a source."""
    steering_folders: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    """Files of the project that steer a runner, too."""
    starters: tuple[str, ...] = ()
    """Words in a check by which it may start a runner or another process."""
    programs: tuple[str, ...] = ()
    """Programs that are not taken from a candidate."""
    shadowing: tuple[str, ...] = ()
    """Modules that, new at a source root, would be loaded in place of what is installed."""
    toolchain: Toolchain = Toolchain()
    toolchains: Mapping[str, Toolchain] = {}
    """What only some projects need besides, such as `maven`, by a name of its own."""
    runners: Mapping[str, Runner] = {}
    check: CheckRun | None = None
    """None: checks are written in shell."""

    def is_test_file(self, path: str) -> bool:
        """Return whether a runner can be given this path."""
        *folders, name = PurePosixPath(path).parts or ("",)
        if _any(name, self.test_files):
            return True
        below = next((at for at, folder in enumerate(folders) if _any(folder, self.test_folders)), None)
        if below is None or not _any(name, self.source_files):
            return False
        return not any(_any(part, self.not_tests) for part in (*folders[below + 1 :], name))

    def steers(self, path: str) -> bool:
        """Return whether the path could change what is reported without changing the product."""
        *folders, name = PurePosixPath(path).parts or ("",)
        return _any(name, self.steering) or any(
            _any(part, self.steering_folders) for part in (*folders, name)
        )

    def hijacks(self, path: str, base: frozenset[str]) -> bool:
        """Return whether a changed path would be loaded in place of what an interpreter should load.

        That is what steers it; a module of an installed one's name that isn't there at the base; and a
        module that is at the base, put into a source root that comes before its own.
        """
        if self.steers(path):
            return True
        if path in base and not _importable(path):
            return False
        module = _module_of(self.source_roots, path)
        name = module.rpartition("/")[2]
        known = _modules(self.source_roots, base)
        if not name or module in known:
            return False
        elsewhere = (name if root == "." else f"{root}/{name}" for root in self.source_roots)
        return name in self.shadowing or (_importable(path) and not known.isdisjoint(elsewhere))

    def replaces(self, name: str) -> bool:
        """Return whether a program of this name is one by which code is run."""
        return _any(name, self.programs)

    def starts(self, script: str) -> bool:
        """Return whether a check may start a test runner or another process, by the words in it."""
        return any(word in script for word in self.starters)

    def set_aside(self, changes: Changes, base: frozenset[str]) -> tuple[str, ...]:
        """Return the changed paths that must not count when the repository's own tests run.

        Tests and what steers a runner keep the content that they have at the base. So does a test
        whose folder a change would replace by a file, or itself by a folder; and a module that
        isn't there at the base must not be loaded in place of the runner's own.

        Args:
            changes: the candidate's changes.
            base: paths of the base tree.
        """
        return tuple(path for path in sorted(changes) if self._spoils(path, base))

    def _spoils(self, path: str, base: frozenset[str]) -> bool:
        if self._kept(path) or self.hijacks(path, base):
            return True
        if any(str(parent) in base and self._kept(str(parent)) for parent in PurePosixPath(path).parents):
            return True
        return path not in base and any(known.startswith(f"{path}/") and self._kept(known) for known in base)

    def _kept(self, path: str) -> bool:
        name = PurePosixPath(path).name
        return is_test(path) or self.is_test_file(path) or self.steers(path) or _any(name, self.settings)


def started_by(line: str) -> tuple[Profile, Runner] | None:
    """Return the runner that a shell line starts, with its language; the last one if it starts several.

    None is known of a line that is too long to be searched.
    """
    if len(line) > _LONGEST_LINE:
        return None
    known = [(profile, runner) for profile in profiles() for runner in profile.runners.values()]
    starts = [
        (found.start(), -number)
        for number, (_, runner) in enumerate(known)
        for found in (re.finditer(runner.matches, line) if runner.matches else ())
    ]
    return known[-max(starts)[1]] if starts else None


def runner_of(line: str) -> Runner | None:
    """Return the runner that a shell line starts; None: none is known."""
    found = started_by(line)
    return found[1] if found else None


def _importable(path: str) -> bool:
    return path.endswith((".py", ".so"))


def _module_of(source_roots: tuple[str, ...], path: str) -> str:
    # The root and the top-level name under which a path is imported, for instance `src/pkg`.
    parts = PurePosixPath(path).parts
    if len(parts) > 1 and parts[0] in source_roots:
        return f"{parts[0]}/{parts[1].partition('.')[0]}"
    return parts[0].partition(".")[0] if parts else ""


@lru_cache(maxsize=8)
def _modules(source_roots: tuple[str, ...], base: frozenset[str]) -> frozenset[str]:
    return frozenset(_module_of(source_roots, path) for path in base if _importable(path))


@cache
def profiles() -> tuple[Profile, ...]:
    """Return every language profile that ships, by name."""
    found = sorted((assets.folder("sandboxes") / "profiles").glob("*.toml"))
    return tuple(Profile.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))) for path in found)


@cache
def toolchains() -> Mapping[str, Toolchain]:
    """Return what a place may need: each language's toolchain by the profile's name, others by their own."""
    further = {name: one for profile in profiles() for name, one in profile.toolchains.items()}
    return MappingProxyType(further | {profile.name: profile.toolchain for profile in profiles()})


@cache
def check_languages() -> Mapping[str, CheckRun]:
    """Return how checks are run in each language that a profile can run one in, by the profile's name."""
    return MappingProxyType({profile.name: profile.check for profile in profiles() if profile.check})


def recognised(paths: Iterable[str]) -> tuple[Profile, ...]:
    """Return the profiles of the project with these paths, the likeliest first.

    What lies at the root says which come into question; most sources in a language make it the likeliest.
    """
    every = tuple(paths)
    names = Counter(PurePosixPath(path).name for path in every)
    at_root = [path for path in every if "/" not in path]

    def rank(profile: Profile) -> tuple[bool, int]:
        sure = any(_any(path, profile.recognise) for path in at_root)
        return sure, sum(count for name, count in names.items() if _any(name, profile.source_files))

    found = [
        profile
        for profile in profiles()
        if any(_any(path, (*profile.recognise, *profile.perhaps)) for path in at_root)
    ]
    return tuple(sorted(found, key=rank, reverse=True))


def recognise(paths: Iterable[str]) -> Profile | None:
    """Return the profile of the project with these paths, the likeliest; None where there is none."""
    return next(iter(recognised(paths)), None)


def find_tests(paths: Iterable[str], profile: str | None = None, subdir: str = "") -> tuple[str, ...]:
    """Return the paths that a test runner can be given, sorted.

    Args:
        paths: relative to the root.
        profile: name of the runner's language. None, or one that is unknown: any that is known.
        subdir: folder below which they lie; empty: anywhere.
    """
    inside = f"{subdir}/" if subdir else ""
    own = [one for one in profiles() if one.name == profile] or profiles()
    return tuple(
        sorted(path for path in paths if path.startswith(inside) and any(p.is_test_file(path) for p in own))
    )


def _any(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
