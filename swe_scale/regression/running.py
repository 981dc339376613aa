"""Runs the repository's own tests in a sandbox, by its own command, and says what became of each."""

import shlex
from collections.abc import Sequence

from swe_scale.config import Limits
from swe_scale.profiles import WHOLE, Profile, Runner, TestOutcome, started_by
from swe_scale.records import Execution
from swe_scale.regression.canary import Canary
from swe_scale.regression.reported import Place, Report, reported
from swe_scale.sandbox import Sandbox

__all__ = ["Report", "run_tests", "taken"]


async def run_tests(
    sandbox: Sandbox,
    command: str,
    tests: Sequence[str],
    limits: Limits,
    watched: bool = False,
    subdir: str = "",
) -> Report:
    """Run test files together and return what became of each test.

    A command that starts a runner that a profile knows is made to write a report. Of any other command
    only the exit code is known, so it is run once per file. A runner is given no other language's tests.

    Args:
        sandbox: with the tree to be tested.
        command: shell line; `{tests}` stands for the files, which otherwise come last.
        tests: paths of test files, relative to the work tree; `WHOLE` alone stands for all there are.
        limits: of all of it; its seconds are those of all files together.
        watched: whether tests of ours run beside them where the runner allows, to show whether its report
            is true.
        subdir: folder of the work tree in which the command runs; tests elsewhere are left out.

    Raises:
        SandboxError: the backend failed.
    """
    line = command if "{tests}" in command else f"{command} {{tests}}"
    place = Place(sandbox, subdir)
    started = started_by(line)
    chosen = _understood(place.inside(tests), started)
    if not chosen:
        return Report(outcomes={}, execution=Execution(exit_code=0, output=""), complete=True)
    if started is None:
        return await _by_exit_code(place, line, chosen, limits)
    runner = started[1]
    if not (watched and runner.watched) or WHOLE in chosen:
        return await reported(place, runner, line, chosen, limits)
    canary = Canary(place.outside(chosen[-1]))
    await sandbox.write(sandbox.workdir, {canary.path: canary.file})
    report = await reported(place, runner, line, (*chosen, *place.inside((canary.path,))), limits)
    return _without(report, canary)


def taken(command: str, tests: Sequence[str], subdir: str = "") -> tuple[str, ...]:
    """Return those of some test files that `run_tests` gives to a command: of its language, in its folder.

    Args:
        command: shell line.
        tests: paths relative to the work tree.
        subdir: folder in which the command runs; empty: the work tree's root.
    """
    below = f"{subdir}/" if subdir else ""
    return _understood([test for test in tests if test.startswith(below)], started_by(command))


def _understood(tests: Sequence[str], started: tuple[Profile, Runner] | None) -> tuple[str, ...]:
    if started is None or started[1].selects == "suite":
        return tuple(tests)
    return tuple(test for test in tests if test == WHOLE or started[0].is_test_file(test))


def _without(report: Report, canary: Canary) -> Report:
    code = report.execution.exit_code
    heard = canary.heard(report.outcomes, failing=code != 0)
    # A runner that didn't come to its end never got to our tests: that is a crash, and no lie.
    watch = heard.watch if report.complete and report.watch != "broken" else report.watch
    only_ours = watch == "kept" and not {"failed", "error"} & set(heard.outcomes.values())
    ran = report.execution.model_copy(update={"exit_code": 0}) if only_ours else report.execution
    return report.model_copy(update={"outcomes": heard.outcomes, "watch": watch, "execution": ran})


async def _by_exit_code(place: Place, line: str, tests: Sequence[str], limits: Limits) -> Report:
    outcomes: dict[str, TestOutcome] = {}
    total = Execution(exit_code=0, output="")
    for path in tests:
        left = limits.seconds - total.seconds
        if left <= 0 or total.timed_out:
            total = total.model_copy(update={"timed_out": True, "exit_code": None})
            break
        given = "" if path == WHOLE else shlex.quote(path)
        ran = await place.run(line.replace("{tests}", given), limits.model_copy(update={"seconds": left}))
        if not ran.timed_out:
            outcomes[place.outside(path)] = "passed" if ran.exit_code == 0 else "failed"
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
