"""Decides whether and where a project tells its users of a change, and writes it there."""

from collections.abc import Sequence
from pathlib import PurePosixPath

from swe_scale.house.base import LARGEST, LIVING, Base
from swe_scale.house.change import Change, Edit
from swe_scale.house.commits import Told
from swe_scale.house.fragments import Entry, fragment_of
from swe_scale.house.habits import FEWEST
from swe_scale.house.living import add_entry

NO_CHANGELOG = "the project has no changelog"
_LEAST = 0.1
"""Share of commits that touch a changelog from which on a change tells of itself there."""
_ROOTS = (".", "docs", "doc")
"""Folders whose changelog tells of the whole project."""


def changelog_of(change: Change, base: Base, commits: Sequence[Told]) -> Entry:
    """Return the edit by which a change is told to users; none where the project doesn't want one of it.

    Args:
        change: of which nothing is trusted.
        base: the tree that it changes.
        commits: before the base, newest first; they say whether a changelog grows with each change or only
            with a release.
    """
    if (entry := fragment_of(change, base)) is not None:
        return entry
    path, share = _living(change, base, commits)
    if not path:
        return Entry(None, NO_CHANGELOG)
    known = sum(bool(one.past.paths) for one in commits)
    if known < FEWEST:
        share, told = 1.0, "no history says otherwise"
    else:
        told = f"{share:.0%} of {known} commits touch it"
    if share < _LEAST:
        return Entry(None, f"{path} is written at releases: {told}")
    data = base.contents.get(path)
    if data is None or len(data) > LARGEST or b"\0" in data:
        return Entry(None, f"{path} can't be read as text")
    added = add_entry(path, data, change)
    if added is None:
        return Entry(None, f"{path} has no section for what isn't released yet")
    return Entry(Edit(path=path, data=added), f"{path}: {told}")


def _living(change: Change, base: Base, commits: Sequence[Told]) -> tuple[str, float]:
    """Return the changelog that is nearest to what is changed, and the share of commits that touch it."""
    above = {str(folder) for path in change.paths for folder in PurePosixPath(path).parents}
    # One that lies elsewhere is that of something vendored, or a test's.
    places = {*_ROOTS, *above}
    near = (path for path in base.contents if str(PurePosixPath(path).parent) in places)
    there = [path for path in near if LIVING.fullmatch(PurePosixPath(path).name) and path in base.paths]
    counted = [one.past.paths for one in commits if one.past.paths]
    shares = {path: _share(path, counted) for path in there}
    # A package's own comes first, but an old file in a corner must not.
    alive = [path for path in there if shares[path] >= _LEAST or len(counted) < FEWEST]
    best = max(alive or there, key=lambda path: (path.count("/") * bool(alive), shares[path]), default="")
    return best, shares.get(best, 0.0)


def _share(path: str, counted: Sequence[Sequence[str]]) -> float:
    """Return the share of commits to the package of a changelog that touch it."""
    folder = str(PurePosixPath(path).parent)
    start = "" if folder in _ROOTS else f"{folder}/"
    about = [paths for paths in counted if any(one.startswith(start) for one in paths)]
    return sum(path in paths for paths in about) / len(about) if about else 0.0
