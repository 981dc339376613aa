"""What a fresh sandbox costs per cell, beside the bare script and the ways of others, and what it leaves.

The container service needs a base image: the configured default, or the one that SWE_SCALE_TEST_IMAGE names.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import anyio
import docker
from harness import Figure, Goal, arguments, compare, report

sys.path.insert(0, str(Path(__file__).parent / "cells"))

from fresh import SCRIPT, build, cell, matrix, opened, storm, write_tree
from others import bare, exec_cli, life_cycle, run_rm, running

from swe_scale.config import Bubblewrap, Docker, SandboxConfig
from swe_scale.records import Check, Environment
from swe_scale.sandbox.cgroup import Groups

CELLS = 20
"""Cells of one repeat, of which the mean counts."""
LOAD = 0.5
"""Share of the rate at which containers can be made, for the pool that is ahead of need."""
CORES = os.cpu_count() or 1
_BUSY = """import sys, time
while time.process_time() < 0.3:
    pass
sys.exit(42)  # check {number}
"""
_OWN = Path(__file__).parent / "cells" / "fresh.py"


def ways() -> dict[str, SandboxConfig]:
    """Return the sandboxes that are measured."""
    image = os.environ.get("SWE_SCALE_TEST_IMAGE", Docker().base_image)
    return {
        "fork": Docker(base_image=image),
        "bubblewrap": Bubblewrap(allow_unbounded=True),
        "strict": Docker(base_image=image, mode="strict"),
    }


def mean(measure: Callable[[], float], count: int) -> float:
    """Return the mean of some measurements, in milliseconds."""
    return 1000 * sum(measure() for _ in range(count)) / count


async def one_by_one(config: SandboxConfig, environment: Environment, pause: float) -> float:
    """Return the milliseconds of a cell, one after another, with pauses between."""
    async with opened(config, environment) as template:
        total = 0.0
        for _ in range(CELLS):
            await anyio.sleep(pause)
            total += await cell(template)
    return 1000 * total / CELLS


def overheads(environments: Mapping[str, Environment], repeats: int) -> list[Figure]:
    """Return what a cell takes beyond the bare script's time, in each way."""
    image = str(environments["fork"].image)
    name = running(image)
    by_cli = exec_cli(name, "echo fine; exit 42")
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        write_tree(Path(folder))
        (Path(folder) / "two").touch()
        for repeat in range(repeats + 1):
            found = {"bare": mean(partial(bare, SCRIPT, folder), CELLS)}
            found["run --rm"] = mean(run_rm(image, "echo fine; exit 42"), CELLS // 4)
            found["exec"] = mean(by_cli, CELLS // 2)
            # Two cores make containers at the rate of `docker run --rm` times the cores.
            pause = found["run --rm"] / 1000 / CORES / LOAD
            for way, config in ways().items():
                wait = pause if way == "strict" else 0.0
                found[way] = anyio.run(one_by_one, config, environments[way], wait)
            if repeat:  # the first doesn't count
                for key, value in found.items():
                    took.setdefault(key, []).append(value)
    subprocess.run(["docker", "rm", "-f", name], check=True, capture_output=True)
    over = {
        key: [value - base for value, base in zip(values, took["bare"], strict=True)]
        for key, values in took.items()
    }
    figures = []
    for way, bound, least in (("fork", 25, 0.1), ("bubblewrap", 25, 0.1), ("strict", 80, None)):
        label = f"overhead of a cell, {way}{' at half load' if way == 'strict' else ''}"
        goal = None if least is None else Goal(most=least)
        figures += [
            compare(label, "ms", over[way], None, Goal(most=bound, of_ours=True)),
            compare(f"{label}, beside docker run --rm", "ms", over[way], over["run --rm"], goal),
            compare(f"{label}, beside docker exec (no fresh state)", "ms", over[way], over["exec"]),
        ]
    cycle = [1000 * life_cycle(image, "exit 42")]
    label = "overhead of a cell, fork, beside CodeMonkeys' life cycle"
    return [*figures, compare(label, "ms", over["fork"][:1], cycle)]


def bare_cpu(script: str) -> float:
    """Return the CPU seconds of a Python script on this host."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-I", "-c", script], check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def crossed(config: SandboxConfig, environment: Environment) -> float:
    """Return the seconds of ten checks on ten candidates and on the untouched tree."""
    checks = [Check.of(_BUSY.format(number=number), "reproduction") for number in range(10)]
    async with opened(config, environment) as template:
        return await matrix(template, checks, 11, CORES)


def matrices(environments: Mapping[str, Environment], repeats: int) -> list[Figure]:
    """Return how long a matrix takes, beside the CPU time of its checks spread over the cores."""
    took: dict[str, list[float]] = {way: [] for way in ways()}
    ideal: list[float] = []
    for _ in range(repeats):
        ideal.append(110 / CORES * sum(bare_cpu(_BUSY) for _ in range(10)) / 10)
        for way, config in ways().items():
            took[way].append(anyio.run(crossed, config, environments[way]))
    goal = Goal(most=1.25)
    return [
        compare(
            f"{way}: 10 × 10 matrix and the untouched row, beside CPU time ÷ cores",
            "s",
            seconds,
            ideal,
            None if way == "strict" else goal,
        )
        for way, seconds in took.items()
    ]


def leftovers(pid: int) -> int:
    """Return how many processes, containers, control groups, mounts and copies of a process are left."""
    client = docker.from_env()
    owned = client.containers.list(all=True, filters={"label": "swe-scale.owner"}, ignore_removed=True)
    containers = [one for one in owned if f"-{pid}-" in one.labels["swe-scale.owner"]]
    client.close()
    found = Groups.find()
    parents = set(found.parents.values()) if found else set()
    groups = [group for parent in parents for group in parent.glob(f"swe-scale-*-{pid}-*")]
    copies = list((Path(os.environ["XDG_CACHE_HOME"]) / "swe-scale" / "forks").glob(f"*-{pid}-*"))
    sleeping = subprocess.run(["pgrep", "-fx", "sleep 600"], capture_output=True, text=True).stdout.split()
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if "swe-scale" in line]
    return len(containers) + len(groups) + len(copies) + len(sleeping) + len(mounts)


def killed(config: SandboxConfig, environment: Environment) -> float:
    """Return what is left of 200 sandboxes of 50 tasks that were killed in the middle, after `clean`."""
    given = [config.model_dump_json(), environment.model_dump_json(), "200", "50"]
    process = subprocess.Popen([sys.executable, str(_OWN), *given], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(3)
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    clean = [str(Path(sys.executable).parent / "swe-scale"), "clean", "--json"]
    subprocess.run(clean, check=True, stdout=subprocess.DEVNULL)
    return float(leftovers(process.pid))


async def grown(config: SandboxConfig, environment: Environment) -> tuple[float, float]:
    """Return by how many MiB our memory grows over 200 sandboxes of 50 tasks, and descriptors and threads."""

    def now() -> tuple[float, int]:
        status = Path("/proc/self/status").read_text()
        told = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if len(line.split()) > 1}
        return int(told["VmRSS"]) / 1024, int(told["Threads"]) + len(list(Path("/proc/self/fd").iterdir()))

    async with opened(config, environment) as template:
        await storm(template, 50, 50)
        before = now()
        await storm(template, 200, 50)
        after = now()
    return after[0] - before[0], float(after[1] - before[1])


def ends(environments: Mapping[str, Environment]) -> list[Figure]:
    """Return what is left after the worst ends, and what we take."""
    figures = []
    for way, config in ways().items():
        left = [killed(config, environments[way])]
        name = f"{way}: left of 200 sandboxes of 50 tasks, killed with -9, after clean"
        figures.append(compare(name, "things", left, None, Goal(most=0, of_ours=True)))
        memory, held = anyio.run(grown, config, environments[way])
        name = f"{way}: growth of our memory over 200 sandboxes of 50 tasks"
        figures.append(compare(name, "MiB", [memory], None, Goal(most=16, of_ours=True)))
        name = f"{way}: further descriptors and threads after them"
        figures.append(compare(name, "", [held], None, Goal(most=0, of_ours=True)))
    return figures


def measure(repeats: int) -> list[Figure]:
    """Return the figures."""
    with tempfile.TemporaryDirectory(prefix="bench-cache-") as folder:
        os.environ["XDG_CACHE_HOME"] = folder
        environments = {way: anyio.run(build, config) for way, config in ways().items()}
        try:
            return [
                *overheads(environments, repeats),
                *matrices(environments, max(1, repeats // 2)),
                *ends(environments),
            ]
        finally:
            client = docker.from_env()
            for image in client.images.list():
                labels = json.dumps(image.labels)
                if any(one.digest in labels for one in environments.values()):
                    client.images.remove(image.id, force=True)
            client.close()


if __name__ == "__main__":
    chosen = arguments("What a fresh sandbox costs per cell.", repeats=7)
    report(measure(chosen.repeats), as_json=chosen.json)
