"""Whether tests in the project's own layout show an issue: with a patch they pass, without it they don't."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from swe_scale.checks import Cells
from swe_scale.errors import SandboxError
from swe_scale.patch import is_test
from swe_scale.profiles import TestOutcome, find_tests, profiles, runner_of
from swe_scale.records import Record, digest
from swe_scale.regression.near import SAFE
from swe_scale.regression.running import Report, run_tests, taken
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
    """As the base has them."""
    kept: Mapping[str, TestOutcome]
    """With the patch, as they were before the tests in question came."""
    files: tuple[str, ...] = ()
    """Those that bring the tests in question; a runner may tell of others, too."""

    @property
    def elsewhere(self) -> frozenset[str]:
        """Tests of other files that were there before."""
        there = self.untouched.keys() | self.kept.keys()
        return frozenset(test for test in there if _file_of(test) not in self.files)


@dataclass(frozen=True, slots=True)
class Showing:
    """Runs the tests of a patch where they should pass and where they shouldn't."""

    cells: Cells
    trees: Trees
    seconds: float
    """Wall clock of one run."""

    async def of(self, tree: str, before: str | None = None) -> Shown:
        """Return what the tests that a tree brings show of the rest of what it changes.

        Args:
            tree: git hash.
            before: of the tree none of whose tests may be lost. None: this one without the tests it brings.

        Raises:
            SandboxError: the backend failed again and again.
            PatchError: its tests and the rest can't be had without each other.
        """
        trees, changes = self.trees, await self.trees.changes(tree)
        files = self.runnable(path for path, file in changes.items() if file is not None)
        if not self.cells.environment.test_command:
            return Shown(fault="No command is known that runs the project's tests.")
        if not files:
            return Shown(fault="No test file is changed that the project's runner can be given.")
        # What steers a runner goes with the tests: it mustn't be what tells the trees apart.
        beside = {path: file for path, file in changes.items() if _is_beside_code(path)}
        code = {path: file for path, file in changes.items() if path not in beside}
        alone = await trees.write(trees.base, beside)
        kept = await trees.write(trees.base, code) if before is None else before
        return shown(
            Runs(
                patched=[await self._run(tree, files, number) for number in range(_RUNS)],
                unpatched=[await self._run(alone, files, number) for number in range(_RUNS)],
                untouched=await self._before(trees.base, files),
                kept=await self._before(kept, files),
                files=files,
            )
        )

    def runnable(self, paths: Iterable[str]) -> tuple[str, ...]:
        """Return those paths that are of test files which the project's runner can be given, sorted."""
        environment = self.cells.environment
        safe = [path for path in find_tests(paths) if SAFE.fullmatch(path) and not _steers(path)]
        return taken(environment.test_command or "", safe, environment.subdir)

    async def _before(self, tree: str, files: tuple[str, ...]) -> Mapping[str, TestOutcome]:
        """Return what becomes of test files on a tree that may lack some of them."""
        runner = runner_of(self.cells.environment.test_command or "")
        if runner is None or runner.selects == "files":
            there = await self.trees.paths(tree)
            files = tuple(path for path in files if path in there)
        return (await self._run(tree, files)).outcomes if files else {}

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


def _is_beside_code(path: str) -> bool:
    """Return whether a path is of tests, or of what steers their runner, and not of what they test."""
    return is_test(path) or bool(find_tests([path])) or _steers(path)


def _steers(path: str) -> bool:
    return any(one.steers(path) for one in profiles())


def shown(runs: Runs) -> Shown:
    """Return what runs of tests with and without a patch say of it."""
    return next(_faults(runs), None) or Shown(tests=_telling(runs))


def _faults(runs: Runs) -> Iterator[Shown]:
    first, *others = runs.patched
    output = first.execution.output
    if late := next((one for one in runs.patched if one.execution.timed_out), None):
        yield Shown(fault="With the change, the tests don't end in time.", output=late.execution.output)
    if cut := next((one for one in runs.patched if not one.complete or one.watch == "broken"), None):
        what = "With the change, the runner doesn't come to its own end, or doesn't report all"
        yield Shown(fault=f"{what}.", output=cut.execution.output)
    unlike = _differing(first, others) | _differing(runs.unpatched[0], runs.unpatched[1:])
    if named := sorted(unlike - runs.elsewhere):
        yield Shown(fault=f"Not the same each time: {_listed(named)}.", output=output)
    # Tests of other files that are flaky are so without the new ones, too.
    passed = _passed(first) | (_differing(first, others) & runs.elsewhere)
    known = {test for test, outcome in runs.kept.items() if outcome != "passed"}
    failing = {test for test, one in first.outcomes.items() if one in ("failed", "error")}
    if wrong := sorted(failing - known - passed):
        yield Shown(fault=f"With the change, these fail: {_listed(wrong)}.", output=output)
    due = {test for test, outcome in runs.kept.items() if outcome == "passed"}
    if lost := sorted(due - passed):
        what = "These passed before and don't any more, or are gone"
        yield Shown(fault=f"{what}: {_listed(lost)}. Leave the tests as they are, and add to them.")
    if not _passed(first):
        what = "None of these tests passes" if first.outcomes else "The runner runs none of these tests"
        yield Shown(fault=f"{what} with the change.", output=output)
    if not _telling(runs):
        alone = runs.unpatched[0].execution.output
        yield Shown(fault="No test fails without the change.", output=alone)


def _telling(runs: Runs) -> tuple[str, ...]:
    """Return the tests that pass with the patch each time and always fail without it.

    One that is there already shows something only if it comes to its end and fails without the patch: a
    file that can't be loaded takes all its tests along. And one that fails as it is isn't brought.
    """
    always = set.intersection(*(_passed(one) for one in runs.patched))
    failing = {test for test, outcome in runs.untouched.items() if outcome in ("failed", "error")}
    return tuple(
        sorted(
            test
            for test in always - failing
            if all(
                one.outcomes.get(test) == "failed" if test in runs.untouched else _fails(test, one)
                for one in runs.unpatched
            )
        )
    )


def _fails(test: str, run: Report) -> bool:
    """Return whether a new test fails in a run, or can't be reached, since its file can't be loaded.

    One that is skipped, or that isn't there among others of its file, doesn't fail.
    """
    outcome = run.outcomes.get(test)
    if outcome is not None:
        return outcome in ("failed", "error")
    beside = set(run.of(_file_of(test)).values())
    return not run.complete or (run.execution.exit_code != 0 and not {"passed", "skipped"} & beside)


def _file_of(test: str) -> str:
    return test.partition("::")[0]


def _passed(report: Report) -> set[str]:
    return {test for test, outcome in report.outcomes.items() if outcome == "passed"}


def _differing(first: Report, others: Sequence[Report]) -> set[str]:
    """Return the tests that passed in one run and not in another."""
    return {test for one in others for test in _passed(first) ^ _passed(one)}


def _listed(tests: Sequence[str]) -> str:
    more = f" and {len(tests) - _NAMED} more" if len(tests) > _NAMED else ""
    return f"{', '.join(tests[:_NAMED])}{more}"
