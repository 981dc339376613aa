"""The main job end to end on a bundled issue: only the model's replies are scripted, all else is real."""

import os
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import anyio

from swe_scale import assets
from swe_scale.batch import open_models, open_session, solve_task
from swe_scale.config import Limits, RunConfig, SandboxConfig, ScriptedReplies, StageSampling
from swe_scale.environment import Options
from swe_scale.errors import SweScaleError
from swe_scale.events import Events
from swe_scale.issues import draft_of_text
from swe_scale.jobs import Task
from swe_scale.records import Solution

NOTE = (
    "The model's replies are scripted; environment, sandboxes, checks, tests, votes and costs in tokens "
    "(estimated from the text) are real."
)
_ID = "demo"
_TURNS = 6
_REPLY_TOKENS = 4096
_SECONDS = 30.0
_TEST_ROUNDS = 1
"""None is needed: the right patches bring tests."""


def strategies(trajectories: Sequence[dict[str, Any]]) -> dict[str, int]:
    """Return how many trajectories each strategy gets, in the order of their indices."""
    counts: dict[str, int] = {}
    for one in sorted(trajectories, key=lambda one: int(one["index"])):
        counts[one["strategy"]] = counts.get(one["strategy"], 0) + 1
    return counts


def settings(sandbox: SandboxConfig, replies: Path) -> RunConfig:
    """Return the settings of the demo."""
    model, sampling = ScriptedReplies(replies=replies), StageSampling(reply_tokens=_REPLY_TOKENS)
    made = tomllib.loads((assets.folder("demo") / "trajectories.toml").read_text(encoding="utf-8"))
    return RunConfig(
        models={"trajectory": (model,), "selection": (model,)},
        sampling={"trajectory": sampling, "selection": sampling},
        sandbox=sandbox,
        strategies=strategies(made["trajectories"]),
        turns=_TURNS,
        context_tokens=40_000,
        limits=Limits(seconds=_SECONDS, output=16 * 1024),
        regression_seconds=_SECONDS,
        test_rounds=_TEST_ROUNDS,
    )


async def build_repository(folder: Path) -> str:
    """Make the demo's repository with its history in an empty folder; return the last commit.

    Raises:
        SweScaleError: git failed.
    """
    data = assets.folder("demo")
    told = tomllib.loads((data / "commits.toml").read_text(encoding="utf-8"))
    name, mail = told["author"]["name"], told["author"]["email"]
    await _git(folder, "init", "-q", "-b", "main", ".")
    for commit in told["commits"]:
        await anyio.to_thread.run_sync(_copy, data / "source", folder, commit["paths"])
        await _git(folder, "add", "--all")
        identity = ("-c", f"user.name={name}", "-c", f"user.email={mail}")
        await _git(folder, *identity, "commit", "-q", "-m", commit["message"], date=commit["date"])
    return await _git(folder, "rev-parse", "HEAD")


def _copy(source: Path, folder: Path, paths: Sequence[str]) -> None:
    for path in paths:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source / path, target)


async def _git(folder: Path, *arguments: str, date: str = "") -> str:
    variables = {"GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_GLOBAL": os.devnull, "PATH": os.environ["PATH"]}
    if date:
        variables |= {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    ran = await anyio.run_process(["git", *arguments], cwd=folder, env=variables, check=False)
    if ran.returncode:
        raise SweScaleError(f"git {arguments[0]} failed: {ran.stderr.decode(errors='replace').strip()}")
    return ran.stdout.decode().strip()


async def run_demo(
    work: Path, sandbox: SandboxConfig, events: Events, replies: Path | None = None
) -> Solution:
    """Solve the demo's issue in a folder that the caller removes.

    Args:
        work: an empty folder for repository and run.
        sandbox: where code runs.
        events: where progress is reported.
        replies: scripted replies. None: the bundled ones.

    Raises:
        SweScaleError: something that is needed failed.
    """
    data = assets.folder("demo")
    config = settings(sandbox, replies or data / "replies")
    repository, run = work / "repository", work / "run"
    for folder in (repository, run):
        await anyio.Path(folder).mkdir()
    commit = await build_repository(repository)
    text = await anyio.Path(data / "issue.md").read_text(encoding="utf-8")
    issue = draft_of_text(text, _ID).on(str(repository), commit)
    async with (
        open_models(config.asked, events) as models,
        open_session(run, config, models, events, cache=work / "cache") as session,
    ):
        return await solve_task(Task(issue=issue, options=Options()), session)
