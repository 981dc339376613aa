"""Has a known runner write its report, and reads it: the code under test may have written it."""

import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import PurePosixPath

from swe_scale import assets
from swe_scale.config import Limits
from swe_scale.profiles import WHOLE, Runner, TestOutcome, read_report
from swe_scale.profiles.outcomes import joined
from swe_scale.records import Execution, File, Record
from swe_scale.regression.canary import Watch, contradicts
from swe_scale.regression.written import Written
from swe_scale.sandbox import Sandbox

_LARGEST = 16 << 20
"""Bytes of a report; a longer one is not read."""
_MOST = 2_000
"""Report files that are read, of those that a runner writes by itself."""
_ALL = 64 << 20
"""Bytes of all of them."""
_SECONDS = 60.0
"""In which they must be found."""


class Report(Record):
    """What became of the tests in one run of the runner."""

    outcomes: Mapping[str, TestOutcome]
    """By test id, `path::Class::name`; of a command that reports no tests, by the file's path."""
    execution: Execution
    complete: bool
    """Whether the runner came to its own end and told of every test."""
    watch: Watch = "off"
    """Whether it told the truth of tests of ours."""
    flaky: tuple[str, ...] = ()
    """Of several runs on the untouched code: ids of tests that passed in some and not in all."""
    failing: tuple[str, ...] = ()
    """Of these runs: ids of tests that failed in each; they are held against nobody."""
    late: tuple[str, ...] = ()
    """Test files in whose portion the time was up."""
    crashed: tuple[str, ...] = ()
    """Test files in whose portion the runner ended before it had told of every test."""
    written: Written = Written()
    """What the run did to tests and to what steers the runner."""

    def of(self, path: str) -> dict[str, TestOutcome]:
        """Return the outcomes of one test file's tests; of `WHOLE`, all."""
        if path == WHOLE:
            return dict(self.outcomes)
        return {test: outcome for test, outcome in self.outcomes.items() if test.partition("::")[0] == path}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a runner runs: a folder of the work tree, whose tests it knows by shorter paths."""

    sandbox: Sandbox
    subdir: str = ""

    @property
    def root(self) -> str:
        """Its absolute path inside."""
        return f"{self.sandbox.workdir}/{self.subdir}" if self.subdir else self.sandbox.workdir

    def inside(self, tests: Sequence[str]) -> tuple[str, ...]:
        """Return the tests that lie in it, by their paths there; `WHOLE` is everywhere."""
        below = f"{self.subdir}/" if self.subdir else ""
        return tuple(test.removeprefix(below) for test in tests if test == WHOLE or test.startswith(below))

    def outside(self, test: str) -> str:
        """Return a test's id with its path from the work tree."""
        return f"{self.subdir}/{test}" if self.subdir and test.partition("::")[0] != WHOLE else test

    async def run(self, line: str, limits: Limits) -> Execution:
        """Run a shell line in it."""
        there = f"cd -- {shlex.quote(self.subdir)} || exit 1\n{line}" if self.subdir else line
        return await self.sandbox.run(("sh", "-c", there), limits=limits)


async def reported(place: Place, runner: Runner, line: str, tests: Sequence[str], limits: Limits) -> Report:
    """Run a line that starts a known runner, and return what its report says.

    Args:
        place: where.
        runner: the one that the line starts.
        line: with `{tests}`.
        tests: paths as the runner is to know them; `WHOLE` alone: everything.
        limits: of the run.

    Raises:
        SandboxError: the backend failed.
    """
    report = f"{place.sandbox.scratch}/{secrets.token_hex(8)}.{'xml' if runner.report == 'junit' else 'json'}"
    names = {
        "report": shlex.quote(report),
        "root": shlex.quote(place.root),
        "driver": await _driver(place, runner),
    }
    instead = runner.instead.format(**names)
    started = re.sub(runner.matches, lambda _: instead, line, count=1) if instead else line
    ran = await place.run(
        _forgetting(runner)
        + started.replace("{tests}", f"{runner.flags.format(**names)} {_given(runner, tests)}"),
        limits,
    )
    written = await _written(place, runner, report, limits)
    read = [one for one in (read_report(runner.report, data, tests) for data in written) if one]
    outcomes = joined((place.outside(test), end) for found, _ in read for test, end in found.items())
    if not read and runner.exit_code and ran.exit_code is not None:
        return Report(
            outcomes={WHOLE: "passed" if ran.exit_code == 0 else "failed"}, execution=ran, complete=True
        )
    ended = ran.exit_code in runner.finished if runner.finished else ran.exit_code is not None
    finished = ended and bool(read) and all(whole for _, whole in read)
    forged = finished and contradicts(ran.output, b"".join(written), runner.tally)
    if forged and not runner.watched:
        # A report that holds less than its runner printed is none.
        return Report(outcomes={}, execution=ran, complete=False)
    return Report(outcomes=outcomes, execution=ran, complete=finished, watch="broken" if forged else "off")


def _given(runner: Runner, tests: Sequence[str]) -> str:
    if runner.selects == "suite":
        return ""
    if WHOLE in tests:
        return runner.everything
    if runner.selects == "files":
        return shlex.join(tests)
    folders = dict.fromkeys(str(PurePosixPath(test).parent) for test in tests)
    return shlex.join(folder if folder == "." else f"./{folder}" for folder in folders)


async def _driver(place: Place, runner: Runner) -> str:
    if not runner.driver:
        return ""
    if runner.driver.endswith(".py"):
        source = resources.files("swe_scale.profiles").joinpath(runner.driver).read_bytes()
    else:
        source = (assets.folder("sandboxes") / "profiles" / runner.driver).read_bytes()
    await place.sandbox.write(place.sandbox.scratch, {runner.driver: File(mode="100644", data=source)})
    return shlex.quote(f"{place.sandbox.scratch}/{runner.driver}")


def _find(runner: Runner) -> str:
    here, below = (shlex.quote(f"./{start}{runner.reports}") for start in ("", "*/"))
    return f"find . -type f '(' -path {here} -o -path {below} ')'"


def _forgetting(runner: Runner) -> str:
    return f"{_find(runner)} -delete\n" if runner.reports else ""


async def _written(place: Place, runner: Runner, report: str, limits: Limits) -> list[bytes]:
    soon = limits.model_copy(update={"seconds": _SECONDS})
    if runner.collect:
        await place.run(runner.collect.format(report=shlex.quote(report)), soon)
    if runner.collect or not runner.reports:
        return [data] if (data := await _read(place.sandbox, report)) else []
    listed = await place.run(f"{_find(runner)} -print", soon)
    found: list[bytes] = []
    left = _ALL
    for path in sorted(listed.output.splitlines())[:_MOST]:
        data = await _read(place.sandbox, f"{place.root}/{path.removeprefix('./')}")
        left -= len(data)
        if left < 0:
            break
        found.append(data)
    return [data for data in found if data]


async def _read(sandbox: Sandbox, path: str) -> bytes:
    data = await sandbox.read(path, _LARGEST + 1) or b""
    return data if len(data) <= _LARGEST else b""
