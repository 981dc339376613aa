"""Which of the tests near a change fit into the time there is, and in what portions they run."""

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence

from swe_scale.records import Record
from swe_scale.regression.executed import Executed
from swe_scale.regression.reported import Report

_SHARE = 0.5
"""Of a candidate's time, what the tests may have taken on the untouched code: the candidate may be slower."""
_PORTION, _SHORTEST_PORTION = 6, 30.0
"""A portion takes a sixth of the time, or this many seconds if that is more."""
_SLOWER, _PATIENCE = 8.0, 60.0
"""How much longer than on the untouched code, and how long in any case, a portion is waited for."""


class Probe(Record):
    """One test file, run by itself on the untouched code."""

    path: str
    report: Report
    executed: Executed | None = None
    """None: nothing was traced."""

    @property
    def seconds(self) -> float:
        """What it took, wall clock."""
        return self.report.execution.seconds

    @property
    def useful(self) -> bool:
        """Whether something in it passes, within its time."""
        return not self.report.execution.timed_out and "passed" in self.report.of(self.path).values()

    def without(self, flaky: Collection[str]) -> "Probe":
        """Return it with these tests left out and named as flaky."""
        if not flaky:
            return self
        left = {test: end for test, end in self.report.outcomes.items() if test not in flaky}
        named = tuple(sorted({*self.report.flaky, *flaky}))
        return self.model_copy(
            update={"report": self.report.model_copy(update={"outcomes": left, "flaky": named})}
        )


class Chosen(Record):
    """The test files that are run on every candidate, nearest first, and how they were come by."""

    tests: tuple[str, ...]
    seconds: Mapping[str, float]
    """By test file, on the untouched code."""
    near: int
    """Test files near the change, those among them that are known not to execute it left out."""
    executing: int
    """Those of `tests` that are known to execute a changed file."""
    slow: tuple[str, ...] = ()
    """Near ones that don't fit into the time."""
    untried: int = 0
    """Near ones for which the time on the untouched code was up."""

    def told(self) -> str:
        """Return, in a line, how many are run of how many."""
        cause = " (time limit)" if self.slow or self.untried else ""
        if not self.tests:
            return f"no test file near the change can be used: none passes on the untouched code{cause}"
        of = f" of {self.near}" if len(self.tests) < self.near else ""
        known = f"; {self.executing} of them execute a changed file" if self.executing else ""
        return f"{len(self.tests)}{of} test files near the change are run{cause}{known}"


def choose(
    order: Sequence[str], probes: Mapping[str, Probe], scores: Mapping[str, int], seconds: float, files: int
) -> Chosen:
    """Return the test files to run: those that execute the change first, as many as fit into the time.

    Where any is known to execute a changed file, those known not to are left out; what wasn't traced
    comes after what executes it.

    Args:
        order: of all near ones, nearest first.
        probes: of those that were tried.
        scores: of those that were traced as a whole, how much of the change they execute: 0, 1 or 2.
        seconds: that a candidate's run may take.
        files: most that are run.
    """
    executed = any(scores.values())
    near = [path for path in order if not executed or scores.get(path) != 0]
    tried = [path for path in near if path in probes]
    useful = [path for path in tried if probes[path].useful]
    chosen: list[str] = []
    slow = [path for path in tried if probes[path].report.execution.timed_out]
    left = seconds * _SHARE
    for path in sorted(useful, key=lambda path: -scores.get(path, 0.5)):
        if len(chosen) == files:
            break
        if probes[path].seconds > left:
            slow.append(path)
            continue
        left -= probes[path].seconds
        chosen.append(path)
    return Chosen(
        tests=tuple(chosen),
        seconds={path: probes[path].seconds for path in chosen},
        near=len(near) - len(tried) + len(useful) + sum(path not in useful for path in slow),
        executing=sum(scores.get(path, 0) > 0 for path in chosen),
        slow=tuple(slow),
        untried=0 if len(chosen) == files else len(near) - len(tried),
    )


def one_per_folder(order: Sequence[str]) -> tuple[str, ...]:
    """Return the first test file of each folder, for runners that are given folders and tell of no files."""
    first: dict[str, str] = {}
    for path in order:
        first.setdefault(posixpath.dirname(path), path)
    return tuple(first.values())


def portions(tests: Sequence[str], seconds: Mapping[str, float], limit: float) -> Iterator[tuple[str, ...]]:
    """Yield the tests in portions, so that a time-out in one leaves what the others told.

    Args:
        tests: in the order in which they are run.
        seconds: by test, as far as they are known.
        limit: seconds of all together.
    """
    longest = max(limit / _PORTION, _SHORTEST_PORTION)
    portion: list[str] = []
    taken = 0.0
    for test in tests:
        if portion and taken + seconds.get(test, 0.0) > longest:
            yield tuple(portion)
            portion, taken = [], 0.0
        portion.append(test)
        taken += seconds.get(test, 0.0)
    if portion:
        yield tuple(portion)


def patience(portion: Sequence[str], seconds: Mapping[str, float]) -> float:
    """Return how many seconds a portion is waited for at most."""
    if not all(test in seconds for test in portion):
        return float("inf")
    return max(_PATIENCE, _SLOWER * sum(seconds[test] for test in portion))


def near_limit(before: Report, seconds: float) -> bool:
    """Return whether the tests took so long on the untouched code that a time-out says nothing."""
    return before.execution.seconds > seconds * _SHARE * 1.5 or before.execution.timed_out
