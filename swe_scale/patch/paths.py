"""Which paths a patch may touch, and which of them are tests."""

import os
import re
from collections.abc import Iterable
from itertools import pairwise

from swe_scale.errors import PatchError

_LONGEST_PATH = 4000
_LONGEST_NAME = 255
_IGNORED_BY_HFS = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
_GIT_FOLDER = re.compile(r"(?:\.git|git~\d)[ .]*(?::.*)?", re.IGNORECASE | re.DOTALL)
_GIT_FILES = re.compile(r"\.gitmodules|gitmod~\d", re.IGNORECASE)

_TEST_ANYWHERE = frozenset({"tests", "__tests__", "testsuite"})
_TEST_ROOTS = frozenset({"test", "testing"})
_SPEC_FOLDERS = frozenset({"spec", "specs"})
TEST_FOLDERS = _TEST_ANYWHERE | _TEST_ROOTS
"""Names, in lower case, of folders that tests are kept in."""
_SPEC_LANGUAGES = "rb|lua|cr|exs?|[cm]?[jt]sx?|coffee|scala|hs|groovy|kts?|php|swift|el"
_SPEC_FILE = re.compile(rf"(?:spec|[^/]*[._-]spec|[^/]*Spec|spec_[^/]*)\.(?:{_SPEC_LANGUAGES})")
_TEST_FILE = re.compile(
    r"""
      conftest\.py | tests\.py | test_[^/]*\.(?:py|pyi|c|cc|cpp|rb|lua|jl)
    | [^/]*_test\.(?:py|go|c|cc|cpp|rs|rb|dart|exs|ml)
    | [^/]*_spec\.(?:rb|lua)
    | [^/]*[._-](?:test|spec)\.[cm]?[jt]sx?
    | [^/]*[^/A-Z]Tests?\.(?:java|kt|kts|scala|groovy|cs|php|swift)
    """,
    re.VERBOSE,
)


def check_path(path: str) -> None:
    """Refuse a path that is not plainly below the root of a work tree.

    The rules are those of git for all systems together, so that a patch that is made here is safe
    wherever it is applied.

    Args:
        path: relative to the root, POSIX.

    Raises:
        PatchError: it is empty, absolute, too long, holds NUL, an empty part, `.` or `..`, or a part
            that some system takes for `.git`.
    """
    try:
        size = len(os.fsencode(path))
    except UnicodeEncodeError:
        raise PatchError(f"{path!a}: is not a file name.") from None
    if not path or "\0" in path or size > _LONGEST_PATH:
        raise PatchError(f"{_short(path)}: a path must have 1 to {_LONGEST_PATH} bytes, none of them NUL.")
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise PatchError(f"{_short(path)}: the path must stay below the repository's root.")
        if len(os.fsencode(part)) > _LONGEST_NAME:
            raise PatchError(f"{_short(path)}: a name in it is longer than {_LONGEST_NAME} bytes.")
    if _enters_git(path):
        raise PatchError(f"{_short(path)}: git's own folder can't be changed.")


def check_link(path: str, target: bytes) -> None:
    """Refuse a symbolic link that leads out of the work tree, whatever other links it passes on its way.

    Only leading `..` are allowed: behind a folder name, which may itself be a link, `..` can lead anywhere.

    Args:
        path: where the link is, relative to the root; a path that `check_path` passes.
        target: what it points to.

    Raises:
        PatchError: it is absolute, leads out or into `.git`, or git forbids a link at this path.
    """
    shown = f"{_short(path)} -> {_short(os.fsdecode(target))}"
    if not target or len(target) > _LONGEST_PATH or b"\0" in target or target.startswith(b"/"):
        raise PatchError(f"{shown}: a symbolic link must be relative and not empty.")
    parts = [part for part in os.fsdecode(target).split("/") if part not in ("", ".")]
    above = next((index for index, part in enumerate(parts) if part != ".."), len(parts))
    if above > path.count("/") or ".." in parts[above:]:
        raise PatchError(f"{shown}: the symbolic link leads out of the repository.")
    if _enters_git("/".join(parts)):
        raise PatchError(f"{shown}: the symbolic link leads into git's own folder.")
    if _GIT_FILES.fullmatch(_IGNORED_BY_HFS.sub("", path.rpartition("/")[2])):
        raise PatchError(f"{shown}: git forbids a symbolic link of this name.")


def _enters_git(path: str) -> bool:
    return any(_GIT_FOLDER.fullmatch(_IGNORED_BY_HFS.sub("", part)) for part in re.split(r"[/\\]", path))


def _short(text: str) -> str:
    shown = text if text.isprintable() and text else ascii(text)
    return shown if len(shown) <= 200 else f"{shown[:200]}…"


def is_test(path: str) -> bool:
    """Return whether a path is, by its name, part of the tests.

    It is if a folder of it is called `tests`, `__tests__` or `testsuite`; if it is below `test` or
    `testing` at the root or `src/test` anywhere (elsewhere those two are libraries for tests: django/test,
    numpy/testing); if it is below `spec` or `specs` and is named like a specification (elsewhere those two
    are parts of products: openapi/spec); or if its name is that of a test file in its language.
    """
    *folders, name = path.split("/")
    lowered = [folder.lower() for folder in folders]
    if not _TEST_ANYWHERE.isdisjoint(lowered) or (lowered and lowered[0] in _TEST_ROOTS):
        return True
    if not _SPEC_FOLDERS.isdisjoint(lowered) and _SPEC_FILE.fullmatch(name):
        return True
    if any(pair == ("src", "test") for pair in pairwise(lowered)):
        return True
    return _TEST_FILE.fullmatch(name) is not None


def only_tests(paths: Iterable[str]) -> bool:
    """Return whether there are paths and all of them are tests."""
    found = [is_test(path) for path in paths]
    return bool(found) and all(found)
