"""Knows where runs are kept, and writes down what one is for."""

import re
from dataclasses import dataclass
from pathlib import Path

from swe_scale import batch, jobs
from swe_scale.batch import Session
from swe_scale.cli.screen import Screen
from swe_scale.cli.strategies import writing
from swe_scale.config import dump_toml
from swe_scale.errors import UsageError
from swe_scale.events import Events
from swe_scale.jobs import Job

RUNS = Path("runs")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a run is kept, and who hears of it."""

    folder: Path
    screen: Screen
    events: Events


def check_name(name: str) -> None:
    """Refuse a name that can't be a run folder's.

    Raises:
        UsageError: it can't.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"--name {name!r}: use letters, digits, dots, dashes and underscores, up to 100.")


def writers(job: Job) -> str:
    """Return what predictions name as their model; of patches that were given nobody is known."""
    return "select" if job.tasks[0].given else "+".join(writing(job.config))


async def begin(session: Session, job: Job) -> None:
    """Write down what the run is for; only now is the folder known to be this process's alone.

    Raises:
        UsageError: the folder holds a run for other issues, which would be lost.
        StoreError: the record can't be written.
    """
    batch.replace_text(session.folder / "config.toml", dump_toml(job.config))
    await jobs.save_job(session.steps.store, session.folder, job)
