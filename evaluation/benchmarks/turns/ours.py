"""Runs trajectories of strategy `agent` with an instant model, an idle sandbox and the real store."""
# What only stands in for something has no use for most of what it is given.
# ruff: noqa: ARG002

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import anyio
import texts

from swe_scale.checks import Cells
from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Budget, Limits, Price
from swe_scale.events import Events
from swe_scale.ledger import Ledger
from swe_scale.models import Model
from swe_scale.records import (
    Changes,
    Completion,
    Context,
    ContextFile,
    Environment,
    Execution,
    Issue,
    Request,
    Sampling,
    Usage,
)
from swe_scale.repo import Repository
from swe_scale.sandbox import Sandbox
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.loop import run
from swe_scale.trees import Trees

_AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


class InstantModel:
    """Answers at once."""

    name = "instant"
    context_length = 10**9
    tools = False

    async def complete(self, request: Request) -> Completion:
        _, _, trajectory, _, number = request.step.split("/")
        usage = Usage(calls=1, prompt_tokens=1000 + 500 * int(number), completion_tokens=150)
        return Completion(text=texts.reply(f"{trajectory}_{number}"), usage=usage)


class IdleSandbox:
    """Runs nothing and says what a command would have printed."""

    workdir = "/work"
    scratch = "/scratch"
    address = ""

    def __init__(self, number: int) -> None:
        self._number = number
        self._ran = 0

    async def run(
        self,
        command: Sequence[str],
        *,
        limits: Limits,
        stdin: bytes = b"",
        variables: Mapping[str, str] | None = None,
    ) -> Execution:
        self._ran += 1
        return Execution(exit_code=0, output=texts.output(f"{self._number}_{self._ran}"))

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        return None

    async def write(self, folder: str, files: Changes) -> None:
        return None

    async def snapshot(self) -> Changes:
        return {}


class IdleTemplate:
    """Forks at once."""

    def __init__(self) -> None:
        self._forks = 0

    def fork(
        self, limits: Limits | None = None, socket: Path | None = None
    ) -> AbstractAsyncContextManager[Sandbox]:
        return self._fork()

    @asynccontextmanager
    async def _fork(self) -> AsyncIterator[Sandbox]:
        self._forks += 1
        yield IdleSandbox(self._forks)


@dataclass(frozen=True, slots=True)
class Stage:
    """What all issues share: a repository, a record on disk, sandboxes."""

    folder: Path
    trees: Trees
    steps: Steps
    slots: anyio.CapacityLimiter
    events: Events

    def setting(self, model: Model, turns: int, issue: str = "bench-1", files: Sequence[str] = ()) -> Setting:
        """Return an issue's setting, in which the texts of some files are shown."""
        shown = [
            ContextFile(path=f"src/file_{number}.py", tokens=len(text) // 3, score=1, reasons=(), text=text)
            for number, text in enumerate(files)
        ]
        price = Price(prompt=1.0, completion=4.0)
        return Setting(
            issue=Issue(id=issue, repo=".", base_commit="0" * 40, title="Wrong total", body=texts.ISSUE),
            context=Context(files=tuple(shown), tokens=sum(file.tokens for file in shown)),
            trees=self.trees,
            cells=self._cells(issue),
            ledger=Ledger(self.steps, Budget(usd=1e6), {model.name: price}, self.events, issue),
            model=model,
            events=self.events,
            turns=turns,
        )

    def _cells(self, issue: str) -> Cells:
        return Cells(
            issue=issue,
            environment=Environment(digest="0" * 16, workdir="/work"),
            template=IdleTemplate(),
            steps=self.steps,
            cache=VerdictCache(self.folder / "cache"),
            events=self.events,
            limits=Limits(),
            slots=self.slots,
            trees=self.trees,
        )


def make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "app.py").write_text("print('hello')\n", encoding="utf-8")
    for line in (("init", "-q"), ("add", "."), (*_AUTHOR, "commit", "-q", "-m", "start")):
        subprocess.run(["git", *line], cwd=folder, check=True)


@asynccontextmanager
async def open_stage(folder: Path, slots: int = 2) -> AsyncIterator[Stage]:
    """Return a stage in a folder that exists, with so many sandboxes at a time."""
    make_repository(folder / "source")
    repository = await Repository.open(str(folder / "source"), folder / "repository")
    trees = Trees(repository, await repository.tree_of(await repository.resolve()))
    async with open_store(folder / "run") as store:
        yield Stage(folder, trees, Steps(store), anyio.CapacityLimiter(slots), Events())


async def measure(turns: int, count: int) -> float:
    """Return the seconds of `count` trajectories, one after another, after a short one to warm up."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with open_stage(Path(folder)) as stage:
            await run(
                stage.setting(InstantModel(), 5), Assignment(index=0, strategy="agent", sampling=Sampling())
            )
            setting = stage.setting(InstantModel(), turns)
            started = time.perf_counter()
            for index in range(1, count + 1):
                made = await run(setting, Assignment(index=index, strategy="agent", sampling=Sampling()))
                assert len(made.turns) == turns, made.error
            return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps({"seconds": anyio.run(measure, int(sys.argv[1]), int(sys.argv[2]))}))
