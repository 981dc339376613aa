"""Reads test runners' reports, which the code under test may have written: hostile and never trusted."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from xml.parsers import expat

TestOutcome = Literal["passed", "failed", "error", "skipped"]
"""What became of one test."""

_WORST: tuple[TestOutcome, ...] = ("error", "failed", "skipped", "passed")
_OUTCOMES: Mapping[str, TestOutcome] = {outcome: outcome for outcome in _WORST}
_KINDS: Mapping[str, TestOutcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}


def parse_junit(report: bytes, files: Sequence[str]) -> dict[str, TestOutcome] | None:
    """Return the outcomes of a JUnit XML report by test id; None where it isn't one.

    An id is `path::Class::name`, as pytest writes it. Its path is found by the class name, since the
    report's `file` names the file that defines an inherited test and not the one that was run.
    Several entries of one test count as the worst of them.

    Args:
        report: the file's content. Document types and entities are refused.
        files: test files that were run, relative to the root.
    """
    modules = {path.removesuffix(".py").replace("/", "."): path for path in files}
    cases = _Cases(modules)
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = cases.start
    parser.EndElementHandler = cases.end
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(report, True)
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return cases.outcomes if cases.suites else None


def parse_lines(report: bytes) -> tuple[dict[str, TestOutcome], bool]:
    """Return the outcomes of a report of one JSON object per line, and whether it was finished.

    The lines are `{"id", "outcome"}`, the last one is `{"finished": true}`; what isn't of this form
    is passed over, so that the report of a run that was killed still counts as far as it goes.
    """
    outcomes: dict[str, TestOutcome] = {}
    finished = False
    for line in report.split(b"\n"):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if not isinstance(entry, dict):
            continue
        identity, outcome = entry.get("id"), _OUTCOMES.get(str(entry.get("outcome")))
        if isinstance(identity, str) and outcome:
            outcomes[identity] = worst((outcome, outcomes.get(identity, outcome)))
        finished = entry.get("finished") is True
    return outcomes, finished


def worst(outcomes: Iterable[TestOutcome]) -> TestOutcome:
    """Return the outcome that counts where a test has several."""
    return min(outcomes, key=_WORST.index)


class _Refused(Exception):
    """The report declares a document type, through which entities could grow without bound."""


def _refuse(*_: object) -> None:
    raise _Refused


@dataclass(slots=True)
class _Cases:
    """Collects the test cases while the parser goes through the report; keeps no tree of it."""

    modules: Mapping[str, str]
    outcomes: dict[str, TestOutcome] = field(default_factory=dict)
    suites: int = 0
    _case: str | None = None
    _outcome: TestOutcome = "passed"

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Note a suite, a case, or what became of the case at hand."""
        if tag == "testsuite":
            self.suites += 1
        elif tag == "testcase":
            self._case, self._outcome = self._identity(attributes), "passed"
        elif self._case is not None and tag in _KINDS:
            self._outcome = worst((self._outcome, _KINDS[tag]))

    def end(self, tag: str) -> None:
        """Book the case that ends."""
        if tag == "testcase" and self._case is not None:
            known = self.outcomes.get(self._case, self._outcome)
            self.outcomes[self._case] = worst((known, self._outcome))
            self._case = None

    def _identity(self, attributes: Mapping[str, str]) -> str:
        name, classes = attributes.get("name", ""), attributes.get("classname", "")
        # A file that can't be collected is a case without a class, named like its module.
        dotted = classes or name
        module = dotted
        while module and module not in self.modules:
            module = module.rpartition(".")[0]
        path = self.modules.get(module, attributes.get("file", dotted))
        inner = dotted[len(module) + 1 :].split(".") if module in self.modules else [classes]
        return "::".join(part for part in (path, *inner, name if classes else "") if part)
