"""Tries the test files nearest to a change on the untouched code, to learn what they execute and how long."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import anyio

from swe_scale.checks import Cells
from swe_scale.errors import unwrapped
from swe_scale.patch import is_test, touched
from swe_scale.profiles import WHOLE, find_tests, started_by
from swe_scale.records import Candidate, digest
from swe_scale.regression.comparing import joined
from swe_scale.regression.executed import changed_functions, changed_lines, executes
from swe_scale.regression.known_tests import Known, KnownTests, open_known_tests
from swe_scale.regression.near import FILES, near, read_texts
from swe_scale.regression.reported import Report
from swe_scale.regression.sampling import Chosen, Probe, choose, one_per_folder
from swe_scale.regression.suite import way
from swe_scale.regression.tracing import tracer
from swe_scale.regression.trying import Trials
from swe_scale.store import Key
from swe_scale.trees import Trees

POOL = 4
"""So many times the files that are run are tried, where it can be known what they execute."""
TRIALS_SHARE = 0.5
"""Of a candidate's time for its tests, what trying may take, all in all, and any one file of it."""
_HOPELESS = 6
"""So many files of which the runner tells nothing show that it doesn't run here."""


@dataclass(slots=True)
class Survey:
    """Chooses the tests of one issue's candidates; what it learns of a file is kept for other runs."""

    cells: Cells
    trees: Trees
    command: str
    seconds: float
    """Wall clock for one run of all that are chosen."""
    files: int = FILES
    _scores: dict[str, int] = field(default_factory=dict)
    _probes: dict[str, Probe] = field(default_factory=dict)
    _known: KnownTests | None = None

    async def chosen(self, candidates: Sequence[Candidate]) -> tuple[Chosen, Report] | None:
        """Return the tests to run, and what became of them on the untouched code, each file by itself.

        None where there are none near the change, or nothing in those that are near passes.

        Raises:
            SandboxError: the backend failed again and again.
        """
        changed = sorted({path for one in candidates for path in touched(one.patch)})
        read = await read_texts(self.trees.repository, self.trees.base, changed)
        environment = self.cells.environment
        foreign = {*find_tests(read)} - {*find_tests(read, environment.profile, environment.subdir)}
        texts = {path: text for path, text in read.items() if path not in foreign}
        functions = await self._functions(changed, texts, candidates)
        pool = self.files * (POOL if functions else 1)
        order = await anyio.to_thread.run_sync(self._order, changed, texts, pool)
        if order == (WHOLE,):
            functions = {}
        if not order:
            return None
        inputs = digest(self._inputs(), str(self.seconds), *sorted(one.id for one in candidates), *order)
        key = Key(f"{self.cells.issue}/regression/chosen", inputs)
        chosen = await self.cells.steps.once(key, Chosen, lambda: self._choose(order, functions))
        self.cells.events.emit("note", chosen.told(), key.path)
        reports = [(await self._probe(path, bool(functions))).report for path in chosen.tests]
        return (chosen, joined(reports)) if reports else None

    def _order(self, changed: Sequence[str], texts: Mapping[str, str], most: int) -> tuple[str, ...]:
        """Return what the runner can be given, nearest first."""
        started = started_by(self.command)
        selects = started[1].selects if started else "files"
        if started is None or selects == "files":
            return near(changed, texts, most)
        if selects == "suite":
            return (WHOLE,)
        own = [path for path in near(changed, texts, len(texts)) if started[0].is_test_file(path)]
        return one_per_folder(own)[:most]

    async def _functions(
        self, changed: Iterable[str], texts: Mapping[str, str], candidates: Sequence[Candidate]
    ) -> dict[str, frozenset[int]]:
        """Return, of the changed Python files that are no tests, the functions that candidates change."""
        found = {
            path: frozenset[int]()
            for path in changed
            if path.endswith(".py") and path in texts and not is_test(path)
        }
        for one in candidates if found else ():
            for path, file in (await self.trees.changes(one.id)).items():
                if path in found:
                    new = "" if file is None else file.data.decode("utf-8", "replace")
                    lines = await anyio.to_thread.run_sync(changed_lines, texts[path], new)
                    found[path] |= changed_functions(texts[path], lines)
        return found

    async def _choose(self, order: Sequence[str], functions: Mapping[str, frozenset[int]]) -> Chosen:
        """Try files, nearest first, until enough execute the change or the time is up."""
        waiting = iter(order)

        async def work() -> None:
            for path in waiting:
                if self._enough():
                    return
                probe = self._probes[path] = await self._probe(path, bool(functions))
                if probe.useful and probe.executed is not None and probe.executed.whole:
                    self._scores[path] = executes(probe.executed, functions)

        with unwrapped(), anyio.move_on_after(self.seconds * TRIALS_SHARE):
            async with anyio.create_task_group() as group:
                for _ in range(max(1, int(self.cells.slots.total_tokens))):
                    group.start_soon(work)
        return choose(order, self._probes, self._scores, self.seconds, self.files)

    def _enough(self) -> bool:
        """Return whether so many execute the change that no more need to be tried, or nothing runs at all."""
        heard = any(probe.report.outcomes for probe in self._probes.values())
        hopeless = len(self._probes) >= _HOPELESS and not heard
        return hopeless or sum(score == 2 for score in self._scores.values()) >= self.files

    def _inputs(self) -> str:
        return digest(way(), tracer(), self.cells.environment.digest, self.command)

    async def _probe(self, path: str, traced: bool) -> Probe:
        inputs = digest(self._inputs(), path, str(traced), self.cells.limits.model_dump_json())

        async def make() -> Probe:
            tests = await self._known_tests()
            kept = self.cells.cache.recall(f"probe/{inputs}", Probe)
            known = await tests.find(path)
            if kept is None and known is not None and not (traced and known.probe.executed is None):
                kept = known.probe
            probe = kept or await tests.trials.tried(path, traced)
            if kept is None and not probe.report.execution.timed_out:
                self.cells.cache.keep(f"probe/{inputs}", probe)
                await tests.keep(Known(probe=probe))
            return probe.without(known.flaky if known else ())

        key = Key(f"{self.cells.issue}/regression/probe/{path}", digest(inputs, str(self.seconds)))
        return await self.cells.steps.once(key, Probe, make)

    async def _known_tests(self) -> KnownTests:
        """Return what earlier runs, on this commit or on others, saw the tests execute."""
        if self._known is None:
            cells = self.cells
            limits = cells.limits.model_copy(update={"seconds": self.seconds * TRIALS_SHARE})
            trials = Trials(cells.environment, cells.template, self.command, limits, cells.slots, cells.cache)
            self._known = await open_known_tests(trials, self.trees.repository, self.trees.base)
        return self._known
