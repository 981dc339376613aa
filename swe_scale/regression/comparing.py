"""What several runs of the same tests say together."""

from collections.abc import Sequence

from swe_scale.records import Execution
from swe_scale.regression.reported import Report
from swe_scale.regression.written import Written


def stable(first: Report, second: Report) -> Report:
    """Return the first of two runs on the untouched tree, with only those tests that passed in both.

    A test that passed in one of them and is told of otherwise in the other is flaky, by chance or by the
    order of the files; what a run that was cut short never got to is not.
    """
    told = {
        test: (one, second.outcomes[test]) for test, one in first.outcomes.items() if test in second.outcomes
    }
    gone = set(first.outcomes) ^ set(second.outcomes) if first.complete and second.complete else set[str]()
    passed = {**first.outcomes, **second.outcomes}
    missing = {test for test in gone if passed[test] == "passed"}
    differing = {test for test, both in told.items() if "passed" in both and set(both) != {"passed"}}
    failing = {test for test, both in told.items() if set(both) <= {"failed", "error"}}
    flaky = {*first.flaky, *missing, *differing}
    slower = max(first.execution.seconds, second.execution.seconds)
    return first.model_copy(
        update={
            "outcomes": {
                test: one
                for test, (one, other) in told.items()
                if one == other == "passed" and test not in first.flaky
            },
            "complete": first.complete and second.complete,
            "watch": "kept" if first.watch == second.watch == "kept" else "off",
            "flaky": tuple(sorted(flaky)),
            "failing": tuple(sorted({*first.failing, *failing} - flaky)),
            "execution": first.execution.model_copy(update={"seconds": slower}),
            "written": _both(first, second),
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
    left_open = {*second.crashed, *second.late}
    return first.model_copy(
        update={
            "outcomes": outcomes,
            "complete": first.complete or second.complete,
            "watch": watch,
            "late": tuple(dict.fromkeys((*first.late, *second.late))),
            "crashed": tuple(path for path in first.crashed if path in left_open),
            "written": _both(first, second),
        }
    )


def bent(before: Report, after: Report) -> bool:
    """Return whether a candidate's run changed tests or what steers them, as the untouched code's didn't.

    Where the untouched code itself writes more than can be compared, nothing is known.
    """
    if before.written.unseen:
        return False
    return after.written.unseen or not set(after.written.paths) <= set(before.written.paths)


def _both(*reports: Report) -> Written:
    return Written(
        paths=tuple(sorted({path for report in reports for path in report.written.paths})),
        unseen=any(report.written.unseen for report in reports),
    )


def joined(reports: Sequence[Report]) -> Report:
    """Return several portions of one run as one.

    The tests of ours count as run where every portion that was heard of had them.
    """
    watches = {report.watch for report in reports if report.outcomes or report.watch == "broken"}
    codes = [report.execution.exit_code for report in reports]
    return Report(
        outcomes={test: outcome for report in reports for test, outcome in report.outcomes.items()},
        complete=all(report.complete for report in reports),
        watch="broken" if "broken" in watches else "kept" if watches == {"kept"} else "off",
        flaky=tuple(sorted({test for report in reports for test in report.flaky})),
        late=tuple(path for report in reports for path in report.late),
        crashed=tuple(path for report in reports for path in report.crashed),
        written=_both(*reports),
        execution=Execution(
            exit_code=None if None in codes else next(filter(None, codes), 0),
            output="".join(report.execution.output for report in reports),
            timed_out=any(report.execution.timed_out for report in reports),
            seconds=sum(report.execution.seconds for report in reports),
            truncated=sum(report.execution.truncated for report in reports),
            limit=next((report.execution.limit for report in reports if report.execution.limit), None),
        ),
    )
