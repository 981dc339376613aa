"""What is known of a repository's test files: what they execute, what became of them, which are flaky.

Kept in the cache folder by commit, and for other commits, with what it depends on: see `ground`.
"""

from dataclasses import dataclass

import anyio

from swe_scale.profiles import started_by
from swe_scale.records import Record, digest
from swe_scale.regression.executed import Executed
from swe_scale.regression.ground import Basis, Ground
from swe_scale.regression.sampling import Probe
from swe_scale.regression.suite import way
from swe_scale.regression.tracing import tracer
from swe_scale.regression.trying import Trials
from swe_scale.repo import Repository

_FORM = "1"
"""Version of what is kept."""
_STATES = 4
"""Of one test file, for other commits: those of the last few branches."""


class Known(Record):
    """What is known of one test file on the untouched code."""

    probe: Probe
    flaky: tuple[str, ...] = ()
    """Ids of tests whose outcomes differed."""
    runs: int = 1
    """So often it was run to find these."""
    seconds: float = 0.0
    """Where it didn't end: what it was given."""

    @property
    def late(self) -> bool:
        """Whether it didn't end, so that nothing is known but that."""
        return self.probe.report.execution.timed_out


class _State(Record):
    known: Known
    basis: Basis
    installed: str


class _States(Record):
    states: tuple[_State, ...] = ()
    """The last one first."""


@dataclass(frozen=True, slots=True)
class KnownTests:
    """Keeps and finds it, for one tree in one environment."""

    trials: Trials
    ground: Ground
    repository: str
    """Which one: another one's code may have lied about what it executes."""

    @property
    def traced(self) -> bool:
        """Whether it can be known what the command's tests execute: those of Python, run file by file."""
        started = started_by(self.trials.command)
        return started is not None and started[0].name == "python" and started[1].selects == "files"

    async def find(self, test: str) -> Known | None:
        """Return what is known of a test file and holds here; None where nothing is."""
        known = await self.noted(test)
        return None if known is None or known.late else known

    async def noted(self, test: str) -> Known | None:
        """Return what is known of a test file, and be it that it doesn't end within some time."""
        known = self.trials.cache.recall(self._here(test), Known)
        if known is not None or not self.trials.environment.recipe:
            return known
        kept = self._states(test)
        for state in kept:
            if self.ground.holds(state.basis, test):
                installed = await self.trials.installed()
                if installed.state and installed.state == state.installed:
                    return state.known
        return None

    async def keep(self, known: Known) -> None:
        """Keep what is known of a test file, for other commits too where it is known what it depends on."""
        cache, probe = self.trials.cache, known.probe
        kept = known.model_copy(update={"probe": _shortened(probe)})
        cache.keep(self._here(probe.path), kept)
        whole = self.traced and probe.report.complete and not known.late
        if not whole or probe.executed is None or not self.trials.environment.recipe:
            return
        basis = self.ground.basis(probe.path, probe.executed)
        installed = (await self.trials.installed()).state
        if basis is not None and installed:
            now = _State(known=kept, basis=basis, installed=installed)
            others = [
                one for one in self._states(probe.path) if (one.basis, one.installed) != (basis, installed)
            ]
            cache.keep(self._elsewhere(probe.path), _States(states=(now, *others)[:_STATES]))

    def _states(self, test: str) -> tuple[_State, ...]:
        kept = self.trials.cache.recall(self._elsewhere(test), _States)
        return kept.states if kept else ()

    def _here(self, test: str) -> str:
        return f"tests/commit/{digest(self._way(), self.trials.environment.digest, test)}"

    def _elsewhere(self, test: str) -> str:
        recipe = self.trials.environment.recipe
        return f"tests/recipe/{digest(self._way(), self.repository, recipe, test)}"

    def _way(self) -> str:
        # How much is shown of an output, and how long is waited, makes no difference to what did end.
        limits = self.trials.limits.model_dump_json(exclude={"output", "seconds"})
        return digest(_FORM, way(), tracer(), self.trials.command, limits)


def _shortened(probe: Probe) -> Probe:
    """Return a probe without what only its basis is made of."""
    if probe.executed is None:
        return probe
    functions = Executed(functions=probe.executed.functions, whole=probe.executed.whole)
    return probe.model_copy(update={"executed": functions})


async def open_known_tests(trials: Trials, repository: Repository, tree: str) -> KnownTests:
    """Return what is known of a tree's tests.

    Raises:
        RepositoryError: the tree can't be read.
    """
    entries = await repository.files(tree)
    ground = await anyio.to_thread.run_sync(Ground, entries, trials.environment.subdir)
    return KnownTests(trials, ground, repository.source.name)
