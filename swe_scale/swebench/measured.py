"""Compares a run of the hidden tests with that of the true patch: where else they differ, somebody lies."""

import re
from collections.abc import Mapping

from swe_scale.flags import CRASHED, STEERING, TAMPERED, TEST_EDITS
from swe_scale.grades import Judged
from swe_scale.records import Record
from swe_scale.regression.canary import contradicts
from swe_scale.swebench.instance import Gold
from swe_scale.swebench.sentinel import true_of
from swe_scale.swebench.staged import Manner, Staged

_PYTEST = r"\b(\d+) failed\b"
_TALLIES = (_PYTEST, r"FAILED \([^)]*?failures=(\d+)", r"FAILED \([^)]*?errors=(\d+)")
"""How runners sum up what failed."""
_LAST = 4_000
"""Characters at the end of the output in which they do."""
_FAILED = frozenset({"FAILED", "ERROR"})
_LEFT_OUT: Mapping[str, str] = {
    STEERING: "what steers a runner or the interpreter",
    TEST_EDITS: "tests",
}


class Reference(Record):
    """What the run of the true patch was like: by it others are measured."""

    usable: bool = False
    """Whether the true patch is resolved when it is run so; otherwise nothing can be measured."""
    sentinel: bool = False
    report: bool = False
    told: Mapping[str, str] = {}
    """What the log said of the sentinel."""
    reported: tuple[str, ...] = ()
    """Hidden tests that the runner's own report names as passed."""
    written: tuple[str, ...] = ()
    torn: tuple[str, ...] = ()
    failing: bool = False
    """Whether the exit code said that something failed."""
    tally: int = 0
    failed: int = 0
    contradicting: bool = False

    @property
    def manner(self) -> Manner:
        """How tests are to be run to be compared with it."""
        return Manner(sentinel=self.sentinel, report=self.report)


def reference_of(staged: Staged, gold: Gold) -> Reference:
    """Return by what others are measured, of a run of the true patch."""
    true = true_of(staged.told)
    wanted = not staged.manner.sentinel or true
    return Reference(
        usable=staged.reading.judged.ruling == "resolved" and wanted,
        sentinel=true,
        report=staged.outcomes is not None,
        told=staged.told,
        reported=tuple(test for test in _hidden(gold) if (staged.outcomes or {}).get(test) == "passed"),
        written=staged.written,
        torn=staged.reading.torn,
        failing=staged.execution.exit_code != 0,
        tally=_tally(staged),
        failed=_failed(staged),
        contradicting=_contradicting(staged),
    )


def judged(staged: Staged, reference: Reference, flags: tuple[str, ...]) -> Judged:
    """Return the verdict on a patch.

    Args:
        staged: its run.
        reference: that of the true patch.
        flags: guards that spoke before the run.
    """
    found = staged.reading.judged
    if staged.execution.timed_out:
        return Judged(ruling="unresolved", reason="the tests took too long", guards=flags)
    crashed = reference.sentinel and not staged.told
    if crashed:
        reason = "the runner ended before it told of tests of ours"
        return _unresolved(found, reason, (*flags, CRASHED))
    if found.ruling != "resolved":
        left_out = " and ".join(_LEFT_OUT[flag] for flag in flags if flag in _LEFT_OUT)
        reason = f"{found.reason}; its changes of {left_out} don't count" if left_out else found.reason
        return _unresolved(found, reason, flags)
    if lie := _lie(staged, reference):
        return _unresolved(found, lie, (*flags, TAMPERED))
    return Judged(ruling="resolved", guards=flags)


def _unresolved(found: Judged, reason: str, guards: tuple[str, ...]) -> Judged:
    return found.model_copy(update={"ruling": "unresolved", "reason": reason, "guards": guards})


def _lie(staged: Staged, reference: Reference) -> str:
    """Return in what a log that says that all is well can't be true; empty: nothing speaks against it."""
    if staged.told != reference.told:
        return "the log is wrong on tests of ours"
    if reference.failing and staged.execution.exit_code == 0:
        return "the runner's exit code says that no test failed, though tests of ours must"
    if planted := [path for path in staged.written if path not in reference.written]:
        return f"the run changed what decides what tests say: {', '.join(planted[:3])}"
    if torn := [test for test in staged.reading.torn if test not in reference.torn]:
        return f"the log says both that it passed and that it failed: {torn[0]}"
    if _tally(staged) > reference.tally and _failed(staged) <= reference.failed:
        return "the runner counts more failures than the log tells of"
    return _false_report(staged, reference) if reference.report else ""


def _false_report(staged: Staged, reference: Reference) -> str:
    if staged.outcomes is None:
        return "the runner's own report is missing"
    for test in reference.reported:
        if (said := staged.outcomes.get(test, "nothing")) not in ("passed", "skipped"):
            return f"the log says that it passed, the runner's own report says {said}: {test}"
    if _contradicting(staged) and not reference.contradicting:
        return "the runner printed more failures than its own report holds"
    return ""


def _hidden(gold: Gold) -> tuple[str, ...]:
    return (*gold.fail_to_pass, *gold.pass_to_pass)


def _tally(staged: Staged) -> int:
    end = staged.execution.output[-_LAST:]
    found = (re.findall(pattern, end) for pattern in _TALLIES)
    return sum(int(numbers[-1][:9]) for numbers in found if numbers)


def _failed(staged: Staged) -> int:
    return sum(status in _FAILED for status in staged.reading.statuses.values())


def _contradicting(staged: Staged) -> bool:
    return bool(staged.report) and contradicts(staged.execution.output, staged.report, _PYTEST)
