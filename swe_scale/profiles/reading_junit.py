"""Reads JUnit's XML, the one form of report that runners of nearly every language can write."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from xml.parsers import expat

from swe_scale.profiles.outcomes import Read, TestOutcome, worst
from swe_scale.profiles.places import Places

_KINDS: Mapping[str, TestOutcome] = {"failure": "failed", "error": "error", "skipped": "skipped"}
_SKIPPED = ("SKIP_RETURN_CODE", "SKIP_REGULAR_EXPRESSION", "Disabled")
_STATES: Mapping[str, TestOutcome] = {"notrun": "error", "fail": "failed", "disabled": "skipped"}

_LONGEST = 1_000
"""Characters of a name that are looked at."""


def parse_junit(report: bytes, files: Sequence[str]) -> dict[str, TestOutcome] | None:
    """Return the outcomes of a JUnit XML report by test id; None where it isn't one.

    An id is `path::Class::name`, as pytest writes it. Its path is found by the class name, since the
    report's `file` names the file that defines an inherited test and not the one that was run; where
    the class name tells nothing, by that. `WHOLE` stands for a path that isn't told.
    Several entries of one test count as the worst of them.

    Args:
        report: the file's content. Document types and entities are refused.
        files: test files that were run, relative to where the runner ran.
    """
    cases = _Cases(_Classes(files), Places(files), frozenset(files))
    parser = expat.ParserCreate("utf-8")
    parser.StartElementHandler = cases.start
    parser.EndElementHandler = cases.end
    parser.StartDoctypeDeclHandler = _refuse
    try:
        parser.Parse(report, True)
    except (expat.ExpatError, _Refused, ValueError):
        return None
    return cases.outcomes if cases.suites else None


def read(report: bytes, files: Sequence[str]) -> Read | None:
    """Return the outcomes, whole, since a report that was cut off is no XML; None where it isn't one."""
    outcomes = parse_junit(report, files)
    return None if outcomes is None else (outcomes, True)


class _Refused(Exception):
    """The report declares a document type, through which entities could grow without bound."""


def _refuse(*_: object) -> None:
    raise _Refused


class _Classes:
    """The test files, by the names of the modules and classes in them."""

    def __init__(self, files: Sequence[str]) -> None:
        self.modules = {_dotted(path): path for path in files}
        # A class of Java's is named without the folders in which its sources are kept.
        tails: dict[str, set[str]] = {}
        for path in files:
            parts = PurePosixPath(path).with_suffix("").parts
            for start in range(len(parts)):
                tails.setdefault(".".join(parts[start:]), set()).add(path)
        self.tails = {tail: paths.pop() for tail, paths in tails.items() if len(paths) == 1}
        self.longest = max(map(len, self.modules), default=0)

    def find(self, dotted: str) -> tuple[str, Sequence[str]] | None:
        """Return the file that a class name begins with, and the rest of the name."""
        for known in (self.modules, self.tails):
            name = dotted if len(dotted) <= self.longest else _above(dotted[: self.longest + 1])
            while name:
                if name in known:
                    return known[name], [part for part in dotted[len(name) + 1 :].split(".") if part]
                name = _above(name)
        return None


@dataclass(slots=True)
class _Cases:
    """Collects the test cases while the parser goes through the report; keeps no tree of it."""

    classes: _Classes
    places: Places
    files: frozenset[str]
    outcomes: dict[str, TestOutcome] = field(default_factory=dict)
    suites: int = 0
    _case: str | None = None
    _outcome: TestOutcome = "passed"

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """Note a suite, a case, or what became of the case at hand."""
        if tag == "testsuite":
            self.suites += 1
        elif tag == "testcase":
            self._case = self._identity(attributes)
            self._outcome = _STATES.get(attributes.get("status", ""), "passed")
        elif self._case is not None and tag in _KINDS:
            # What ctest didn't run was skipped only if the test said so itself.
            skipped = tag == "skipped" and attributes.get("message", "").startswith(_SKIPPED)
            self._outcome = "skipped" if skipped else worst((self._outcome, _KINDS[tag]))

    def end(self, tag: str) -> None:
        """Book the case that ends."""
        if tag == "testcase" and self._case is not None:
            known = self.outcomes.get(self._case, self._outcome)
            self.outcomes[self._case] = worst((known, self._outcome))
            self._case = None

    def _identity(self, attributes: Mapping[str, str]) -> str:
        name, classes = (attributes.get(key, "")[:_LONGEST] for key in ("name", "classname"))
        # A file that can't be collected is a case without a class, named like its module.
        dotted = classes or name
        found = self.classes.find(dotted)
        if found:
            path, inner = found
            return "::".join(part for part in (path, *inner, name if classes else "") if part)
        path = self.places.of(classes)
        if path in self.files:
            return "::".join(part for part in (path, name) if part)
        path = self.places.of(attributes.get("file", ""))
        own = _dotted(path)
        if classes == own or classes.startswith(f"{own}."):
            return "::".join(part for part in (path, *classes[len(own) + 1 :].split("."), name) if part)
        return "::".join(part for part in (path, classes if classes != name else "", name) if part)


def _above(name: str) -> str:
    return name[: max(name.rfind("."), name.rfind("$"), 0)]


def _dotted(path: str) -> str:
    return ".".join(PurePosixPath(path).with_suffix("").parts)
