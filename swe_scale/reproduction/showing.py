"""Whether tests in the project's own layout show an issue: with a patch they pass, without it they don't."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from swe_scale.checks import Cells
from swe_scale.errors import SandboxError
from swe_scale.patch import is_test
from swe_scale.profiles import TestOutcome, find_tests, profiles
from swe_scale.records import Changes, Record, digest
from swe_scale.regression.near import SAFE
from swe_scale.regression.running import Report, run_tests
from swe_scale.regression.suite import way
from swe_scale.retry import retrying
from swe_scale.store import Key
from swe_scale.trees import Trees

_RUNS = 2
"""With the patch, and as many without it: what isn't the same each time shows nothing."""
_TRIES = 4
_OUTPUT = 8_000
"""Characters of output that are kept of a run."""
_NAMED = 5


class Shown(Record):
    """What tests say of a patch that brings them."""

    tests: tuple[str, ...] = ()
    """Ids of those that don't pass without the patch and pass with it, each time."""
    fault: str = ""
    """Why they aren't of use, in the words that a model is told."""
    output: str = ""
    """Of the run that shows this."""


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of the same test files on four trees."""

    patched: Sequence[Report]
    """With the patch and its tests."""
    unpatched: Sequence[Report]
    """With its tests alone."""
    untouched: Mapping[str, TestOutcome]
    """Of those files that the base has, as they are there."""
    kept: Mapping[str, TestOutcome]
    """Of the same, with the patch but for its tests."""


@dataclass(frozen=True, slots=True)
class Showing:
    """Runs the tests of a patch where they should pass and where they shouldn't."""

    cells: Cells
    trees: Trees
    seconds: float
    """Wall clock of one run."""

    async def of(self, tree: str) -> Shown:
        """Return what the tests that a tree brings show of the rest of what it changes.

        Args:
            tree: git hash.

        Raises:
            SandboxError: the backend failed again and again.
        """
        changes = await self.trees.changes(tree)
        brought = tests_of(changes)
        files = runnable(brought)
        if not self.cells.environment.test_command:
            return Shown(fault="No command is known that runs the project's tests.")
        if not files:
            return Shown(fault="No test file is changed that the project's runner can be given.")
        alone = await self.trees.write(self.trees.base, brought)
        code = {path: file for path, file in changes.items() if path not in brought}
        without = await self.trees.write(self.trees.base, code)
        there = tuple(sorted(await self.trees.paths() & set(files)))
        return shown(
            Runs(
                patched=[await self._run(tree, files, number) for number in range(_RUNS)],
                unpatched=[await self._run(alone, files, number) for number in range(_RUNS)],
                untouched=(await self._run(self.trees.base, there)).outcomes if there else {},
                kept=(await self._run(without, there)).outcomes if there else {},
            )
        )

    async def _run(self, tree: str, files: Sequence[str], number: int = 0) -> Report:
        """Return what became of test files on a tree, now or before this run was interrupted."""
        cells = self.cells
        limits = cells.limits.model_copy(update={"seconds": self.seconds})
        inputs = digest(way(), cells.environment.digest, limits.model_dump_json(), *files)

        async def make() -> Report:
            report: Report = await retrying(_TRIES, SandboxError)(self._ran, tree, files)
            kept = report.execution.model_copy(update={"output": report.execution.output[-_OUTPUT:]})
            return report.model_copy(update={"execution": kept})

        key = Key(f"{cells.issue}/test/run/{tree}/{number}", inputs)
        return await cells.steps.once(key, Report, make)

    async def _ran(self, tree: str, files: Sequence[str]) -> Report:
        cells = self.cells
        limits = cells.limits.model_copy(update={"seconds": self.seconds})
        async with cells.slots, cells.template.fork(limits) as sandbox:
            await sandbox.write(sandbox.workdir, await self.trees.changes(tree))
            environment = cells.environment
            return await run_tests(
                sandbox, environment.test_command or "", files, limits, subdir=environment.subdir
            )


def tests_of(changes: Changes) -> Changes:
    """Return, of changes, those of tests and what belongs to them, but nothing that steers a runner."""
    steered = profiles()
    return {
        path: file
        for path, file in changes.items()
        if (is_test(path) or find_tests([path])) and not any(one.steers(path) for one in steered)
    }


def runnable(changes: Changes) -> tuple[str, ...]:
    """Return the paths of changed test files that a runner can be given."""
    return tuple(path for path in find_tests(changes) if changes[path] is not None and SAFE.fullmatch(path))


def shown(runs: Runs) -> Shown:
    """Return what runs of tests with and without a patch say of it."""
    return next(_faults(runs), None) or Shown(tests=_telling(runs))


def _faults(runs: Runs) -> Iterator[Shown]:
    first, *others = runs.patched
    output = first.execution.output
    if late := next((one for one in runs.patched if one.execution.timed_out), None):
        yield Shown(fault="With the change, the tests don't end in time.", output=late.execution.output)
    if unlike := sorted({*_differing(first, others), *_differing(runs.unpatched[0], runs.unpatched[1:])}):
        yield Shown(fault=f"Not the same each time: {_listed(unlike)}.", output=output)
    known = {test for test, outcome in runs.kept.items() if outcome != "passed"}
    failing = {test for test, one in first.outcomes.items() if one in ("failed", "error")}
    if wrong := sorted(failing - known):
        yield Shown(fault=f"With the change, these fail: {_listed(wrong)}.", output=output)
    due = {test for test, outcome in runs.kept.items() if outcome == "passed"}
    if lost := sorted(due - _passed(first)):
        what = "These passed before and don't any more, or are gone"
        yield Shown(fault=f"{what}: {_listed(lost)}. Leave the tests as they are, and add to them.")
    if not _passed(first):
        what = "None of these tests passes" if first.outcomes else "The runner runs none of these tests"
        yield Shown(fault=f"{what} with the change.", output=output)
    if not _telling(runs):
        alone = runs.unpatched[0].execution.output
        yield Shown(fault="No test fails without the change.", output=alone)


def _telling(runs: Runs) -> tuple[str, ...]:
    """Return the tests that pass with the patch each time and never without.

    One that is there already shows something only if it comes to its end and fails without the patch: a
    file that can't be loaded takes all its tests along. And one that fails as it is isn't brought.
    """
    always = set.intersection(*(_passed(one) for one in runs.patched))
    ever = {test for one in runs.unpatched for test in _passed(one)}
    failing = {test for test, outcome in runs.untouched.items() if outcome in ("failed", "error")}
    return tuple(
        sorted(
            test
            for test in always - ever - failing
            if test not in runs.untouched or all(one.outcomes.get(test) == "failed" for one in runs.unpatched)
        )
    )


def _passed(report: Report) -> set[str]:
    return {test for test, outcome in report.outcomes.items() if outcome == "passed"}


def _differing(first: Report, others: Sequence[Report]) -> set[str]:
    """Return the tests that passed in one run and not in another."""
    return {test for one in others for test in _passed(first) ^ _passed(one)}


def _listed(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - _NAMED} more" if len(tests) > _NAMED else ""
    return f"{', '.join(tests[:_NAMED])}{more}"
