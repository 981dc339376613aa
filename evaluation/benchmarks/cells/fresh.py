"""Runs cells in sandboxes of ours for the benchmark; also a program, to be killed in the middle of many."""

import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from secrets import token_hex

import anyio
from pydantic import TypeAdapter

from swe_scale.checks import execute
from swe_scale.config import Limits, SandboxConfig
from swe_scale.events import Events
from swe_scale.records import Changes, Check, Environment, File
from swe_scale.sandbox import Recipe, Sandbox, Template, open_backend

LIMITS = Limits(seconds=60)
RUN = "bench"
SCRIPT = "cat one two >/dev/null; echo fine; exit 42"
"""What a cell runs where only its overhead counts."""
CHANGES: Changes = {
    "one": File(mode="100644", data=b"changed\n"),
    "two": File(mode="100644", data=b"added\n"),
    "gone": None,
}


def write_tree(folder: Path) -> None:
    """Make a small work tree."""
    for name in ("one", "gone", *(f"pkg/{number}.py" for number in range(200))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("text = 1\n", encoding="utf-8")


async def build(config: SandboxConfig) -> Environment:
    """Return an environment with the small work tree."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        await anyio.to_thread.run_sync(write_tree, Path(folder))
        async with open_backend(config, RUN, Events()) as backend:
            return await backend.build(Recipe(), Path(folder), token_hex(8))


@asynccontextmanager
async def opened(config: SandboxConfig, environment: Environment) -> AsyncIterator[Template]:
    """Return its template, in which a cell has run already."""
    async with open_backend(config, RUN, Events()) as backend, backend.open(environment) as template:
        await cell(template)
        yield template


async def cell(template: Template) -> float:
    """Return the seconds of one cell: a fresh copy, a patch, a script, and letting go of it."""
    started = time.perf_counter()
    async with template.fork(LIMITS) as sandbox:
        await sandbox.write(sandbox.workdir, CHANGES)
        ran = await sandbox.run(("sh", "-c", SCRIPT), limits=LIMITS)
    took = time.perf_counter() - started
    if (ran.exit_code, ran.output) != (42, "fine\n"):
        raise RuntimeError(f"a cell went wrong: {ran}")
    return took


async def matrix(template: Template, checks: Sequence[Check], candidates: int, width: int) -> float:
    """Return the seconds that all checks take on all candidates, `width` cells at a time."""
    slots = anyio.CapacityLimiter(width)

    async def run(check: Check, candidate: int) -> None:
        async with slots, template.fork(LIMITS) as sandbox:
            changes = {"candidate": File(mode="100644", data=str(candidate).encode())}
            await sandbox.write(sandbox.workdir, changes)
            ran, _ = await execute(sandbox, check, LIMITS)
        if ran.exit_code != 42:
            raise RuntimeError(f"a cell went wrong: {ran}")

    started = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for check in checks:
            for candidate in range(candidates):
                tasks.start_soon(run, check, candidate)
    return time.perf_counter() - started


async def storm(template: Template, sandboxes: int, tasks: int) -> None:
    """Open sandboxes from tasks at the same time, each with something that would run on."""
    left = iter(range(sandboxes))

    async def hold(sandbox: Sandbox) -> None:
        line = "echo x >changed; (setsid sleep 600 &); sleep 0.2"
        await sandbox.run(("sh", "-c", line), limits=LIMITS)

    async def work() -> None:
        for _ in left:
            async with template.fork(LIMITS) as sandbox:
                await hold(sandbox)

    async with anyio.create_task_group() as group:
        for _ in range(tasks):
            group.start_soon(work)


async def _main(config: SandboxConfig, environment: Environment, sandboxes: int, tasks: int) -> None:
    async with open_backend(config, RUN, Events()) as backend, backend.open(environment) as template:
        print("ready", flush=True)
        await storm(template, sandboxes, tasks)


if __name__ == "__main__":
    parsed: SandboxConfig = TypeAdapter(SandboxConfig).validate_json(sys.argv[1])
    given = Environment.model_validate_json(sys.argv[2])
    anyio.run(_main, parsed, given, int(sys.argv[3]), int(sys.argv[4]))
