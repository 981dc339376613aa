"""Solves a batch of issues with instant replies and idle sandboxes (FOLDER ISSUES); tells what it took."""

import json
import resource
import sqlite3
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

import anyio
from idle import FILE, IdleBackend, InstantModel, source

from swe_scale.batch import Results, Session, make_folder, solve_all, write_predictions
from swe_scale.checks.cache import VerdictCache
from swe_scale.config import Bubblewrap, OpenAIEndpoint, Price, RunConfig
from swe_scale.environment import Options
from swe_scale.events import Events
from swe_scale.jobs import Job, Task, save_job
from swe_scale.records import Issue
from swe_scale.store import Steps
from swe_scale.store.sqlite import open_store
from swe_scale.store.texts import PART

TRAJECTORIES, TURNS = 10, 8
_AUTHOR = ("-c", "user.name=A", "-c", "user.email=a@example.org")


def make_repository(folder: Path) -> str:
    """Make the repository that all issues are of; return its commit."""
    (folder / FILE).parent.mkdir(parents=True)
    (folder / FILE).write_text(source(), encoding="utf-8")
    for number in range(30):
        (folder / f"pkg/other_{number}.py").write_text(source(20), encoding="utf-8")
    for line in (("init", "-q"), ("add", "."), (*_AUTHOR, "commit", "-q", "-m", "start")):
        subprocess.run(["git", *line], cwd=folder, check=True)
    done = subprocess.run(["git", "rev-parse", "HEAD"], cwd=folder, check=True, stdout=subprocess.PIPE)
    return done.stdout.decode().strip()


def job(place: Path, commit: str, issues: int) -> Job:
    """Return the batch."""
    model = OpenAIEndpoint(base_url="http://localhost:1/v1", model=InstantModel.name)
    config = RunConfig(
        models={"trajectory": (model,)},
        sandbox=Bubblewrap(),
        strategies={"revise": TRAJECTORIES},
        turns=TURNS,
        context_tokens=4000,
        prices={InstantModel.name: Price(prompt=1.0, completion=4.0)},
        cells=8,
    )
    tasks = tuple(
        Task(
            issue=Issue(
                id=f"acme__totals-{number}", repo=str(place), base_commit=commit,
                title=f"total_{number} is wrong", body="It is off by one, see pkg/totals.py. " * 20,
            ),
            options=Options(),
        )
        for number in range(issues)
    )  # fmt: skip
    return Job(kind="eval", config=config, tasks=tasks, at_a_time=4)


async def solve(folder: Path, issues: int) -> Mapping[str, float]:
    """Solve the batch in a folder; return seconds and megabytes."""
    work = job(folder / "source", make_repository(folder / "source"), issues)
    run, models = folder / "run", {"trajectory": (InstantModel(),)}
    make_folder(run)
    began = time.perf_counter()

    def keep(results: Results) -> None:
        write_predictions(run, "instant", list(results.solutions.values()))

    async with open_store(run) as store:
        with VerdictCache(folder / "cache") as cache:
            session = Session(
                run, work.config, Steps(store), IdleBackend(), models, cache, Events(),
                anyio.CapacityLimiter(work.config.cells),
            )  # fmt: skip
            await save_job(session.steps.store, session.folder, work)
            results = await solve_all(work, session, keep)
    assert not results.failures, results.failures
    return {"seconds": time.perf_counter() - began, "cpu": cpu(), **sizes(run / "run.sqlite")}


def cpu() -> float:
    """Return the processor seconds of this process and of those it has waited for."""
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in both)


def sizes(record: Path) -> Mapping[str, float]:
    """Return what the record takes, and of it what is no text, in bytes; and the peak of memory in MB."""
    with closing(sqlite3.connect(record)) as connection:
        wanted = "SELECT sum(length(body)) FROM texts WHERE hash NOT LIKE ?"
        (texts,) = connection.execute(wanted, (f"{PART}%",)).fetchone()
        (turns,) = connection.execute("SELECT count(*) FROM steps WHERE path LIKE '%/turn/%'").fetchone()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return {
        "bytes": record.stat().st_size,
        "text_bytes": texts,
        "turns": turns,
        "own_mb": int(status.partition("VmHWM:")[2].split()[0]) / 1024,
        "child_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }


if __name__ == "__main__":
    print(json.dumps(anyio.run(solve, Path(sys.argv[1]), int(sys.argv[2]))))
