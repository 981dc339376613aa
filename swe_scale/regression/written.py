"""Which of the files that decide what tests say a run has changed, as seen from outside of it."""

from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import anyio

from swe_scale.errors import TooLarge
from swe_scale.patch import is_test
from swe_scale.profiles import profiles
from swe_scale.records import Changes, Record
from swe_scale.sandbox import Sandbox

_MADE_BY_RUNNERS = (
    ".cache", ".vite*", ".vitest*", ".nyc_output", "__snapshots__", "*.snap", "target", "test-results",
    ".gradle", ".libs", "CMakeFiles", "CMakeCache.txt", "CTestTestfile.cmake", "DartConfiguration.tcl",
    "config.status", "*.o", "*.lo", "*.a", "*.la", "*.so", "*.trs",
)  # fmt: skip
"""Names of new files and folders that runners and builds leave behind, though what is alike may steer one."""


class Written(Record):
    """What became of a work tree's tests, and of what steers their runner."""

    paths: tuple[str, ...] = ()
    """Those that differ from what was put there, and what is new and steers."""
    unseen: bool = False
    """Whether so much was written that it can't be compared."""


async def written(sandbox: Sandbox, put: Changes, base: frozenset[str]) -> Written:
    """Return which tests, settings and steering files of a sandbox are not what was put there.

    Args:
        sandbox: after a run.
        put: the changes that count of the candidate's.
        base: paths of the base tree.

    Raises:
        SandboxError: the backend failed.
    """
    try:
        found = await sandbox.snapshot()
    except TooLarge:
        return Written(unseen=True)
    return await anyio.to_thread.run_sync(differing, found, put, base)


def differing(found: Changes, put: Changes, base: frozenset[str]) -> Written:
    """Return the paths that decide what tests say and differ from what was put there.

    Of files of the base these are tests with all that lies in their folders, settings, and what steers; of
    new ones only what steers, or what would be loaded in place of something else: tests may write.

    Args:
        found: how the work tree differs from the prepared one.
        put: what was put there.
        base: paths of the base tree.
    """
    changed = [path for path, file in found.items() if path not in put or put[path] != file]
    return Written(paths=tuple(sorted(path for path in changed if _decides(path, base))))


def _decides(path: str, base: frozenset[str]) -> bool:
    every = profiles()
    if path in base:
        return (
            is_test(path) or _sets(path) or any(one.is_test_file(path) or one.steers(path) for one in every)
        )
    if any(fnmatchcase(part, made) for part in PurePosixPath(path).parts for made in _MADE_BY_RUNNERS):
        return False
    return any(one.hijacks(path, base) for one in every) or (_sets(path) and _beside(path, base))


def _sets(path: str) -> bool:
    name = PurePosixPath(path).name
    return any(fnmatchcase(name, pattern) for one in profiles() for pattern in one.settings)


def _beside(path: str, base: frozenset[str]) -> bool:
    folder = path[: path.rfind("/") + 1]
    return any(known.startswith(folder) for known in base)
