"""Runs strategy `agent` in Docker `fork` cells, with a model that answers at once and the real store.

Usage: ours_docker.py ENVIRONMENT FOLDER TURNS look|change. The environment is a record as JSON; the folder
is a repository with the same files.
"""

import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar, cast

sys.path.insert(0, str(Path(__file__).parent.parent / "cells"))
sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import anyio
import commands
import fresh
import ours

from swe_scale.config import Docker, Limits
from swe_scale.events import Events
from swe_scale.records import Changes, Completion, Environment, Request, Sampling, Usage
from swe_scale.repo import Repository
from swe_scale.sandbox import Sandbox, Template
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store
from swe_scale.trajectory import Assignment
from swe_scale.trajectory.loop import run
from swe_scale.trees import Trees

T = TypeVar("T")


@dataclass
class StampingModel:
    """Answers at once, and keeps when it was asked: that is when a turn begins."""

    kind: str
    asked: list[float] = field(default_factory=list)
    name: str = "instant"
    context_length: int = 10**9
    tools: bool = False

    async def complete(self, request: Request) -> Completion:  # noqa: ARG002
        self.asked.append(time.perf_counter())
        number = len(self.asked)
        usage = Usage(calls=1, prompt_tokens=1000 + 200 * number, completion_tokens=60)
        return Completion(text=commands.reply(number, self.kind), usage=usage)


class Timed:
    """A sandbox that counts the seconds in which it is read, by when the reading ended."""

    def __init__(self, inner: Sandbox, reads: list[tuple[float, float]]) -> None:
        self._inner, self._reads = inner, reads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def read(self, path: str, limit: int = 1 << 20) -> bytes | None:
        return await self._timed(lambda: self._inner.read(path, limit))

    async def snapshot(self) -> Changes:
        return await self._timed(self._inner.snapshot)

    async def _timed(self, act: Callable[[], Awaitable[T]]) -> T:
        began = time.perf_counter()
        found = await act()
        ended = time.perf_counter()
        self._reads.append((ended, ended - began))
        return found


@dataclass
class TimedTemplate:
    """Makes sandboxes that count."""

    inner: Template
    reads: list[tuple[float, float]] = field(default_factory=list)

    @asynccontextmanager
    async def fork(self, limits: Limits) -> AsyncIterator[Timed]:
        async with self.inner.fork(limits) as sandbox:
            yield Timed(sandbox, self.reads)


async def measure(environment: Environment, source: Path, turns: int, kind: str) -> dict[str, float]:
    """Return the milliseconds per turn from the second one on, without the commands' own.

    `whole` are those of the loop and of reading the sandbox, `read` the latter's alone.
    """
    model, events = StampingModel(kind), Events()
    config = Docker(base_image=str(environment.image))
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        repository = await Repository.open(str(source), folder / "repository")
        trees = Trees(repository, await repository.tree_of(await repository.resolve()))
        async with open_store(folder / "run") as store, fresh.opened(config, environment) as inner:
            stage = ours.Stage(folder, trees, Steps(store), anyio.CapacityLimiter(2), events)
            setting, template = stage.setting(model, turns + 1), TimedTemplate(inner)
            cells = replace(setting.cells, environment=environment, template=cast(Template, template))
            given = Assignment(index=1, strategy="agent", sampling=Sampling())
            made = await run(replace(setting, cells=cells), given)
    if len(made.turns) != turns + 1 or bool(made.patch) != (kind == "change"):
        raise SystemExit(f"the trajectory went wrong: {made.outcome} {made.error}")
    outputs = [turn.edited.output for turn in made.turns if turn.edited is not None]
    first, last = model.asked[1], model.asked[turns]
    read = sum(seconds for ended, seconds in template.reads if first < ended < last)
    return {"whole": commands.overhead(model.asked, outputs), "read": 1000 * read / (turns - 1)}


def main(given: list[str]) -> dict[str, Any]:
    """Return what was measured."""
    environment = Environment.model_validate_json(given[0])
    return anyio.run(measure, environment, Path(given[1]), int(given[2]), given[3])


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
