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
from swe_scale.records import (
    Changes,
    Completion,
    Context,
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

    async def complete(self, request: Request) -> Completion:
        _, _, trajectory, _, number = request.step.split("/")
        usage = Usage(calls=1, prompt_tokens=1000 + 500 * int(number), completion_tokens=150)
        return Completion(text=texts.reply(f"{trajectory}_{number}"), usage=usage)


class IdleSandbox:
    """Runs nothing and says what a command would have printed."""

    workdir = "/work"
    scratch = "/scratch"

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
        self, limits: Limits | None = None, endpoint: str | None = None
    ) -> AbstractAsyncContextManager[Sandbox]:
        return self._fork()

    @asynccontextmanager
    async def _fork(self) -> AsyncIterator[Sandbox]:
        self._forks += 1
        yield IdleSandbox(self._forks)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything but the number of turns that a trajectory needs."""

    issue: Issue
    trees: Trees
    cells: Cells
    ledger: Ledger
    events: Events

    def setting(self, turns: int) -> Setting:
        return Setting(
            issue=self.issue,
            context=Context(files=(), tokens=0),
            trees=self.trees,
            cells=self.cells,
            ledger=self.ledger,
            model=InstantModel(),
            events=self.events,
            turns=turns,
        )


def make_repository(folder: Path) -> None:
    folder.mkdir()
    (folder / "app.py").write_text("print('hello')\n", encoding="utf-8")
    for line in (("init", "-q"), ("add", "."), (*_AUTHOR, "commit", "-q", "-m", "start")):
        subprocess.run(["git", *line], cwd=folder, check=True)


@asynccontextmanager
async def open_stage(folder: Path) -> AsyncIterator[Stage]:
    make_repository(folder / "source")
    repository = await Repository.open(str(folder / "source"), folder / "repository")
    commit = await repository.resolve()
    trees = Trees(repository, await repository.tree_of(commit))
    events = Events()
    async with open_store(folder / "run") as store:
        steps = Steps(store)
        cells = Cells(
            issue="bench-1",
            environment=Environment(digest="0" * 16, workdir="/work"),
            template=IdleTemplate(),
            steps=steps,
            cache=VerdictCache(folder / "cache"),
            events=events,
            limits=Limits(),
            slots=anyio.CapacityLimiter(2),
            trees=trees,
        )
        price = Price(prompt=1.0, completion=4.0)
        ledger = Ledger(steps, Budget(usd=1e6), {InstantModel.name: price}, events, "bench-1")
        issue = Issue(id="bench-1", repo=".", base_commit=commit, title="Wrong total", body=texts.ISSUE)
        yield Stage(issue, trees, cells, ledger, events)


async def measure(turns: int, count: int) -> float:
    """Return the seconds of `count` trajectories, one after another, after a short one to warm up."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        async with open_stage(Path(folder)) as stage:
            await run(stage.setting(5), Assignment(index=0, strategy="agent", sampling=Sampling()))
            setting = stage.setting(turns)
            started = time.perf_counter()
            for index in range(1, count + 1):
                made = await run(setting, Assignment(index=index, strategy="agent", sampling=Sampling()))
                assert len(made.turns) == turns, made.error
            return time.perf_counter() - started


if __name__ == "__main__":
    print(json.dumps({"seconds": anyio.run(measure, int(sys.argv[1]), int(sys.argv[2]))}))
