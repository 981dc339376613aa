"""Leaves out of a candidate's changes what could bend a judgement of it, alike wherever it is judged."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from swe_scale.flags import STEERING, TEST_EDITS
from swe_scale.patch import is_test
from swe_scale.profiles.languages import Profile, profiles
from swe_scale.records import Changes, Check


@dataclass(frozen=True, slots=True)
class Counted:
    """What of a candidate's changes is judged."""

    changes: Changes
    flags: tuple[str, ...]
    """What kind of changes were left out."""


def counted_by_runner(changes: Changes, base: frozenset[str]) -> Counted:
    """Return what counts where the repository's own tests run: neither tests nor what steers the runner.

    Args:
        changes: the candidate's.
        base: paths of the base tree.
    """
    return _without(changes, {path for profile in profiles() for path in profile.set_aside(changes, base)})


def counted(check: Check, changes: Changes, base: frozenset[str], places: Iterable[str] = ()) -> Counted:
    """Return what counts where a check runs.

    Of a check in which nothing shows that it starts a runner, the candidate's tests and the project's own
    settings stay: they are what it may be about.

    Args:
        check: what is to run.
        changes: the candidate's.
        base: paths of the base tree.
        places: folders in the work tree in which programs are searched, `.` for its root.
    """
    folders = frozenset(places)

    def left_out(profile: Profile) -> Iterable[str]:
        if check.language == "sh" or profile.starts(check.script):
            return profile.set_aside(changes, base)
        return (path for path in changes if profile.hijacks(path, base))

    def program(profile: Profile, path: str) -> bool:
        place = PurePosixPath(path)
        return str(place.parent) in folders and (path not in base or profile.replaces(place.name))

    every = profiles()
    steering = {path for profile in every for path in left_out(profile)}
    programs = {path for profile in every for path in changes if program(profile, path)}
    return _without(changes, steering | programs)


def _without(changes: Changes, ignored: set[str]) -> Counted:
    steering = {path for path in ignored for profile in profiles() if profile.steers(path)}
    tests = {path for path in ignored - steering if is_test(path)}
    return Counted(
        {path: file for path, file in changes.items() if path not in ignored},
        (*((TEST_EDITS,) if tests else ()), *((STEERING,) if ignored - tests else ())),
    )
