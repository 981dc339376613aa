"""Runs the hidden tests in two stages, so that nothing that prepares them can speak in their name."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

from swe_scale.config import Limits
from swe_scale.errors import TooLarge
from swe_scale.profiles import TestOutcome, read_report, started_by
from swe_scale.records import Changes, Execution
from swe_scale.regression.written import written
from swe_scale.sandbox import Sandbox, Template
from swe_scale.swebench.evaluation import Parts, graded_log, script_of
from swe_scale.swebench.instance import Gold
from swe_scale.swebench.official import Reading
from swe_scale.swebench.running import Hindered, reading_of, refuse_hindered, run_script
from swe_scale.swebench.sentinel import sentinel_beside

_LARGEST_REPORT = 32 << 20
_JUNIT = " -o junit_family=xunit1 --junitxml={report}"
_SHOW_NOTHING = "git config --global log.showRoot false"


@dataclass(frozen=True, slots=True)
class Hidden:
    """The hidden tests of one row, as its work tree is to hold them."""

    gold: Gold
    parts: Parts
    files: Changes
    """The test patch, as changes of the tree."""
    base: frozenset[str]
    """Paths of the tree."""

    @property
    def paths(self) -> frozenset[str]:
        """Paths of the tree with the hidden tests in it."""
        return self.base | {path for path, file in self.files.items() if file is not None}


@dataclass(frozen=True, slots=True)
class Manner:
    """What runs beside the hidden tests and what is asked of their runner."""

    sentinel: bool = True
    report: bool = True


@dataclass(frozen=True, slots=True)
class Staged:
    """What came of one run."""

    manner: Manner
    execution: Execution
    """Of the tests alone."""
    reading: Reading
    told: Mapping[str, str]
    """What the log says of the sentinel's tests."""
    report: bytes
    """The runner's own; empty: there is none."""
    outcomes: Mapping[str, TestOutcome] | None
    """What it says; None where it says nothing."""
    written: tuple[str, ...]
    """Tests and steering files that the run changed or planted."""


async def run_staged(
    template: Template, hidden: Hidden, changes: Changes, limits: Limits, manner: Manner
) -> Staged:
    """Run the hidden tests on a tree with these changes.

    What prepares them has ended, with all that it started, before the tests' files are put in place; the log
    is what the tests' own command prints, and nothing else.

    Raises:
        Hindered: the machine failed, or a limit other than the time was hit.
        SandboxError: the backend failed.
        UsageError: as `read_log`.
    """
    *first, last = hidden.parts.tests
    sentinel = sentinel_beside(last, hidden.paths) if manner.sentinel else None
    files = {**hidden.files, **({sentinel.path: sentinel.file} if sentinel else {})}
    async with template.fork(limits) as sandbox:
        await sandbox.write(sandbox.workdir, changes)
        before = await run_script(sandbox, script_of((_SHOW_NOTHING, *hidden.parts.before)), limits)
        if before.exit_code is None and not before.timed_out:
            raise Hindered("what prepares the tests was lost")
        prepared = await _as_prepared(sandbox, changes)
        await sandbox.write(sandbox.workdir, files)
        report = f"{sandbox.scratch}/{secrets.token_hex(8)}.xml"
        line = sentinel.line if sentinel else last
        flags = _JUNIT.format(report=report) if manner.report and _writes_junit(last) else ""
        left = limits.model_copy(update={"seconds": max(1.0, limits.seconds - before.seconds)})
        ran = await run_script(sandbox, script_of((*hidden.parts.settings, *first, line + flags)), left)
        data = await sandbox.read(report, _LARGEST_REPORT) if flags else None
        changed = (await written(sandbox, {**prepared, **files}, hidden.base)).paths
    code = 1 if ran.exit_code is None else ran.exit_code
    reading = await reading_of(hidden.gold, graded_log(ran.output, code), closely=True)
    if not ran.timed_out and reading.judged.ruling != "resolved":
        refuse_hindered(ran, limits)
    told = sentinel.told(reading.statuses) if sentinel else {}
    return Staged(manner, ran, reading, told, data or b"", _outcomes(data, hidden), changed)


async def _as_prepared(sandbox: Sandbox, changes: Changes) -> Changes:
    """Return how the tree differs before the tests run: an installation lists a patch's new files, say."""
    try:
        return {**changes, **await sandbox.snapshot()}
    except TooLarge:
        return changes


def _writes_junit(line: str) -> bool:
    started = started_by(line)
    return started is not None and started[1].report == "junit" and started[0].name == "python"


def _outcomes(report: bytes | None, hidden: Hidden) -> Mapping[str, TestOutcome] | None:
    if not report:
        return None
    read = read_report("junit", report, [path for path in hidden.paths if path.endswith(".py")])
    return read[0] if read else None
