"""The steps of `swe-scale prepare`, one function each; the failure of one doesn't keep the others back."""

from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

import anyio

from swe_scale.building.proof import own_tests
from swe_scale.checks.cache import VerdictCache
from swe_scale.cli.prepare_symbols import prepare_summaries, prepare_symbols
from swe_scale.cli.prepare_work import Stepped, Work
from swe_scale.config import cache_folder
from swe_scale.events import printable
from swe_scale.regression.known_tests import open_known_tests
from swe_scale.regression.preparing import Tally, prepare_tests
from swe_scale.regression.survey import TRIALS_SHARE
from swe_scale.regression.trying import Trials

_FILE_SECONDS = 600.0 * TRIALS_SHARE
"""For one test file, as long as a run with its defaults would wait for it."""
_NAMED = 5


async def prepare_environment(work: Work) -> Stepped:
    """Build the environment and prove it by the repository's own tests.

    Raises:
        SweScaleError: it can't be built.
    """
    built = await work.built()
    proof = await work.proof()
    fresh = built.fresh
    said = "built" if fresh else "built before"
    words = f"{said}; {proof.in_words}" if proof else f"{said}; not proved"
    failed = (
        f"no test of the repository's own runs in it: {proof.in_words}" if proof and proof.suspicious else ""
    )
    return Stepped(done=int(fresh), kept=int(not fresh), failed=failed, note=words)


async def prepare_known_tests(work: Work) -> Stepped:
    """Find out what each test file executes, and which of its tests are flaky.

    Raises:
        SweScaleError: there is no environment, or the sandbox works no more.
    """
    environment = (await work.built()).environment
    site = (await work.found()).site
    tests = own_tests(environment, site.project.paths)
    if environment.test_command is None or not tests:
        return Stepped(note="no tests of its own are known")
    if (proof := await work.proof()) is not None and proof.suspicious:
        return Stepped(failed="none of them runs in the environment")
    limits = work.user.limits.model_copy(update={"seconds": _FILE_SECONDS})
    backend = await work.backend()
    with VerdictCache(cache_folder()) as cache:
        async with backend.open(environment) as template:
            slots = anyio.CapacityLimiter(work.cells)
            trials = Trials(environment, template, environment.test_command, limits, slots, cache)
            known = await open_known_tests(trials, work.repository, site.tree)
            tally = await prepare_tests(known, tests, work.events, work.until)
    return _told(tally)


def _told(tally: Tally) -> Stepped:
    flaky = [test for tests in tally.flaky.values() for test in tests]
    parts = [f"{tally.done + tally.kept} test files known"]
    if flaky:
        more = ", …" if len(flaky) > _NAMED else ""
        parts.append(f"{len(flaky)} flaky tests: {', '.join(sorted(flaky)[:_NAMED])}{more}")
    if tally.late:
        parts.append(f"{tally.late} don't end within {_FILE_SECONDS:g} s")
    if tally.left:
        parts.append(f"{tally.left} left when the time was up; the same command goes on")
    lost = ""
    if tally.lost:
        lost = f"{len(tally.lost)} test files could not be run: {next(iter(tally.lost.values()))}"
    return Stepped(done=tally.done, kept=tally.kept, failed=lost, note=printable("; ".join(parts)))


Step = Callable[[Work], Awaitable[Stepped]]
STEPS: Mapping[str, Step] = MappingProxyType(
    {
        "symbols": prepare_symbols,
        "environment": prepare_environment,
        "tests": prepare_known_tests,
        "summaries": prepare_summaries,
    }
)
"""In the order in which they are taken."""
