"""The tests near the candidates' changes as durable steps: each candidate's run is paid once."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio

from swe_scale.checks import Cells
from swe_scale.errors import SandboxError
from swe_scale.patch import touched
from swe_scale.records import Candidate, Check, Verdict, digest
from swe_scale.regression.reported import Report
from swe_scale.regression.sampling import Chosen
from swe_scale.regression.suite import Suite, way
from swe_scale.regression.survey import Survey
from swe_scale.store import Key
from swe_scale.trees import Trees

_TRIES = 3
"""Runs on the untouched code before a failing backend is believed."""


class _Lost(Exception):
    """The backend failed in a run: its verdicts say nothing and must not be recorded."""

    def __init__(self, verdicts: tuple[Verdict, ...]) -> None:
        super().__init__()
        self.verdicts = verdicts


@dataclass(frozen=True, slots=True)
class Ready:
    """The tests that are run, what they said on the untouched code, and what both depend on."""

    suite: Suite
    before: Report
    inputs: str

    @property
    def checks(self) -> tuple[Check, ...]:
        """A check per test file."""
        return self.suite.checks(self.before)


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Finds the repository's own tests near a change and runs them before and after, on every candidate."""

    cells: Cells
    trees: Trees
    seconds: float
    """Wall clock for one run of all of them; 0 leaves them out."""
    repeats: int = 2
    """Runs on the untouched code; what doesn't pass in all of them is flaky."""

    async def verdicts(
        self, candidates: Sequence[Candidate], near: Sequence[Candidate] | None = None
    ) -> tuple[tuple[Check, ...], tuple[Verdict, ...]]:
        """Return a check per test file, and a verdict per candidate and check.

        Nothing where the tests can't be run on the untouched code though sandboxes work otherwise.

        Args:
            candidates: on which they run.
            near: whose changes say which tests are run. None: those of the same.

        Raises:
            SandboxError: the backend no longer works at all.
        """
        ready = await self.ready(candidates if near is None else near)
        if ready is None:
            return (), ()
        found: dict[str, tuple[Verdict, ...]] = {}
        await self.run(ready, candidates, found.__setitem__)
        return ready.checks, tuple(verdict for one in candidates for verdict in found[one.id])

    async def run(
        self, ready: Ready, candidates: Sequence[Candidate], keep: Callable[[str, tuple[Verdict, ...]], None]
    ) -> None:
        """Run them on candidates.

        Args:
            ready: the tests.
            candidates: on which they run.
            keep: takes what they say of each tree when it is there.

        Raises:
            SandboxError: the backend no longer works at all.
        """

        async def judge(candidate: str) -> None:
            keep(candidate, await self._after(ready, candidate))

        async with anyio.create_task_group() as group:
            for one in candidates:
                group.start_soon(judge, one.id)

    async def ready(self, candidates: Sequence[Candidate]) -> Ready | None:
        """Choose the tests near these changes, and run them on the untouched code.

        Returns:
            None where they can't be run on it though sandboxes work otherwise.

        Raises:
            SandboxError: the backend no longer works at all.
        """
        command = self.cells.environment.test_command
        if not command or not self.seconds or not any(touched(one.patch) for one in candidates):
            return None
        try:
            chosen = await Survey(self.cells, self.trees, command, self.seconds).chosen(candidates)
            return None if chosen is None else await self._before(command, *chosen)
        except SandboxError as error:
            if not await self.cells.alive():
                raise
            self._note(
                f"the repository's tests could not be run on the untouched code, so they say nothing: {error}"
            )
            return None

    async def _before(self, command: str, chosen: Chosen, first: Report) -> Ready:
        limits = self.cells.limits.model_copy(update={"seconds": self.seconds})
        suite = Suite(
            self.cells.template, command, await self.trees.paths(), chosen.tests, limits, chosen.seconds,
            self.cells.environment.subdir, self.repeats,
        )  # fmt: skip
        environment = self.cells.environment.digest
        inputs = digest(
            way(),
            environment,
            command,
            *chosen.tests,
            limits.model_dump_json(),
            str(self.repeats),
            *first.flaky,
        )

        async def make() -> Report:
            kept = self.cells.cache.recall(f"before/{inputs}", Report)
            found = kept or await self._tried(suite, first)
            if kept is None and not found.execution.timed_out:
                self.cells.cache.keep(f"before/{inputs}", found)
            return found

        before = await self.cells.steps.once(Key(f"{self.cells.issue}/regression/base", inputs), Report, make)
        self._tell(before)
        return Ready(suite, before, inputs)

    def _tell(self, before: Report) -> None:
        if before.watch != "kept":
            self._note(
                "no tests of ours can run beside the repository's: nothing shows whether its report is true"
            )
        if before.flaky:
            self._note(f"{len(before.flaky)} tests are flaky on the untouched code and don't count")
        self._note(f"{len(before.outcomes)} tests near the change pass on the untouched code")

    def _note(self, text: str) -> None:
        self.cells.events.emit("note", text, f"{self.cells.issue}/regression/base")

    async def _tried(self, suite: Suite, first: Report) -> Report:
        for _ in range(_TRIES - 1):
            with suppress(SandboxError):
                async with self.cells.slots:
                    return await suite.before(first)
        async with self.cells.slots:
            return await suite.before(first)

    async def _after(self, base: Ready, candidate: str) -> tuple[Verdict, ...]:
        async def make() -> tuple[Verdict, ...]:
            changes = await self.trees.changes(candidate)
            async with self.cells.slots:
                verdicts = await base.suite.verdicts(candidate, changes, base.before)
            if any(verdict.outcome == "infra" for verdict in verdicts):
                raise _Lost(verdicts)
            return verdicts

        key = Key(f"{self.cells.issue}/regression/{candidate}", base.inputs)
        try:
            return await self.cells.steps.once(key, tuple[Verdict, ...], make)
        except _Lost as lost:
            self.cells.events.emit("note", "the repository's tests could not be run here", key.path)
            return lost.verdicts
