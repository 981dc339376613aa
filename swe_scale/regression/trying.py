"""Runs one test file by itself on the untouched code, traced where that is possible."""

from contextlib import suppress
from dataclasses import dataclass

import anyio

from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits
from swe_scale.errors import SandboxError
from swe_scale.profiles import runner_of
from swe_scale.records import Environment
from swe_scale.regression.installed import Installed, read_installed
from swe_scale.regression.running import run_tests
from swe_scale.regression.sampling import Probe
from swe_scale.regression.tracing import Traced
from swe_scale.sandbox import Sandbox, Template
from swe_scale.sandbox.services import on_base

_TRIES = 3
"""Runs before a failing backend is believed."""
_OUTPUT = 2_000
"""Characters of output that are kept."""


@dataclass(slots=True)
class Trials:
    """Tries test files in fresh copies of an environment."""

    environment: Environment
    template: Template
    command: str
    limits: Limits
    """Of each run; its seconds are those of one file."""
    slots: anyio.CapacityLimiter
    cache: VerdictCache
    _installed: Installed | None = None

    async def installed(self) -> Installed:
        """Return what the environment's interpreter has installed, known or asked for now."""
        if self._known() is None:
            with suppress(SandboxError):
                async with self.slots, self.template.fork(self.limits) as sandbox:
                    await self._ask(sandbox)
        return self._installed or Installed()

    def _known(self) -> Installed | None:
        if self._installed is None:
            self._installed = self.cache.recall(f"installed/{self.environment.digest}", Installed)
        return self._installed

    async def _ask(self, sandbox: Sandbox) -> None:
        if self._known() is None:
            self._installed = await read_installed(sandbox, self.limits)
            self.cache.keep(f"installed/{self.environment.digest}", self._installed)

    async def tried(self, path: str, traced: bool) -> Probe:
        """Return what became of a test file.

        Raises:
            SandboxError: the backend failed again and again.
        """
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._run(path, traced)
            except SandboxError:
                if attempt == _TRIES:
                    raise
        raise AssertionError("the last attempt returns or raises")

    async def _run(self, path: str, traced: bool) -> Probe:
        probe = await self._ran(path, traced, watched=True)
        runner = runner_of(self.command)
        disturbed = runner is not None and runner.watched and probe.report.watch != "kept"
        if disturbed and not probe.report.execution.timed_out:
            probe = await self._ran(path, traced, watched=False)
        report = probe.report
        ran = report.execution.model_copy(update={"output": report.execution.output[-_OUTPUT:]})
        watch = report.watch if report.watch == "kept" else "off"
        return probe.model_copy(
            update={"report": report.model_copy(update={"execution": ran, "watch": watch})}
        )

    async def _ran(self, path: str, traced: bool, watched: bool) -> Probe:
        subdir = self.environment.subdir
        async with self.slots, self.template.fork(self.limits) as fresh:
            sandbox = on_base(fresh)
            if not traced:
                report = await run_tests(sandbox, self.command, (path,), self.limits, watched, subdir)
                return Probe(path=path, report=report)
            # Asked here, as a copy of its own costs more.
            await self._ask(sandbox)
            listening = Traced(sandbox)
            await listening.begin()
            report = await run_tests(listening, self.command, (path,), self.limits, watched, subdir)
            return Probe(path=path, report=report, executed=await listening.executed())
