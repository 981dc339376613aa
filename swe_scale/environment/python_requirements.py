"""Which lists of requirements a Python project has for its tests, and which requirements pip is given."""

import re
import shlex
from collections.abc import Iterable

from swe_scale.environment.project import is_requirements

PIP = "python -m pip install"
_TEST_NAMES = ("test", "tests", "testing")
_DEV_NAMES = ("dev", "develop", "development")
_BESIDE = re.compile(r"tests?/(?:\w+[-_])?requirements(?:[-_]\w+)?\.txt|tests?/requirements/[\w.-]+\.txt")
"""Lists that are kept beside the tests."""
_BESIDE_FOLDERS = ("test/requirements/", "tests/requirements/")
_PY3 = tuple(f"{folder}py3.txt" for folder in _BESIDE_FOLDERS)
_REMOTE = re.compile(r"://|^(?:git|hg|svn|bzr)\+|^file:", re.IGNORECASE)
_ONE_BY_ONE = (
    "sed -e 's/[[:space:]][[:space:]]*#.*//' -e '/^[[:space:]]*[#-]/d' -e '/^[[:space:]]*$/d' LIST | "
    f'while IFS= read -r one; do {PIP} "$one" </dev/null || echo "left out: $one"; done'
)
"""Installs what can be of a list for tests against servers, whose clients want libraries to be compiled."""


def requirement_lists(paths: Iterable[str]) -> tuple[str, ...]:
    """Return the paths of the lists to install: `requirements.txt` and those for tests or development."""
    known = [path for path in paths if is_requirements(path) or _BESIDE.fullmatch(path)]
    if not set(_PY3).isdisjoint(known):
        # The others are of other interpreters, or of servers that aren't there.
        known = [path for path in known if not path.startswith(_BESIDE_FOLDERS) or path in _PY3]
    lists = {path: _words(path) for path in known}
    chosen = set(chosen_names(word for words in lists.values() for word in words))
    extra = [path for path, words in lists.items() if chosen & set(words)]
    return tuple(dict.fromkeys([*(path for path in lists if path == "requirements.txt"), *extra]))


def one_by_one(arguments: str) -> str:
    """Return the shell line that stands in where a whole list can't be installed; empty: none does."""
    path = arguments.removeprefix("-r ")
    return _ONE_BY_ONE.replace("LIST", path) if path.startswith(_BESIDE_FOLDERS) else ""


def is_of_tests(path: str) -> bool:
    """Return whether a list is one for tests."""
    return bool(set(_TEST_NAMES) & set(_words(path)))


def _words(path: str) -> list[str]:
    return [word.rstrip("0123456789") for word in re.split(r"[-_./]", path.removesuffix(".txt"))]


def chosen_names(names: Iterable[str]) -> list[str]:
    """Return the names that mean tests, otherwise those that mean development."""
    there = set(names)
    return [name for name in _TEST_NAMES if name in there] or [name for name in _DEV_NAMES if name in there]


def for_tests(names: Iterable[str]) -> bool:
    """Return whether one of the names means tests."""
    return not set(_TEST_NAMES).isdisjoint(names)


def package(requirement: str) -> str:
    """Return the name of what is required."""
    return re.split(r"[^\w.-]", requirement.strip(), maxsplit=1)[0].lower().replace("_", "-")


def from_the_index(requirements: Iterable[str]) -> list[str]:
    """Return the requirements that an index can meet: no address, no option, nothing empty, none twice."""
    return [one for one in dict.fromkeys(requirements) if _is_from_the_index(one.strip())]


def _is_from_the_index(requirement: str) -> bool:
    plain = requirement.partition(";")[0]
    return bool(plain) and not plain.startswith("-") and "@" not in plain and not _REMOTE.search(plain)


def quoted(requirements: Iterable[str]) -> list[str]:
    """Return what follows pip's command to install requirements; nothing where there are none."""
    words = " ".join(map(shlex.quote, from_the_index(requirements)))
    return [words] if words else []
