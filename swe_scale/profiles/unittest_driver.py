# ruff: noqa: N802, PTH100, PTH109, PTH113, PTH118, PTH122, PTH123, UP006, UP035
"""Runs unittest test files inside a sandbox and writes what became of each test, line by line.

It is read as text and never imported there with the package: it needs Python 3.6 and nothing else.
Usage: python unittest_driver.py REPORT FILE...; options of unittest's own command line are passed over.
"""

import importlib
import json
import os
import sys
import unittest
from typing import Any, Dict, List, TextIO, Tuple


def locate(path: str) -> Tuple[str, str]:
    """Return the folder from which a test file is imported, and its dotted name there."""
    folder, name = os.path.split(os.path.abspath(path))
    parts = [os.path.splitext(name)[0]]
    while os.path.isfile(os.path.join(folder, "__init__.py")):
        folder, package = os.path.split(folder)
        parts.insert(0, package)
    return folder, ".".join(parts)


def load(path: str) -> unittest.TestSuite:
    """Import a test file and return its tests."""
    folder, name = locate(path)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    loaded = getattr(sys.modules.get(name), "__file__", None)
    if loaded and os.path.abspath(loaded) != os.path.abspath(path):
        # Two folders that are no packages hold a file of this name.
        del sys.modules[name]
        sys.path.remove(folder)
        sys.path.insert(0, folder)
    return unittest.defaultTestLoader.loadTestsFromModule(importlib.import_module(name))


class Report(unittest.TestResult):
    """Writes every outcome as it comes, so that a killed run leaves what it had."""

    def __init__(self, stream: TextIO, path: str) -> None:
        super().__init__()
        self.out = stream
        self.path = path
        self.outcomes: Dict[str, str] = {}

    def book(self, test: Any, outcome: str) -> None:
        """Keep the first outcome that is not `passed`; a test can have several."""
        identity = "::".join([self.path, *name_of(test)])
        if self.outcomes.get(identity, "passed") == "passed":
            self.outcomes[identity] = outcome

    def stopTest(self, test: Any) -> None:
        """Write the test's line; what its class or module clean-up does later has a line of its own."""
        super().stopTest(test)
        self.flush()

    def flush(self) -> None:
        """Write the lines that are due."""
        for identity in sorted(self.outcomes):
            self.out.write(json.dumps({"id": identity, "outcome": self.outcomes[identity]}) + "\n")
        self.out.flush()
        self.outcomes = {}

    def addSuccess(self, test: Any) -> None:
        """Book a pass."""
        super().addSuccess(test)
        self.book(test, "passed")

    def addFailure(self, test: Any, err: Any) -> None:
        """Book a failed assertion."""
        super().addFailure(test, err)
        self.book(test, "failed")

    def addError(self, test: Any, err: Any) -> None:
        """Book any other exception."""
        super().addError(test, err)
        self.book(test, "error")

    def addSkip(self, test: Any, reason: str) -> None:
        """Book a skipped test."""
        super().addSkip(test, reason)
        self.book(test, "skipped")

    def addExpectedFailure(self, test: Any, err: Any) -> None:
        """Book a failure that was expected: the test did what it should."""
        super().addExpectedFailure(test, err)
        self.book(test, "passed")

    def addUnexpectedSuccess(self, test: Any) -> None:
        """Book a success that was not expected."""
        super().addUnexpectedSuccess(test)
        self.book(test, "failed")

    def addSubTest(self, test: Any, subtest: Any, err: Any) -> None:
        """Book a failed part under the whole test."""
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.book(test, "failed" if issubclass(err[0], test.failureException) else "error")


def name_of(test: Any) -> List[str]:
    """Return the classes and the method of a test; of a class or module set-up, its description."""
    method = getattr(test, "_testMethodName", None)
    if method is None:
        return [str(test.id())]
    return [*type(test).__qualname__.split("."), str(method)]


def main(report: str, paths: List[str]) -> int:
    """Run the files one after another; return 0 when nothing failed."""
    sys.path[0] = os.getcwd()
    # Code under test shall not happen upon the report's path.
    del sys.argv[1:]
    good = True
    with open(report, "w", encoding="utf-8") as stream:
        for path in paths:
            result = Report(stream, path)
            try:
                load(path).run(result)
            except unittest.SkipTest:
                result.outcomes = {path: "skipped"}
            except Exception as error:
                sys.stderr.write(f"{path}: {type(error).__name__}: {error}\n")
                result.outcomes = {path: "error"}
                good = False
            result.flush()
            for _, text in result.errors + result.failures:
                sys.stderr.write(text)
            good = good and result.wasSuccessful()
        stream.write(json.dumps({"finished": True}) + "\n")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], [path for path in sys.argv[2:] if not path.startswith("-")]))
