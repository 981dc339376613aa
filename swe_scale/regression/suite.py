"""Turns runs of the repository's own tests into verdicts: what passed before a change and no longer does."""

from dataclasses import dataclass

from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.flags import CRASHED, STEERING, TAMPERED, TEST_EDITS, UNWATCHED
from swe_scale.profiles import counted_by_runner, profiles
from swe_scale.records import Changes, Check, Execution, Outcome, Verdict, digest
from swe_scale.regression.running import Report, run_tests
from swe_scale.sandbox import Template

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

_JUDGE = "2"
"""Version of what is made of a run."""
_OUTPUT = 8_000
"""Characters of output kept where something broke."""


def way() -> str:
    """Return a digest of how the tests are run and judged; another one lets no earlier verdict count."""
    return digest(_JUDGE, *(profile.model_dump_json() for profile in profiles()))


def regression_check(path: str) -> Check:
    """Return a repository's test file as a check; its language says that a command runs it."""
    return Check.of(path, "regression", language="sh", foreign=True)


def stable(first: Report, second: Report) -> Report:
    """Return the first of two runs on the untouched tree, with only those tests that passed in both."""
    passed = {
        test: outcome
        for test, outcome in first.outcomes.items()
        if outcome == "passed" and second.outcomes.get(test) == "passed"
    }
    watched = first.watch == second.watch == "kept"
    return first.model_copy(
        update={
            "outcomes": passed,
            "complete": first.complete and second.complete,
            "watch": "kept" if watched else "off",
        }
    )


def compare(before: Report, after: Report) -> tuple[str, ...]:
    """Return the ids of tests that passed before and do not pass after, or did not run at all."""
    return tuple(
        sorted(
            test
            for test, outcome in before.outcomes.items()
            if outcome == "passed" and after.outcomes.get(test) != "passed"
        )
    )


def again(first: Report, second: Report) -> Report:
    """Return the first of two runs on one candidate, with those tests as passed that passed in either.

    What only the second run told of counts as it told; unheard is what neither told of.
    """
    passed = {test: outcome for test, outcome in second.outcomes.items() if outcome == "passed"}
    outcomes = {**second.outcomes, **first.outcomes, **passed}
    watch = "broken" if "broken" in (first.watch, second.watch) else first.watch
    return first.model_copy(
        update={"outcomes": outcomes, "complete": first.complete or second.complete, "watch": watch}
    )


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

    async def run(self, changes: Changes, watched: bool = False) -> Report:
        """Run the tests on a fresh copy of the tree with these changes, those that must not count left out.

        Args:
            changes: how it differs from the base.
            watched: whether tests of ours run beside them.

        Raises:
            SandboxError: the backend failed.
        """
        counted = counted_by_runner(changes, self.base).changes
        async with self.template.fork(self.limits) as sandbox:
            await sandbox.write(sandbox.workdir, counted)
            return await run_tests(sandbox, self.command, self.tests, self.limits, watched)

    async def before(self) -> Report:
        """Return what stably passes on the untouched tree, by two runs; nothing where the runner fails there.

        Where tests of ours can't run beside the repository's, they are left out from here on.

        Raises:
            SandboxError: the backend failed.
        """
        first = await self.run({}, watched=True)
        if first.watch != "kept":
            first = (await self.run({})).model_copy(update={"watch": "off"})
        if not first.outcomes:
            return first
        return stable(first, await self.run({}, watched=first.watch == "kept"))

    def checks(self, before: Report) -> tuple[Check, ...]:
        """Return one check per test file of which something passes on the untouched tree."""
        return tuple(regression_check(path) for path in self.tests if before.of(path))

    async def verdicts(self, candidate: str, changes: Changes, before: Report) -> tuple[Verdict, ...]:
        """Return one verdict per check, from a run of the tests on the candidate.

        Where something broke they run once more, and only what breaks both times counts: a test that
        is flaky has passed twice on the untouched tree and may fail here by chance.

        `fail`: tests broke, or, flagged as a crash, the runner ended before it told of them.
        `timeout`: tests had not run at the deadline; they count as broken. `infra`: the backend
        failed, which says nothing. `error`: the report can't be true, so every test that is due counts
        as broken. A broken runner is the candidate's doing, since the same one came to its end on the
        untouched tree.

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
            after = await self.run(changes, watched)
            if compare(before, after) and after.watch != "broken" and not after.execution.timed_out:
                after = again(after, await self.run(changes, watched))
        except SandboxError as error:
            lost = Execution(exit_code=None, output=str(error))
            return tuple(
                Verdict(candidate=candidate, check=check.id, outcome="infra", execution=lost)
                for check in checks
            )
        flags = counted_by_runner(changes, self.base).flags
        if not watched:
            after = after.model_copy(update={"watch": "off"})
            flags = (*flags, UNWATCHED)
        return tuple(self._verdict(candidate, check, before, after, flags) for check in checks)

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
        timed_out = bool(unheard) and after.execution.timed_out
        crashed = bool(unheard) and not after.complete and not timed_out
        outcome: Outcome = "timeout" if timed_out else "fail" if broken else "pass"
        output = after.execution.output[-_OUTPUT:] if broken else ""
        return Verdict(
            candidate=candidate,
            check=check.id,
            outcome=outcome,
            flags=(*flags, CRASHED) if crashed else flags,
            broken=broken,
            execution=after.execution.model_copy(update={"output": output}),
        )
