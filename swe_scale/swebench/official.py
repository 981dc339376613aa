"""The one place that knows the `swebench` package: its log parsers and its rules, applied to a log.

Of the package only what grades is loaded: its `harness` folder imports all of what downloads, builds and
runs, and reads a `.env` file of the current folder, so its `__init__` is passed by.
"""

import importlib
import locale
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from swe_scale.errors import UsageError
from swe_scale.grades import Judged
from swe_scale.records import Record
from swe_scale.swebench.instance import Gold

_MISSING = (
    "grading follows the rules of the swebench package, which isn't installed: "
    "pip install 'swe-scale[swebench]'"
)
_PACKAGE = "swebench.harness"
_NAMED = 3
"""Tests that a reason names."""
_PASSING = frozenset({"PASSED", "XFAIL"})
_FAILING = frozenset({"FAILED", "ERROR"})


class Reading(Record):
    """What the official rules make of a log."""

    judged: Judged
    found: bool
    """Whether the log says how tests ended; otherwise nothing in it counts."""
    statuses: Mapping[str, str] = {}
    """By test, as the log parser names it: PASSED, FAILED, …"""
    torn: tuple[str, ...] = ()
    """Hidden tests of which some lines say that they passed, and others that they failed."""
    hint: str = ""
    """What of the machine the log complains of, in the package's own word for it."""


def rules() -> str:
    """Return the version of the rules.

    Raises:
        UsageError: the package isn't installed.
    """
    try:
        return version("swebench")
    except PackageNotFoundError as error:
        raise UsageError(f"{_MISSING}.") from error


def read_log(gold: Gold, log: str, closely: bool = False) -> Reading:
    """Return what the official rules say of a log of the row's tests.

    Args:
        gold: the row.
        log: with its marks.
        closely: whether single lines that contradict each other are looked for.

    Raises:
        UsageError: the package isn't installed, or has no parser for the row's logs.
    """
    grading, spec = _loaded("grading"), _spec(gold)
    with _file(log) as path:
        statuses, found = grading.get_logs_eval(spec, path)
        hint = grading.classify_logs(path)
    told = hint[0] if hint else ""
    if not found:
        reason = "the log doesn't say how the tests ended" + (f" ({told})" if told else "")
        judged = Judged(ruling="unresolved", reason=reason, failing=gold.fail_to_pass)
        return Reading(judged=judged, found=False, hint=told)
    expected = {"FAIL_TO_PASS": list(gold.fail_to_pass), "PASS_TO_PASS": list(gold.pass_to_pass)}
    kind = grading.EvalType(spec.eval_type)
    report = grading.get_eval_tests_report(statuses, expected, eval_type=kind)
    resolved = grading.get_resolution_status(report) == grading.ResolvedStatus.FULL.value
    failing = tuple(report["FAIL_TO_PASS"]["failure"])
    broken = tuple(report["PASS_TO_PASS"]["failure"])
    judged = Judged(
        ruling="resolved" if resolved else "unresolved",
        reason="" if resolved else reason_of(failing, broken),
        failing=failing,
        broken=broken,
    )
    torn = _torn(gold, log) if closely else ()
    return Reading(judged=judged, found=True, statuses=statuses, torn=torn, hint=told)


def reason_of(failing: Sequence[str], broken: Sequence[str]) -> str:
    """Return in a few words which hidden tests speak against a patch."""
    parts = (
        f"{len(tests)} {what}: {', '.join(tests[:_NAMED])}{', …' if len(tests) > _NAMED else ''}"
        for tests, what in ((failing, "of the tests to be mended fail"), (broken, "that passed no longer do"))
        if tests
    )
    return "; ".join(parts)


def parser_of(gold: Gold) -> str:
    """Return the name of the parser of a row's logs: as the row says, otherwise its repository's.

    Raises:
        UsageError: neither is known.
    """
    registry = _loaded("log_parsers").PARSER_REGISTRY
    if gold.log_parser:
        name = gold.log_parser
    else:
        of_repository = _loaded("log_parsers.python").MAP_REPO_TO_PARSER_PY.get(gold.repo)
        name = of_repository.__name__ if of_repository else ""
    if name not in registry:
        said = (
            f"the log parser {name[:60]!r}"
            if name
            else f"no log parser, and none is known for {gold.repo[:60]!r}"
        )
        raise UsageError(f"{gold.instance}: its row names {said}; see swebench.harness.log_parsers.")
    return name


def _torn(gold: Gold, log: str) -> tuple[str, ...]:
    parse, spec = _loaded("log_parsers").PARSER_REGISTRY[parser_of(gold)], _spec(gold)
    said: dict[str, set[str]] = {test: set() for test in (*gold.fail_to_pass, *gold.pass_to_pass)}
    for line in dict.fromkeys(log.splitlines()):
        for test, status in parse(line, spec).items():
            if test in said:
                said[test].add(status)
    return tuple(test for test, ends in said.items() if ends & _PASSING and ends & _FAILING)


def _spec(gold: Gold) -> Any:
    types = importlib.import_module("swebench.types") if _loaded("grading") else None
    assert types is not None
    return types.TestSpec(
        instance_id=gold.instance,
        image="",
        eval_script_list=[],
        repo=gold.repo,
        version=gold.version,
        FAIL_TO_PASS=list(gold.fail_to_pass),
        PASS_TO_PASS=list(gold.pass_to_pass),
        log_parser=parser_of(gold),
        eval_type=gold.eval_type or "pass_and_fail",
    )


def _loaded(name: str) -> Any:
    """Return a module of the package's `harness` folder, with nothing but what it imports itself."""
    try:
        package = importlib.import_module("swebench")
    except ImportError as error:
        raise UsageError(f"{_MISSING}.") from error
    standing_in = ModuleType(_PACKAGE)
    standing_in.__path__ = [str(Path(place) / "harness") for place in package.__path__]
    there = sys.modules.setdefault(_PACKAGE, standing_in)
    try:
        return importlib.import_module(f"{_PACKAGE}.{name}")
    finally:
        if there is standing_in:
            # Whoever wants the whole package gets it.
            del sys.modules[_PACKAGE]


@contextmanager
def _file(log: str) -> Iterator[str]:
    # The package reads it in the locale's encoding.
    encoding = locale.getpreferredencoding(False)
    with tempfile.NamedTemporaryFile("w", encoding=encoding, errors="replace", newline="") as file:
        file.write(log)
        file.flush()
        yield file.name
