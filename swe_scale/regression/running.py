"""Runs test files in a sandbox with the repository's own command and reads its report."""

import re
import secrets
import shlex
from collections.abc import Mapping, Sequence
from importlib import resources

from swe_scale.config import Limits
from swe_scale.profiles import Runner, TestOutcome, parse_junit, parse_lines, profiles
from swe_scale.records import Execution, File, Record
from swe_scale.regression.canary import Canary, Watch, contradicts
from swe_scale.sandbox import Sandbox

_LARGEST = 16 << 20
"""Bytes of a report; a longer one is not read."""
_PYTEST = re.compile(r"\b(pytest|py\.test)\b")
_UNITTEST = re.compile(r"-m\s+unittest\b(?!\s+discover)")
_DRIVER = "unittest_driver.py"


class Report(Record):
    """What became of the tests in one run of the runner."""

    outcomes: Mapping[str, TestOutcome]
    """By test id, `path::Class::name`; of a command that reports no tests, by the file's path."""
    execution: Execution
    complete: bool
    """Whether the runner came to its own end and told of every test."""
    watch: Watch = "off"
    """Whether it told the truth of tests of ours."""

    def of(self, path: str) -> dict[str, TestOutcome]:
        """Return the outcomes of one test file's tests."""
        return {test: outcome for test, outcome in self.outcomes.items() if test.partition("::")[0] == path}


async def run_tests(
    sandbox: Sandbox, command: str, tests: Sequence[str], limits: Limits, watched: bool = False
) -> Report:
    """Run test files together and return what became of each test.

    A command that runs pytest or `-m unittest` is made to write a report. Of any other command only
    the exit code is known, so it is run once per file.

    Args:
        sandbox: with the tree to be tested.
        command: shell line; `{tests}` stands for the files, which otherwise come last.
        tests: paths of test files, relative to the work tree.
        limits: of all of it; its seconds are those of all files together.
        watched: whether tests of ours run beside them where a report is written, to show whether it is true.

    Raises:
        SandboxError: the backend failed.
    """
    line = command if "{tests}" in command else f"{command} {{tests}}"
    runners = {name: runner for profile in profiles() for name, runner in profile.runners.items()}
    run, name = (
        (_with_junit, "pytest") if _PYTEST.search(line)
        else (_with_driver, "unittest") if _UNITTEST.search(line)
        else (None, "")
    )  # fmt: skip
    if run is None:
        return await _by_exit_code(sandbox, line, tests, limits)
    if not watched:
        return await run(sandbox, line, tests, runners[name], limits)
    canary = Canary(tests[-1])
    await sandbox.write(sandbox.workdir, {canary.path: canary.file})
    report = await run(sandbox, line, (*tests, canary.path), runners[name], limits)
    return _without(report, canary)


def _without(report: Report, canary: Canary) -> Report:
    code = report.execution.exit_code
    heard = canary.heard(report.outcomes, failing=code != 0)
    # A runner that didn't come to its end never got to our tests: that is a crash, and no lie.
    watch = heard.watch if report.complete and report.watch != "broken" else report.watch
    only_ours = watch == "kept" and not {"failed", "error"} & set(heard.outcomes.values())
    ran = report.execution.model_copy(update={"exit_code": 0}) if only_ours else report.execution
    return report.model_copy(update={"outcomes": heard.outcomes, "watch": watch, "execution": ran})


async def _with_junit(
    sandbox: Sandbox, line: str, tests: Sequence[str], runner: Runner, limits: Limits
) -> Report:
    report = f"{sandbox.scratch}/{secrets.token_hex(8)}.xml"
    flags = runner.flags.format(report=shlex.quote(report), root=shlex.quote(sandbox.workdir))
    ran = await _run(sandbox, line.replace("{tests}", f"{flags} {shlex.join(tests)}"), limits)
    written = await _read(sandbox, report)
    outcomes = parse_junit(written, tests)
    finished = outcomes is not None and ran.exit_code in runner.finished
    forged = finished and contradicts(ran.output, written)
    return Report(
        outcomes=outcomes or {}, execution=ran, complete=finished, watch="broken" if forged else "off"
    )


async def _with_driver(
    sandbox: Sandbox, line: str, tests: Sequence[str], runner: Runner, limits: Limits
) -> Report:
    source = resources.files("swe_scale.profiles").joinpath(_DRIVER).read_bytes()
    await sandbox.write(sandbox.scratch, {_DRIVER: File(mode="100644", data=source)})
    report = f"{sandbox.scratch}/{secrets.token_hex(8)}.jsonl"
    driver = shlex.join((f"{sandbox.scratch}/{_DRIVER}", report))
    driven = _UNITTEST.sub(lambda _: driver, line, count=1)
    ran = await _run(sandbox, driven.replace("{tests}", shlex.join(tests)), limits)
    outcomes, ended = parse_lines(await _read(sandbox, report))
    return Report(outcomes=outcomes, execution=ran, complete=ended and ran.exit_code in runner.finished)


async def _by_exit_code(sandbox: Sandbox, line: str, tests: Sequence[str], limits: Limits) -> Report:
    outcomes: dict[str, TestOutcome] = {}
    total = Execution(exit_code=0, output="")
    for path in tests:
        left = limits.seconds - total.seconds
        if left <= 0 or total.timed_out:
            total = total.model_copy(update={"timed_out": True, "exit_code": None})
            break
        ran = await _run(
            sandbox,
            line.replace("{tests}", shlex.quote(path)),
            limits.model_copy(update={"seconds": left}),
        )
        if not ran.timed_out:
            outcomes[path] = "passed" if ran.exit_code == 0 else "failed"
        total = _joined(total, ran)
    return Report(outcomes=outcomes, execution=total, complete=not total.timed_out)


def _joined(first: Execution, then: Execution) -> Execution:
    return Execution(
        exit_code=None if then.timed_out else first.exit_code or then.exit_code,
        output=first.output + then.output,
        timed_out=then.timed_out,
        seconds=first.seconds + then.seconds,
        truncated=first.truncated + then.truncated,
        limit=first.limit or then.limit,
    )


async def _run(sandbox: Sandbox, line: str, limits: Limits) -> Execution:
    return await sandbox.run(("sh", "-c", line), limits=limits)


async def _read(sandbox: Sandbox, path: str) -> bytes:
    data = await sandbox.read(path, _LARGEST + 1) or b""
    return data if len(data) <= _LARGEST else b""
