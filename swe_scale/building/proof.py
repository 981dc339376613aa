"""Shows that an environment works: the repository's own tests run in it, on the untouched code."""

import random
import time
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from swe_scale.building.completion import absent
from swe_scale.cached import read_cached, write_cached
from swe_scale.config import Limits, cache_folder
from swe_scale.events import Events, printable
from swe_scale.profiles import WHOLE, TestOutcome, find_tests, runner_of
from swe_scale.records import Environment, Record
from swe_scale.regression.running import run_tests
from swe_scale.sandbox import Backend, Template
from swe_scale.sandbox.services import on_base

_FIRST = 2
"""Test files of the first run; each further one has twice as many, until the time is up."""
_LEAST = 20.0
"""Seconds that a group may have in any case, if there are so many."""
_BESIDE = {
    "bench",
    "benchmark",
    "benchmarks",
    "doc",
    "docs",
    "example",
    "examples",
    "fixtures",
    "node_modules",
    "samples",
    "third_party",
    "vendor",
}
"""Folders whose tests are run only where there are no others."""
_FAILING = 200
"""Ids that are kept."""
_SHOWN = 40
"""Lines of output that are kept where no test ran."""


class Proof(Record):
    """What became of the repository's own tests on the untouched code; failures count against nobody."""

    environment: str
    """Digest of the environment."""
    command: str | None
    """None: no tests are known."""
    files: int = 0
    """Test files that were run, or 1 where all tests run together."""
    of: int = 0
    """Test files that there are."""
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    errors: int = 0
    """Among them files that can't be collected."""
    failing: tuple[str, ...] = ()
    """Ids of tests that fail on the untouched code, the first of them."""
    complete: bool = True
    """Whether every test file had its turn within the time."""
    seconds: float = 0.0
    absent: tuple[str, ...] = ()
    """Modules that the tests looked for in vain."""
    output: str = ""
    """The end of what the last run said, where no test ran."""

    @property
    def ran(self) -> int:
        """Tests that ran to an end of their own, good or bad."""
        return self.passed + self.failed

    @property
    def works(self) -> bool:
        """Whether some of the repository's own tests pass."""
        return self.passed > 0

    @property
    def suspicious(self) -> bool:
        """Whether there are tests and not one of them ran, or all that is known is that none passed."""
        # An exit code tells of a file, or of everything, and may as well say that the runner can't start.
        told = self.failed and any("::" in test for test in self.failing)
        return self.command is not None and self.of > 0 and not (self.passed or self.skipped or told)

    @property
    def in_words(self) -> str:
        """It in one line."""
        if self.command is None or self.of == 0:
            return "no tests of its own are known"
        counts = {
            "passed": self.passed,
            "failed": self.failed,
            "in error": self.errors,
            "skipped": self.skipped,
        }
        said = ", ".join(f"{count} {name}" for name, count in counts.items() if count) or "no test ran"
        part = "" if self.complete else f" (a sample: {self.files} of {self.of} test files in the time given)"
        return f"{said} in {self.seconds:.0f} s{part}"


def own_tests(environment: Environment, paths: Sequence[str]) -> tuple[str, ...]:
    """Return the test files that an environment's command can be given; `WHOLE` alone where it runs them all.

    Args:
        environment: which.
        paths: of the tree.
    """
    if environment.test_command is None:
        return ()
    runner = runner_of(environment.test_command)
    if runner is not None and runner.selects == "suite":
        return (WHOLE,)
    inside = f"{environment.subdir}/" if environment.subdir else ""
    found = find_tests(paths, environment.profile, environment.subdir)
    of_product = tuple(path for path in found if not _BESIDE & set(path.removeprefix(inside).split("/")))
    return of_product or found


async def prove(
    backend: Backend, environment: Environment, paths: Sequence[str], seconds: float, events: Events
) -> Proof:
    """Run the repository's own tests in an environment, as many as there is time for; keep what came of them.

    Args:
        backend: that built it.
        environment: which.
        paths: of the tree.
        seconds: for all of it, more than 0.
        events: where progress is reported.

    Raises:
        SandboxError: the backend failed.
    """
    tests = own_tests(environment, paths)
    command = environment.test_command
    proof = Proof(environment=environment.digest, command=command, of=len(tests))
    if command is not None and tests:
        events.emit("stage", "proof")
        async with backend.open(environment) as template:
            proof = await _Trial(template, environment, command, seconds, events).of(tests)
    await _write(proof)
    return proof


def _ever_larger(tests: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, _FIRST
    while start < len(tests):
        yield tests[start : start + size]
        start, size = start + size, size * 2


class _Trial:
    """Runs test files in ever larger groups until the time is up."""

    def __init__(
        self, template: Template, environment: Environment, command: str, seconds: float, events: Events
    ) -> None:
        self._template = template
        self._environment = environment
        self._command = command
        self._until = time.monotonic() + seconds
        self._began = time.monotonic()
        self._events = events
        self._outcomes: dict[str, TestOutcome] = {}
        self._output = ""
        self._absent: set[str] = set()

    async def of(self, tests: Sequence[str]) -> Proof:
        """Return what became of them."""
        # Drawn, so that a sample holds of everything; by the digest, so that it is the same each time.
        drawn = random.Random(self._environment.digest).sample(tests, len(tests))  # noqa: S311
        groups = deque(_ever_larger(drawn))
        done = 0
        while groups and time.monotonic() < self._until:
            group = groups.popleft()
            if await self._run(group) or len(group) == 1:
                done += len(group)
            else:
                # One of them hangs, or breaks the runner for all.
                middle = len(group) // 2
                groups.extendleft((group[middle:], group[:middle]))
        return self._proof(done, len(tests))

    async def _run(self, group: Sequence[str]) -> bool:
        """Run a group; return whether the runner came to its end, or told of every file."""
        left = self._until - time.monotonic()
        limits = Limits(seconds=max(1.0, left if len(group) == 1 else min(left, max(_LEAST, left / 2))))
        async with self._template.fork(limits) as sandbox:
            report = await run_tests(
                on_base(sandbox), self._command, group, limits, subdir=self._environment.subdir
            )
        self._outcomes.update(report.outcomes)
        self._output = printable(report.execution.output)
        self._absent |= set(absent(self._output))
        counts = Counter(self._outcomes.values())
        said = ", ".join(f"{number} {name}" for name, number in counts.items()) or "none ran"
        self._events.emit("note", f"tests so far: {said}")
        told = {test.partition("::")[0] for test in report.outcomes}
        return report.complete or told.issuperset(group)

    def _proof(self, files: int, of: int) -> Proof:
        counts: Mapping[TestOutcome, int] = Counter(self._outcomes.values())
        bad = sorted(test for test, outcome in self._outcomes.items() if outcome in ("failed", "error"))
        ran = counts.get("passed", 0) + counts.get("failed", 0)
        return Proof(
            environment=self._environment.digest,
            command=self._command,
            files=files,
            of=of,
            passed=counts.get("passed", 0),
            failed=counts.get("failed", 0),
            skipped=counts.get("skipped", 0),
            errors=counts.get("error", 0),
            failing=tuple(bad[:_FAILING]),
            complete=files == of,
            absent=tuple(sorted(self._absent)),
            seconds=round(time.monotonic() - self._began, 3),
            output="" if ran else "\n".join(self._output.splitlines()[-_SHOWN:]),
        )


def _file(digest: str) -> Path:
    return cache_folder() / "environments" / "proofs" / f"{digest}.json"


async def _write(proof: Proof) -> None:
    """Keep a proof beside the environments. Where nothing can be written, the next build proves anew."""
    await write_cached(_file(proof.environment), proof)


async def read_proof(digest: str) -> Proof | None:
    """Return the proof of an environment; None where there is none yet."""
    return await read_cached(_file(digest), Proof)
