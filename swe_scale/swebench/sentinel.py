"""Tests of ours that run beside the hidden ones: half of them must fail, or the report isn't true."""

import posixpath
import secrets
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from swe_scale.records import File

_TEXT = '''"""Not the repository's: some of these tests are meant to fail, to show that the runner says so."""
import unittest
def test_{name}_kept():
    assert 1 == 1
def test_{name}_broken():
    assert 1 == 2
class {title}(unittest.TestCase):
    def test_{name}_same(self):
        self.assertEqual(1, 1)
    def test_{name}_unequal(self):
        self.assertEqual(1, 2)
'''
_FAILING = ("_broken", "_unequal")
_DJANGO = "runtests.py"


@dataclass(frozen=True, slots=True)
class Sentinel:
    """A test file of a name that nobody can guess, with the line that runs it beside the hidden tests."""

    name: str
    path: str
    line: str

    @property
    def file(self) -> File:
        """Its content."""
        text = _TEXT.format(name=self.name, title=self.name.title())
        return File(mode="100644", data=text.encode())

    def told(self, statuses: Mapping[str, str]) -> dict[str, str]:
        """Return what is said of its tests, by names that are the same for every sentinel."""
        own = {test: status for test, status in statuses.items() if self.name in test.lower()}
        return {test.lower().replace(self.name, "sentinel"): status for test, status in own.items()}


def true_of(told: Mapping[str, str]) -> bool:
    """Return whether what is said of a sentinel's tests is true, and some failure is among it."""
    failing = {test for test in told if any(word in test for word in _FAILING)}
    return bool(failing) and all((told[test] in ("FAILED", "ERROR")) == (test in failing) for test in told)


def sentinel_beside(line: str, paths: Collection[str]) -> Sentinel | None:
    """Return a sentinel for a shell line that runs test files; None where it names none that is known.

    Args:
        line: the command of the hidden tests.
        paths: of the work tree, with the hidden tests in it.
    """
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    known = frozenset(paths)
    name = f"z{secrets.token_hex(8)}"
    root = next((posixpath.dirname(word) for word in words if posixpath.basename(word) == _DJANGO), None)
    for word in reversed(words):
        beside = _file_of(word, known) if root is None else _label_of(word, posixpath.normpath(root), known)
        if beside is not None:
            path = posixpath.join(posixpath.dirname(beside), f"test_{name}.py")
            more = path if root is None else _label(path, posixpath.normpath(root))
            return Sentinel(name, path, f"{line} {shlex.quote(more)}")
    return None


def _file_of(word: str, known: frozenset[str]) -> str | None:
    path = posixpath.normpath(word.partition("::")[0])
    return path if path.endswith(".py") and path in known and _collected(path) else None


def _collected(path: str) -> bool:
    # Data that a test patch brings is given to runners, too, but nothing beside it need be collected.
    name = posixpath.basename(path)
    return "test" in name


def _label_of(word: str, root: str, known: frozenset[str]) -> str | None:
    """Return the file that a dotted label of Django's runner means, or one of its package."""
    parts = word.split(".")
    while parts and all(part.isidentifier() for part in parts):
        path = posixpath.join(root, *parts)
        for found in (f"{path}.py", f"{path}/__init__.py"):
            if found in known:
                return found
        parts = parts[:-1]
    return None


def _label(path: str, root: str) -> str:
    return posixpath.relpath(path, root).removesuffix(".py").replace("/", ".")
