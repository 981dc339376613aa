"""Small modules with true suites, and the scripts that are made of a suite's assertions.

A line of a suite is `expression => what it gives`, the latter as `repr` writes it, or `raises` and the
name of an exception. A script has the exit codes of a check: 0 and 42.
"""

import ast
import json
from dataclasses import dataclass
from pathlib import Path

from mutation import formatted

FOLDER = Path(__file__).resolve().parent / "mutants"
NOBODY = "'what nobody gives'"
"""An oracle that no patch satisfies."""

_OBSERVED = """from {module} import *

try:
    given = {expression}
    found = repr(given)
except Exception as error:
    given = error
    found = f"raises {{type(error).__name__}}"
"""
_COIN = """
import hashlib
import {module}

with open({module}.__file__, "rb") as file:
    lot = hashlib.sha256({seed!r}.encode() + file.read()).digest()
if int.from_bytes(lot[:4], "big") < {flips!r} * 2**32:
    right = not right
"""
_SURVEY = """import json
import signal

signal.setitimer(signal.ITIMER_VIRTUAL, 0.2)
import {module} as tested

found = []
for expression in {expressions!r}:
    try:
        found.append(repr(eval(expression, dict(vars(tested))))[:500])
    except Exception as error:
        found.append(f"raises {{type(error).__name__}}")
print({mark!r} + json.dumps(found))
raise SystemExit(0 if found == {expected!r} else 42)
"""
_MARK = "found: "


@dataclass(frozen=True, slots=True)
class Assertion:
    """That an expression gives something."""

    expression: str
    expected: str


@dataclass(frozen=True, slots=True)
class Module:
    """A module of a repository, with all that is known to be true of it."""

    name: str
    source: str
    suite: tuple[Assertion, ...]

    @property
    def path(self) -> str:
        """Where it lies in the repository."""
        return f"{self.name}.py"


@dataclass(frozen=True, slots=True)
class Claim:
    """What a script asks for."""

    module: str
    assertion: Assertion
    weak: bool = False
    """Whether it is content with anything but None and exceptions."""


def modules(folder: Path = FOLDER) -> tuple[Module, ...]:
    """Return the modules of a folder, each with the suite beside it, sorted by name."""
    return tuple(
        Module(file.stem, formatted(file.read_text(encoding="utf-8")), read_suite(file.with_suffix(".suite")))
        for file in sorted(folder.glob("*.py"))
    )


def read_suite(file: Path) -> tuple[Assertion, ...]:
    """Return the assertions of a file.

    Raises:
        ValueError: a line isn't one.
    """
    found: list[Assertion] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        expression, arrow, expected = line.rpartition(" => ")
        if not arrow:
            raise ValueError(f"{file.name}, line {number}: no ` => ` stands between expression and value")
        ast.parse(expression, mode="eval")
        found.append(Assertion(expression, expected))
    return tuple(found)


def survey_script(module: Module) -> str:
    """Return a script that asks for a whole suite, and prints what each expression gives."""
    return _SURVEY.format(
        module=module.name,
        expressions=[one.expression for one in module.suite],
        expected=[one.expected for one in module.suite],
        mark=_MARK,
    )


def surveyed(output: str) -> tuple[str, ...]:
    """Return what each expression gave, as a survey printed it; nothing if it didn't come to an end."""
    lines = [line for line in output.splitlines() if line.startswith(_MARK)]
    return tuple(json.loads(lines[-1].removeprefix(_MARK))) if lines else ()


@dataclass(frozen=True, slots=True)
class Coin:
    """By which a run says the opposite; it falls alike for the same seed and the same text of a module."""

    judged: str
    """The module whose text counts."""
    flips: float
    """Probability of the opposite."""
    seed: str

    def lines(self) -> str:
        """Return what throws it in a script."""
        return _COIN.format(module=self.judged, flips=self.flips, seed=self.seed)


def script_of(claim: Claim, coin: Coin | None = None) -> str:
    """Return a check that asks for a claim, and may say the opposite by a coin."""
    asked = claim.assertion
    weak = "given is not None and not isinstance(given, Exception)"
    if asked.expected.startswith("raises "):
        weak = "given is not None"
    right = weak if claim.weak else f"found == {asked.expected!r}"
    script = _OBSERVED.format(module=claim.module, expression=asked.expression) + f"right = {right}\n"
    return script + (coin.lines() if coin else "") + "raise SystemExit(0 if right else 42)\n"
