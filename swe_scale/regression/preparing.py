"""Finds out ahead of any issue what each test file executes and which of its tests are flaky."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import anyio
import anyio.lowlevel

from swe_scale.errors import SandboxError
from swe_scale.events import Events
from swe_scale.profiles import WHOLE, runner_of
from swe_scale.regression.comparing import stable
from swe_scale.regression.known_tests import Known, KnownTests
from swe_scale.regression.near import SAFE
from swe_scale.regression.sampling import Probe, one_per_folder

_RUNS = 2
"""Of each test file at least; one more where outcomes differ."""
_MOST_LOST = 6
"""Test files in a row for which the backend failed, after which it is given up."""


@dataclass(slots=True)
class Tally:
    """What came of the test files."""

    done: int = 0
    kept: int = 0
    """Those of which everything was known."""
    left: int = 0
    """Those for which the time was up."""
    late: int = 0
    """Those that didn't end within the time of one file."""
    flaky: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By test file, ids of its flaky tests."""
    lost: dict[str, str] = field(default_factory=dict)
    """By test file, why the backend failed for it."""


def to_try(tests: Sequence[str], command: str) -> tuple[str, ...]:
    """Return what the runner is given, one after another: files, one of each folder, or everything."""
    runner = runner_of(command)
    selects = runner.selects if runner else "files"
    if selects == "suite" or WHOLE in tests:
        return (WHOLE,) if tests else ()
    safe = [test for test in tests if SAFE.fullmatch(test)]
    return one_per_folder(safe) if selects == "folders" else tuple(safe)


async def prepare_tests(
    known: KnownTests, tests: Sequence[str], events: Events, until: float = math.inf
) -> Tally:
    """Try every test file of which not all is known, the smallest first; what is found is kept at once.

    Args:
        known: keeps it.
        tests: files that the runner can be given.
        events: where progress is reported.
        until: time of the event loop's clock at which it stops, and what is running then is dropped.

    Raises:
        SandboxError: the backend no longer works.
    """
    tally = Tally()
    sizes = {entry.path: entry.size for entry in known.ground.entries}
    due = [test for test in to_try(tests, known.trials.command) if not await _settled(known, test, tally)]
    await _Preparation(known, tally, events, len(due)).of(_ordered(due, sizes), until)
    return tally


def _ordered(due: Sequence[str], sizes: Mapping[str, int]) -> list[str]:
    return sorted(due, key=lambda test: (sizes.get(test, 0), test))


async def _settled(known: KnownTests, test: str, tally: Tally) -> bool:
    """Return whether all is known of a test file; count it if so."""
    await anyio.lowlevel.checkpoint()
    found = await known.noted(test)
    if found is None or (found.seconds < known.trials.limits.seconds if found.late else found.runs < _RUNS):
        return False
    tally.kept += 1
    if found.flaky:
        tally.flaky[test] = found.flaky
    return True


@dataclass(slots=True)
class _Preparation:
    known: KnownTests
    tally: Tally
    events: Events
    due: int
    _in_a_row: int = 0

    async def of(self, tests: Sequence[str], until: float) -> None:
        waiting = iter(tests)

        async def work() -> None:
            for test in waiting:
                await self._take(test)

        with anyio.CancelScope(deadline=until):
            async with anyio.create_task_group() as group:
                for _ in range(max(1, int(self.known.trials.slots.total_tokens))):
                    group.start_soon(work)
        self.tally.left = self.due - self.tally.done - len(self.tally.lost)

    async def _take(self, test: str) -> None:
        try:
            found = await self._found(test)
            await self.known.keep(found)
        except SandboxError as error:
            self._in_a_row += 1
            self.tally.lost[test] = str(error)
            if self._in_a_row >= _MOST_LOST:
                raise
            return
        self._in_a_row = 0
        self.tally.done += 1
        self.tally.late += found.late
        if found.flaky:
            self.tally.flaky[test] = found.flaky
        said = "too slow" if found.late else f"{len(found.flaky)} flaky" if found.flaky else "known"
        self.events.emit("note", f"{test}: {said} ({self.tally.done} of {self.due} test files)")

    async def _found(self, test: str) -> Known:
        """Run a test file until it is known which of its tests are flaky."""
        trials, traced = self.known.trials, self.known.traced
        first = await trials.tried(test, traced)
        probe, report, runs = first, first.report, 1
        while not first.report.execution.timed_out and (runs < _RUNS or (runs == _RUNS and report.flaky)):
            other = await trials.tried(test, traced)
            report = stable(report, other.report)
            probe, runs = _united(probe, other), runs + 1
        seconds = trials.limits.seconds if first.report.execution.timed_out else 0.0
        return Known(probe=probe, flaky=report.flaky, runs=runs, seconds=seconds)


def _united(first: Probe, other: Probe) -> Probe:
    """Return the first run with what the other one executed, too: a flaky test may take another way."""
    if first.executed is None or other.executed is None:
        return first
    return first.model_copy(update={"executed": first.executed.united(other.executed)})
