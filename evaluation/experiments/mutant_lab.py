"""A repository of small modules, and the real sandboxes in which their code runs."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
from mutant_checks import Module, survey_script, surveyed
from mutant_issues import Values

from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Limits, SandboxConfig
from swe_scale.environment import Options, prepare
from swe_scale.events import Events
from swe_scale.records import Check, File
from swe_scale.repo import Repository
from swe_scale.sandbox import Backend, open_backend
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store
from swe_scale.trees import Trees

LIMITS = Limits(seconds=20.0)
_SLOTS = 2


@dataclass(frozen=True, slots=True)
class Lab:
    """A repository of small modules, and where its code runs."""

    source: Path
    repository: Repository
    backend: Backend
    events: Events
    steps: Steps
    cache: VerdictCache
    slots: anyio.CapacityLimiter

    async def commit(self, name: str, files: Mapping[str, str]) -> str:
        """Return a commit on a branch of its own with these files."""
        parts = ["feature done\n", f"commit refs/heads/{name}\n", "committer A <a@example.org> 0 +0000\n"]
        parts += ["data 1\n.\n"]
        for path, text in files.items():
            data = text.encode()
            parts += [f"M 100644 inline {path}\ndata {len(data)}\n", text, "\n"]
        stream = "".join([*parts, "done\n"]).encode()
        await anyio.run_process(["git", "-C", str(self.source), "fast-import", "--quiet"], input=stream)
        return await self.repository.resolve(name)

    @asynccontextmanager
    async def cells(self, name: str, commit: str) -> AsyncIterator[Cells]:
        """Open what runs checks on a commit and on trees that differ from it."""
        trees = Trees(self.repository, await self.repository.tree_of(commit))
        environment = await prepare(self.backend, self.repository, commit, Options(), self.events)
        async with self.backend.open(environment) as template:
            yield Cells(
                name, environment, template, self.steps, self.cache, self.events, LIMITS, self.slots, trees
            )  # fmt: skip


@asynccontextmanager
async def open_lab(folder: Path, sandbox: SandboxConfig) -> AsyncIterator[Lab]:
    """Open a lab in an empty folder."""
    source = folder / "source"
    await anyio.run_process(["git", "init", "-q", "--bare", "--initial-branch=main", str(source)])
    repository, events = await Repository.open(str(source), folder / "store"), Events()
    async with (
        open_store(folder / "run") as store,
        open_backend(sandbox, "mutants", events) as backend,
    ):
        with VerdictCache(folder / "cache") as cache:
            slots = anyio.CapacityLimiter(_SLOTS)
            yield Lab(source, repository, backend, events, Steps(store), cache, slots)


async def survey(cells: Cells, module: Module, texts: Iterable[str]) -> dict[str, Values]:
    """Return what the suite's expressions give on each text; nothing where it doesn't come to an end."""
    check = Check.of(survey_script(module), "reproduction")
    found: dict[str, Values] = {}

    async def ask(text: str) -> None:
        tree = await tree_of(cells.trees, module, text)
        verdict = await cells.verdict(check, tree)
        ended = verdict.outcome in ("pass", "fail")
        found[text] = surveyed(verdict.execution.output) if ended else ()

    async with anyio.create_task_group() as group:
        for text in dict.fromkeys(texts):
            group.start_soon(ask, text)
    return found


async def tree_of(trees: Trees, module: Module, text: str) -> str:
    """Return the tree in which a module has another text."""
    return await trees.write(trees.base, {module.path: File(mode="100644", data=text.encode())})
