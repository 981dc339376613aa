"""Keeps trajectories alive in one process against the instant server, with the real loop, ledger and store.

Usage: alive.py memory|pace BASE_URL ISSUES TRAJECTORIES TURNS; TRAJECTORIES are per issue. `memory` holds all
of them after their last turn but one and tells what they take; `pace` tells how evenly they get on.
"""

import gc
import json
import os
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import anyio

sys.path.insert(0, str(Path(__file__).parent.parent / "turns"))

import texts
from instant import MODEL
from ours import Stage, open_stage

from swe_scale.config import OpenAIEndpoint
from swe_scale.models import Model, open_model
from swe_scale.records import Completion, Request, Sampling
from swe_scale.trajectory import Assignment, Setting
from swe_scale.trajectory.loop import run

IN_FLIGHT = 256
SLOTS = 512
"""Sandboxes at a time; agents keep four times as many, enough for all."""


@dataclass
class Held:
    """A model whose calls of one turn wait until all are there."""

    model: Model
    turn: int
    """0: none waits."""
    all_there: int
    name: str = MODEL
    context_length: int = 10**9
    tools: bool = False
    there: anyio.Event = field(default_factory=anyio.Event)
    go_on: anyio.Event = field(default_factory=anyio.Event)
    _waiting: int = 0

    async def complete(self, request: Request) -> Completion:
        if int(request.step.rpartition("/")[2]) == self.turn:
            self._waiting += 1
            if self._waiting == self.all_there:
                self.there.set()
            await self.go_on.wait()
        return await self.model.complete(request)


@asynccontextmanager
async def opened(base_url: str) -> AsyncIterator[tuple[Stage, Model]]:
    """Return a stage and a model, both of which have made a short trajectory."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        config = OpenAIEndpoint(base_url=base_url, model=MODEL, max_in_flight=IN_FLIGHT)
        async with open_stage(Path(folder), SLOTS) as stage, open_model(config) as model:
            await one(stage.setting(model, 3), 1)
            yield stage, model


async def one(setting: Setting, index: int) -> None:
    """Make a trajectory that takes all its turns."""
    made = await run(setting, Assignment(index=index, strategy="agent", sampling=Sampling()))
    if len(made.turns) != setting.turns:
        raise RuntimeError(f"a trajectory ended early: {made.outcome} {made.error}")


def resident() -> int:
    """Return the bytes of memory that this process has, garbage collected."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def memory(base_url: str, issues: int, each: int, turns: int) -> dict[str, float]:
    """Return the kB per trajectory of a process in which all wait to be answered, less it without any."""
    async with opened(base_url) as (stage, model):
        before, count = resident(), issues * each
        held = Held(model, turns, count)
        async with anyio.create_task_group() as tasks:
            for number in range(1, issues + 1):
                setting = stage.setting(held, turns, f"issue-{number}", texts.files(number))
                for index in range(1, each + 1):
                    tasks.start_soon(one, setting, index)
            await held.there.wait()
            found = resident() - before
            held.go_on.set()
        return {"kB": found / 1000 / count}


async def pace(base_url: str, issues: int, each: int, turns: int) -> dict[str, float]:
    """Return the turns per second of all, and the slowest trajectory's ÷ the median one's."""
    async with opened(base_url) as (stage, model):
        rates: list[float] = []
        started = time.perf_counter()

        async def timed(setting: Setting, index: int) -> None:
            await one(setting, index)
            rates.append(turns / (time.perf_counter() - started))

        async with anyio.create_task_group() as tasks:
            for number in range(1, issues + 1):
                setting = stage.setting(model, turns, f"issue-{number}", texts.files(number))
                for index in range(1, each + 1):
                    tasks.start_soon(timed, setting, index)
        total = turns * len(rates) / (time.perf_counter() - started)
        return {"slowest": min(rates) / median(rates), "per_second": total}


if __name__ == "__main__":
    what, url, *numbers = sys.argv[1:]
    measure = {"memory": memory, "pace": pace}[what]
    issues, each, turns = map(int, numbers)
    print(json.dumps(anyio.run(measure, url, issues, each, turns)))
