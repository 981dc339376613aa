"""The tests near the candidates' changes as durable steps: each candidate's run is paid once."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import anyio

from swe_scale.checks import Cells
from swe_scale.errors import SandboxError
from swe_scale.patch import touched
from swe_scale.records import Candidate, Check, Verdict, digest
from swe_scale.regression.near import find_near
from swe_scale.regression.running import Report
from swe_scale.regression.suite import Suite, way
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
class Neighbours:
    """Finds the repository's own tests near a change and runs them before and after, on every candidate."""

    cells: Cells
    trees: Trees
    seconds: float
    """Wall clock for one run of all of them; 0 leaves them out."""

    async def verdicts(
        self, candidates: Sequence[Candidate]
    ) -> tuple[tuple[Check, ...], tuple[Verdict, ...]]:
        """Return a check per test file, and a verdict per candidate and check.

        Nothing where the tests can't be run on the untouched code though sandboxes work otherwise.

        Raises:
            SandboxError: the backend no longer works at all.
        """
        suite = await self._suite(candidates)
        if suite is None:
            return (), ()
        inputs = digest(
            way(), self.cells.environment.digest, suite.command, *suite.tests, suite.limits.model_dump_json()
        )
        before = await self._before(suite, inputs)
        if before is None:
            return (), ()
        found: dict[str, tuple[Verdict, ...]] = {}

        async def judge(candidate: str) -> None:
            found[candidate] = await self._after(suite, inputs, before, candidate)

        async with anyio.create_task_group() as group:
            for one in candidates:
                group.start_soon(judge, one.id)
        return suite.checks(before), tuple(verdict for one in candidates for verdict in found[one.id])

    async def _suite(self, candidates: Sequence[Candidate]) -> Suite | None:
        command = self.cells.environment.test_command
        changed = sorted({path for one in candidates for path in touched(one.patch)})
        if not command or not changed or not self.seconds:
            return None
        tests = await find_near(self.trees.repository, self.trees.base, changed)
        if not tests:
            return None
        limits = self.cells.limits.model_copy(update={"seconds": self.seconds})
        return Suite(self.cells.template, command, await self.trees.paths(), tests, limits)

    async def _before(self, suite: Suite, inputs: str) -> Report | None:
        key = Key(f"{self.cells.issue}/regression/base", inputs)
        try:
            before = await self.cells.steps.once(key, Report, lambda: self._tried(suite))
        except SandboxError as error:
            if not await self.cells.alive():
                raise
            text = (
                f"the repository's tests could not be run on the untouched code, so they say nothing: {error}"
            )
            self.cells.events.emit("note", text, key.path)
            return None
        if before.watch != "kept":
            text = (
                "no tests of ours can run beside the repository's: nothing shows whether its report is true"
            )
            self.cells.events.emit("note", text, key.path)
        passed = len(before.outcomes)
        self.cells.events.emit("note", f"{passed} tests near the change pass on the untouched code", key.path)
        return before

    async def _tried(self, suite: Suite) -> Report:
        for _ in range(_TRIES - 1):
            with suppress(SandboxError):
                async with self.cells.slots:
                    return await suite.before()
        async with self.cells.slots:
            return await suite.before()

    async def _after(self, suite: Suite, inputs: str, before: Report, candidate: str) -> tuple[Verdict, ...]:
        async def make() -> tuple[Verdict, ...]:
            changes = await self.trees.changes(candidate)
            async with self.cells.slots:
                verdicts = await suite.verdicts(candidate, changes, before)
            if any(verdict.outcome == "infra" for verdict in verdicts):
                raise _Lost(verdicts)
            return verdicts

        key = Key(f"{self.cells.issue}/regression/{candidate}", inputs)
        try:
            return await self.cells.steps.once(key, tuple[Verdict, ...], make)
        except _Lost as lost:
            self.cells.events.emit("note", "the repository's tests could not be run here", key.path)
            return lost.verdicts
