"""Turns runs of the repository's own tests into verdicts: what passed before a change and no longer does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.flags import CRASHED, SLOW, STEERING, TAMPERED, TEST_EDITS, UNWATCHED
from swe_scale.profiles import counted_by_runner, profiles
from swe_scale.records import Changes, Check, Execution, Outcome, Verdict, digest
from swe_scale.regression.comparing import again, bent, compare, joined, stable
from swe_scale.regression.running import Report, run_tests
from swe_scale.regression.sampling import near_limit, patience, portions
from swe_scale.regression.written import written
from swe_scale.sandbox import Sandbox, Template
from swe_scale.sandbox.services import on_base

__all__ = [
    "CRASHED",
    "STEERING",
    "TEST_EDITS",
    "Suite",
    "again",
    "compare",
    "regression_check",
    "stable",
    "way",
]

_JUDGE = "4"
"""Version of what is made of a run."""
_OUTPUT = 8_000
"""Characters of output kept where something broke."""


def way() -> str:
    """Return a digest of how the tests are run and judged; another one lets no earlier verdict count."""
    return digest(_JUDGE, *(profile.model_dump_json() for profile in profiles()))


def regression_check(path: str) -> Check:
    """Return a repository's test file as a check; its language says that a command runs it."""
    return Check.of(path, "regression", language="sh", foreign=True)


@dataclass(frozen=True, slots=True)
class Suite:
    """The tests near a change, with all that is needed to run them on any candidate."""

    template: Template
    command: str
    """The environment's test command."""
    base: frozenset[str]
    """Paths of the base tree."""
    tests: tuple[str, ...]
    """Test files, relative to the root."""
    limits: Limits
    """Of one run of all of them."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """By test file, what it takes on the untouched code, as far as that is known."""
    subdir: str = ""
    """Folder of the work tree in which the command runs."""
    repeats: int = 2
    """Runs on the untouched code, at least two: what doesn't pass in all of them is flaky, and left out."""

    async def run(self, changes: Changes, watched: bool = False, without: Collection[str] = ()) -> Report:
        """Run the tests on a fresh copy of the tree with these changes, those that must not count left out.

        Args:
            changes: how it differs from the base.
            watched: whether tests of ours run beside them.
            without: test files whose portions are left out.

        Raises:
            SandboxError: the backend failed.
        """
        counted = counted_by_runner(changes, self.base).changes
        every = portions(self.tests, self.seconds, self.limits.seconds)
        due = [portion for portion in every if not set(portion) & set(without)]
        async with self.template.fork(self.limits) as sandbox:
            await sandbox.write(sandbox.workdir, counted)
            return await self._run(sandbox if counted else on_base(sandbox), counted, due, watched)

    async def _run(
        self, sandbox: Sandbox, put: Changes, due: Sequence[tuple[str, ...]], watched: bool
    ) -> Report:
        """Run the tests in portions; one that takes too long costs what is in it, and not the others.

        After each it is looked what became of the tests, before the next one could take it back.
        """
        left = self.limits.seconds
        reports: list[Report] = []
        for portion in due:
            allowed = min(left, patience(portion, self.seconds))
            if allowed <= 0:
                late = Execution(exit_code=None, output="", timed_out=True)
                reports.append(Report(outcomes={}, execution=late, complete=False, late=portion))
                continue
            limits = self.limits.model_copy(update={"seconds": allowed})
            report = await run_tests(sandbox, self.command, portion, limits, watched, self.subdir)
            timed_out = report.execution.timed_out
            update = {
                "late": portion if timed_out else (),
                "crashed": portion if not (timed_out or report.complete) else (),
                "written": await written(sandbox, put, self.base),
            }
            reports.append(report.model_copy(update=update))
            left -= report.execution.seconds
        return joined(reports)

    async def before(self, first: Report | None = None) -> Report:
        """Return what stably passes on the untouched tree; nothing where the runner fails there.

        Where tests of ours can't run beside the repository's, they are left out from here on.

        Args:
            first: of a run that was made already, in another order or file by file.

        Raises:
            SandboxError: the backend failed.
        """
        found = first or await self._first()
        spent = 0.0
        for _ in range(self.repeats - 1):
            if not found.outcomes or spent > self.limits.seconds:
                break
            other = await self.run({}, watched=found.watch == "kept")
            spent += other.execution.seconds
            found = stable(found, other)
        return found

    async def _first(self) -> Report:
        first = await self.run({}, watched=True)
        if first.watch == "kept":
            return first
        return (await self.run({})).model_copy(update={"watch": "off"})

    def checks(self, before: Report) -> tuple[Check, ...]:
        """Return one check per test file of which something passes on the untouched tree."""
        return tuple(regression_check(path) for path in self.tests if before.of(path))

    async def verdicts(self, candidate: str, changes: Changes, before: Report) -> tuple[Verdict, ...]:
        """Return one verdict per check, from a run of the tests on the candidate.

        Where something broke they run once more, and only what breaks both times counts: a test that
        is flaky has passed twice on the untouched tree and may fail here by chance.

        `fail`: tests broke, or, flagged as a crash, the runner ended before it told of them.
        `timeout`: tests had not run at the deadline; they count as broken. `infra`: the backend
        failed, which says nothing. `error`: the report can't be true, or the run changed the tests, so
        every test that is due counts as broken. A broken runner is the candidate's doing, since the same
        one came to its end on the untouched tree.

        Args:
            candidate: its id.
            changes: how it differs from the base.
            before: what `before` returned.
        """
        checks = self.checks(before)
        if not checks:
            return ()
        watched = before.watch == "kept"
        try:
            after = await self._twice(changes, before)
        except SandboxError as error:
            lost = Execution(exit_code=None, output=str(error))
            return tuple(
                Verdict(candidate=candidate, check=check.id, outcome="infra", execution=lost)
                for check in checks
            )
        flags = counted_by_runner(changes, self.base).flags
        if not watched:
            after = after.model_copy(update={"watch": "off"})
        if not watched or before.written.unseen:
            flags = (*flags, UNWATCHED)
        if bent(before, after):
            after = after.model_copy(update={"watch": "broken"})
        return tuple(self._verdict(candidate, check, before, after, flags) for check in checks)

    async def _twice(self, changes: Changes, before: Report) -> Report:
        """Run the tests, and once more where something broke; what timed out would only do so again."""
        watched = before.watch == "kept"
        after = await self.run(changes, watched)
        late = {test for path in after.late for test in before.of(path)}
        if after.watch == "broken" or bent(before, after) or late >= set(compare(before, after)):
            return after
        return again(after, await self.run(changes, watched, after.late))

    def _verdict(
        self, candidate: str, check: Check, before: Report, after: Report, flags: tuple[str, ...]
    ) -> Verdict:
        due = before.model_copy(update={"outcomes": before.of(check.script)})
        if after.watch == "broken":
            return Verdict(
                candidate=candidate,
                check=check.id,
                outcome="error",
                flags=(*flags, TAMPERED),
                broken=tuple(sorted(due.outcomes)),
                execution=after.execution,
            )
        broken = compare(due, after)
        unheard = [test for test in broken if test not in after.outcomes]
        timed_out = bool(unheard) and check.script in after.late
        crashed = bool(unheard) and check.script in after.crashed and not timed_out
        outcome: Outcome = "timeout" if timed_out else "fail" if broken else "pass"
        output = after.execution.output[-_OUTPUT:] if broken else ""
        if timed_out and near_limit(before, self.limits.seconds):
            broken, flags = tuple(test for test in broken if test in after.outcomes), (*flags, SLOW)
        return Verdict(
            candidate=candidate,
            check=check.id,
            outcome=outcome,
            flags=(*flags, CRASHED) if crashed else flags,
            broken=broken,
            execution=after.execution.model_copy(update={"output": output}),
        )
