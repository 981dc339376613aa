"""Runs the tests of small projects in real sandboxes, as a candidate changes them."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from swe_scale.config import Limits, Local
from swe_scale.environment.plan import Plan
from swe_scale.environment.project import Project
from swe_scale.events import Events
from swe_scale.profiles import WHOLE, counted_by_runner
from swe_scale.records import File
from swe_scale.regression import Report, run_tests
from swe_scale.sandbox import Recipe, Template, open_backend

LIMITS = Limits(seconds=120)


def project(files: Mapping[str, str]) -> Project:
    return Project(tuple(sorted(files)), files)


@dataclass(frozen=True)
class Built:
    """A project whose environment was set up."""

    template: Template
    plan: Plan
    base: frozenset[str]
    subdir: str = ""

    async def ran(
        self,
        changes: Mapping[str, str | None] | None = None,
        tests: tuple[str, ...] = (WHOLE,),
        limits: Limits = LIMITS,
    ) -> Report:
        """Return the report on a candidate's changes, those that must not count left out."""
        files = {
            path: None if text is None else File(mode="100644", data=text.encode())
            for path, text in (changes or {}).items()
        }
        async with self.template.fork() as sandbox:
            await sandbox.write(sandbox.workdir, counted_by_runner(files, self.base).changes)
            return await run_tests(sandbox, self.plan.test or "", tests, limits, subdir=self.subdir)


@asynccontextmanager
async def built(folder: Path, files: Mapping[str, str], plan: Plan, subdir: str = "") -> AsyncIterator[Built]:
    """Set up a project's environment on this host, by its plan's lines."""
    tree = folder / "tree"
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    lines = tuple(f"cd ./{subdir}\n{line}" for line in plan.setup)
    async with open_backend(Local(), "test", Events()) as backend:
        environment = await backend.build(Recipe(setup=lines), tree, "0123456789abcdef")
        async with backend.open(environment) as template:
            yield Built(template, plan, frozenset(files), subdir)
