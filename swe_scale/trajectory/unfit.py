"""Tells which files of a sandbox no patch may hold, so that one of them doesn't cost all the others."""

from collections.abc import Collection, Iterable, Mapping
from itertools import accumulate

from swe_scale.errors import PatchError
from swe_scale.patch import check_link, check_path
from swe_scale.records import File

_NAMED = 3


def misplaced(paths: Iterable[str], submodules: Collection[str]) -> dict[str, str]:
    """Return those paths at which no patch may put a file, each with the reason."""
    found: dict[str, str] = {}
    for path in paths:
        try:
            check_path(path)
        except PatchError as error:
            found[path] = str(error)
            continue
        if any(folder in submodules for folder in _with_folders(path)):
            found[path] = f"{path}: is in a submodule, in which nothing can be changed."
    return found


def astray(files: Mapping[str, File]) -> dict[str, str]:
    """Return those files that are links which no patch may hold, each with the reason."""
    found: dict[str, str] = {}
    for path, file in files.items():
        if file.mode == "120000":
            try:
                check_link(path, file.data)
            except PatchError as error:
                found[path] = str(error)
    return found


def reasons(unfit: Mapping[str, str]) -> str:
    """Return why files are left out, for a message: not too many of them."""
    told = [unfit[path] for path in sorted(unfit)]
    return " ".join(told[:_NAMED] + [f"{len(told) - _NAMED} more."] * (len(told) > _NAMED))


def _with_folders(path: str) -> Iterable[str]:
    return accumulate(path.split("/"), lambda folder, name: f"{folder}/{name}")
