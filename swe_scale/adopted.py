"""Takes in what was made elsewhere: patches as trajectories that ended, tests as checks that run them."""

import base64
import gzip
import posixpath
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from swe_scale.checks import Cells
from swe_scale.errors import PatchError
from swe_scale.given import Given
from swe_scale.patch import is_test
from swe_scale.profiles import find_tests
from swe_scale.records import Changes, Check, File, Trajectory
from swe_scale.trees import Trees

LARGEST = 100_000
"""Bytes of a script: the kernel gives a program no longer argument than 128 KiB."""


_RAN = (
    "Ran [1-9]|[1-9][0-9]* (passed|passing|tests?|examples?|assertions?)|Tests run: [1-9]|"
    "test result: ok|^ok[[:space:]]|BUILD SUCCESS"
)
"""What runners say when tests have run: code that ends the process with 0 at once comes to no such line."""
_PROBE = """

def test_swe_scale_probe():
    raise AssertionError("it must fail")


import unittest as swe_scale_unittest


class SweScaleProbe(swe_scale_unittest.TestCase):
    def test_that_must_fail(self):
        raise AssertionError("it must fail")
"""
"""Runners look for functions, or for classes."""


class _Unusable(Exception):
    """Tests that can't be made a check, and why."""


@dataclass(frozen=True, slots=True)
class Brought:
    """What was made elsewhere, in the form of what is made here."""

    sources: tuple[Trajectory, ...]
    checks: tuple[Check, ...]


async def brought(given: Given, cells: Cells, trees: Trees, first: int) -> Brought:
    """Return what is given as trajectories that ended and as checks without an author.

    Args:
        given: patches of the base, and checks.
        cells: where checks will run.
        trees: of the issue; the patches' trees are there afterwards.
        first: index of the first trajectory.

    Raises:
        PatchError: a patch no longer applies, which it did when it was given.
        RepositoryError: the base can't be read.
    """
    for one in given.patches:
        await trees.repository.apply(trees.base, one.patch)
    checks = {one.id: one for one in (*given.checks, *await adopted(given.tests, cells, trees))}
    return Brought(given.trajectories(first), tuple(checks[name] for name in sorted(checks)))


async def adopted(tests: Sequence[str], cells: Cells, trees: Trees) -> tuple[Check, ...]:
    """Return a check without an author for each patch that adds tests; what can't be one is said.

    The check puts the tests as they are with the patch into the tree, over those of a candidate, and runs
    them by the environment's test command: exit 0 passes, anything else fails.

    Args:
        tests: patches for the base.
        cells: where they will run.
        trees: of the issue.

    Raises:
        RepositoryError: the base can't be read.
    """
    found: dict[str, Check] = {}
    for number, patch in enumerate(tests, start=1):
        try:
            tree = await trees.repository.apply(trees.base, patch)
            script = _script(await trees.changes(tree), cells)
        except (PatchError, _Unusable) as error:
            text = f"patch {number} of {len(tests)} that add tests says nothing: {error}"
            cells.events.emit("note", text, f"{cells.issue}/checks")
            continue
        check = Check.of(script, "reproduction", language="sh", foreign=True)
        found[check.id] = check
    return tuple(found[name] for name in sorted(found))


def _script(changes: Changes, cells: Cells) -> str:
    command, subdir = cells.environment.test_command, cells.environment.subdir
    if not command:
        raise _Unusable("the environment has no test command to run it by")
    files = {path: file for path, file in changes.items() if file is not None and is_test(path)}
    tests = find_tests(files, cells.environment.profile, subdir)
    if not tests:
        raise _Unusable("it changes no test that the test command could be given")
    script = "\n".join([*_put(files), *_run(command, subdir, sorted(tests))]) + "\n"
    if len(script) > LARGEST:
        raise _Unusable(f"its files take more than {LARGEST:,} bytes")
    return script


def _put(files: Mapping[str, File]) -> Iterator[str]:
    """Yield the lines that put the tests into the tree."""
    yield "set -e"
    for path, file in sorted(files.items()):
        if file.mode == "120000":
            raise _Unusable(f"{path} is a symbolic link")
        folder, whole = shlex.quote(f"./{posixpath.dirname(path)}"), shlex.quote(f"./{path}")
        data = base64.b64encode(gzip.compress(file.data, mtime=0)).decode("ascii")
        yield f"mkdir -p {folder}; rm -rf {whole}; echo {data} | base64 -d | gzip -d > {whole}"


def _run(command: str, subdir: str, tests: Sequence[str]) -> Iterator[str]:
    """Yield the lines that run the tests, and look whether a pass can be believed."""
    inside = f"{subdir}/" if subdir else ""
    given = shlex.join(path.removeprefix(inside) for path in tests)
    line = command if "{tests}" in command else f"{command} {{tests}}"
    yield f"cd {shlex.quote(f'./{subdir}')}"
    yield f"run() (\n{line.replace('{tests}', given)}\n) 2>&1"
    yield "if said=$(run); then code=0; else code=1; fi"
    yield "printf '%s\\n' \"$said\"; [ $code = 0 ] || exit 1"
    yield f"printf '%s\\n' \"$said\" | grep -Eq {shlex.quote(_RAN)} || exit 1"
    python = [path.removeprefix(inside) for path in tests if path.endswith(".py")]
    if python:
        yield f"printf %s {shlex.quote(_PROBE)} >> {shlex.quote(f'./{python[0]}')}"
        yield "if run > /dev/null; then echo 'a test that must fail passes'; exit 1; fi"
